// Package clip is the built-in test clip: a moving 640×360 picture at 30 frames
// a second with a clock, a flash on every full second and a frame counter a
// machine can read, and stereo sound with a beep on every flash. Its files are
// made by make.sh from [Draw] and [Tone] and embedded.
//
// The first sample of every sound packet number k belongs to media time k × 20 ms
// and every picture number n to n/30 s, so flash and beep start together.
package clip

import (
	_ "embed" // the files
	"time"
)

//go:embed h264-1.h264
var h264Each1 []byte

//go:embed h264-2.h264
var h264Each2 []byte

//go:embed h264-10.h264
var h264Each10 []byte

//go:embed vp8-1.ivf
var vp8Each1 []byte

//go:embed vp8-2.ivf
var vp8Each2 []byte

//go:embed vp8-10.ivf
var vp8Each10 []byte

//go:embed tone.ogg
var tone []byte

// H264 returns the clip as an Annex B stream (constrained baseline, one slice a
// picture) with a keyframe every interval: 1, 2 or 10 s; nil for any other. The
// loops are 2 s (for 1 s) or 10 s long. The bytes must not be changed.
func H264(interval time.Duration) []byte {
	return pick(interval, h264Each1, h264Each2, h264Each10)
}

// VP8 returns the clip as an IVF file with a keyframe every interval: 1, 2 or
// 10 s; nil for any other. The loops are 2 s (for 1 and 2 s) or 10 s long. The
// bytes must not be changed.
func VP8(interval time.Duration) []byte {
	return pick(interval, vp8Each1, vp8Each2, vp8Each10)
}

// Opus returns 10 s of sound as an Ogg file of 500 packets of 20 ms. The bytes
// must not be changed.
func Opus() []byte { return tone }

func pick(interval time.Duration, one, two, ten []byte) []byte {
	switch interval {
	case time.Second:
		return one
	case 2 * time.Second:
		return two
	case 10 * time.Second:
		return ten
	}
	return nil
}
