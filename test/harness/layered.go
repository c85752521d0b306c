package harness

import (
	"fmt"
	"testing"
	"time"
)

// Layered is a stream with layers for a page to publish. Its picture makes an encoder use all bits
// it may, at the full frame rate: what a layer takes is known.
type Layered struct {
	Publishing // without URL

	Heights [3]int // of its layers in pixels, the lowest first

	// ForMiddle and ForLowest are caps, in bits per second of whole packets, at which the best that
	// fits beside the sound is the middle layer at its full frame rate, and the lowest layer at
	// some frame rate. Sound takes about 70 kbit/s.
	ForMiddle, ForLowest int64

	// Temporal is how many temporal layers each layer has.
	Temporal int

	// Descriptor is that its spatial layers need the Dependency Descriptor, see [Watching].
	Descriptor bool
}

// What the streams below have in common; see [Layered].
const (
	forMiddle = 1_200_000
	forLowest = 400_000
)

var layeredHeights = [3]int{180, 360, 720}

// Simulcast is three encodings of 150, 500 and 1500 kbit/s, "VP8" with three temporal layers each,
// "H264" with one.
func Simulcast(codec string) Layered {
	temporal := 1
	if codec == "VP8" {
		temporal = 3
	}
	return Layered{
		Publishing: Publishing{
			Codec: codec, Width: 1280, Height: 720, FPS: 30, Noise: 0.3, Contrast: 0.15, KeepSize: true,
			Encodings: []Encoding{
				{RID: "l", MaxBitrate: 150_000, ScaleDownBy: 4},
				{RID: "m", MaxBitrate: 500_000, ScaleDownBy: 2},
				{RID: "h", MaxBitrate: 1_500_000},
			},
		},
		Heights:   layeredHeights,
		ForMiddle: forMiddle, ForLowest: forLowest, Temporal: temporal,
	}
}

// SVC is one encoding with three spatial layers of three temporal layers each: "VP9", whose layers
// depend on each other at keyframes alone, or "AV1". Chromium gives those of VP9 about 150, 400 and
// 1500 kbit/s, the most it does at this size, and those of AV1 about 80, 300 and 1900.
func SVC(codec string) Layered {
	l := Layered{
		Publishing: Publishing{
			Codec: codec, Width: 1280, Height: 720, FPS: 15, Noise: 0.3, Contrast: 0.15, KeepSize: true,
			Encodings: []Encoding{{ScalabilityMode: "L3T3_KEY", MaxBitrate: 2_100_000}},
		},
		Heights:   layeredHeights,
		ForMiddle: forMiddle, ForLowest: forLowest, Temporal: 3,
	}
	if codec == "AV1" {
		l.Contrast = 0.08 // with more, its encoder drops whole layers
		l.Encodings[0].ScalabilityMode = "L3T3"
		l.Descriptor = true
	}
	return l
}

// ForSound is a cap, in bits per second of whole packets, under which the sound fits and no layer
// of the streams below beside it.
const ForSound = 100_000

// Layer returns the choice of one layer, 0 the lowest.
func (l Layered) Layer(rank int) Layer {
	if l.Spatial() {
		return Layer{Spatial: &rank}
	}
	return Layer{RID: l.Encodings[rank].RID}
}

// Spatial reports whether the layers are spatial ones of one encoding.
func (l Layered) Spatial() bool { return len(l.Encodings) == 1 }

// Sending is what a publishing page sends of one encoding.
type Sending struct {
	Bitrate   float64 // bits per second, without probes
	FrameRate float64 // pictures encoded in the last second; the spatial layers of one count once
	Height    int
}

// Sending returns what the session sends over some time from now, by RID.
func (s *Session) Sending(t testing.TB, over time.Duration) map[string]Sending {
	t.Helper()
	before, start := s.outbound(t), time.Now()
	time.Sleep(over) // the time measured over
	after := s.outbound(t)
	seconds := time.Since(start).Seconds()
	all := map[string]Sending{}
	for rid, r := range after {
		media := r.BytesSent - r.BytesResent - before[rid].BytesSent + before[rid].BytesResent
		all[rid] = Sending{
			Bitrate:   float64(8*media) / seconds,
			FrameRate: r.FrameRate,
			Height:    r.FrameHeight,
		}
	}
	return all
}

func (s *Session) outbound(t testing.TB) map[string]RTPStats {
	t.Helper()
	all := map[string]RTPStats{}
	for _, r := range s.Stats(t, "outbound-rtp") {
		if r.Kind == "video" {
			all[r.RID] = r
		}
	}
	return all
}

const (
	// fullShare is how much of its bitrate an encoding must use to count as sent in full.
	fullShare = 0.75

	// fullWithin is how long a browser may take from its start bitrate to all layers in full, on a
	// busy machine.
	fullWithin = 30 * time.Second
)

// AwaitFull waits until a session that publishes this stream sends all layers at their bitrates
// and frame rate; what a cap does to a stream can be told from then on.
func (l Layered) AwaitFull(t testing.TB, s *Session) {
	t.Helper()
	Eventually(t, fullWithin, func() error {
		sending := s.Sending(t, 2*time.Second)
		for _, e := range l.Encodings {
			if got := sending[e.RID]; got.Bitrate < fullShare*float64(e.MaxBitrate) || got.FrameRate < fullShare*float64(l.FPS) {
				return fmt.Errorf("encoding %q is not sent in full, the machine may be too busy: %+v", e.RID, sending)
			}
		}
		return nil
	})
}
