package client

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// SyntheticOptions describes made-up video. The zero values of all but the codec
// are usable.
type SyntheticOptions struct {
	Codec            codec.Name    // VP8 or H264
	Width, Height    int           // in pixels; 0 is 640 and 360
	Bitrate          int64         // bits per second of frames; 0 is 500,000
	FPS              int           // 0 is 30
	KeyframeInterval time.Duration // 0 is 2 s
	KeyframeWeight   int           // how many times larger a keyframe is; 0 is 8
	Frames           int           // how many frames there are; 0 never ends
}

// A Synthetic is a video source of any size and rate whose frames have right
// headers and a stamp (see ReadStamp) but no picture: for measuring what moves
// packets. It answers keyframe requests with the next frame.
type Synthetic struct {
	opts     SyntheticOptions
	interval int // frames from keyframe to keyframe
	asked    atomic.Bool
	number   int
	sinceKey int
	buf      []byte
}

// NewSynthetic makes a synthetic video source.
func NewSynthetic(opts SyntheticOptions) (*Synthetic, error) {
	setDefault(&opts.Width, 640)
	setDefault(&opts.Height, 360)
	setDefault(&opts.Bitrate, 500_000)
	setDefault(&opts.FPS, 30)
	setDefault(&opts.KeyframeInterval, 2*time.Second)
	setDefault(&opts.KeyframeWeight, 8)
	switch {
	case opts.Codec != codec.VP8 && opts.Codec != codec.H264:
		return nil, fmt.Errorf("synthetic video comes in VP8 and H264, not in %s", opts.Codec)
	case opts.Width < 16 || opts.Width > 16383 || opts.Height < 16 || opts.Height > 16383:
		return nil, fmt.Errorf("synthetic video of %d×%d cannot be", opts.Width, opts.Height)
	case opts.FPS < 1 || opts.FPS > 1000 || opts.Bitrate < 1000 || opts.Bitrate/8 > maxFrame:
		return nil, fmt.Errorf("synthetic video of %d bit/s at %d frames/s cannot be", opts.Bitrate, opts.FPS)
	}
	interval := max(1, int(opts.KeyframeInterval*time.Duration(opts.FPS)/time.Second))
	return &Synthetic{opts: opts, interval: interval}, nil
}

func setDefault[T int | int64 | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

// Format returns the codec, H.264 as constrained baseline.
func (s *Synthetic) Format() Format {
	if s.opts.Codec == codec.H264 {
		return Format{codec.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
	}
	return Format{Codec: s.opts.Codec}
}

// RequestKeyframe makes the next frame a keyframe.
func (s *Synthetic) RequestKeyframe() { s.asked.Store(true) }

// Close does nothing.
func (s *Synthetic) Close() error { return nil }

// Rewind counts frames from 0 again.
func (s *Synthetic) Rewind() error {
	s.number, s.sinceKey = 0, 0
	return nil
}

// Next makes a frame.
func (s *Synthetic) Next() (Frame, error) {
	if s.opts.Frames > 0 && s.number >= s.opts.Frames {
		return Frame{}, io.EOF
	}
	key := s.sinceKey%s.interval == 0
	if s.asked.Swap(false) {
		key = true
	}
	if key {
		s.sinceKey = 0
	}
	s.sinceKey++
	s.fill(key)
	f := Frame{
		Data: s.buf, At: time.Duration(s.number) * time.Second / time.Duration(s.opts.FPS),
		Duration: time.Second / time.Duration(s.opts.FPS), Keyframe: key, Number: s.number,
	}
	s.number++
	return f, nil
}

// fill writes header, stamp and filling. Keyframes are heavier and the frames
// between them lighter by as much, so that the rate is kept.
func (s *Synthetic) fill(key bool) {
	mean := int(s.opts.Bitrate) / 8 / s.opts.FPS
	weight := s.opts.KeyframeWeight
	size := mean * s.interval / (s.interval - 1 + weight)
	if key {
		size *= weight
	}
	if s.opts.Codec == codec.VP8 {
		s.buf = vp8Header(s.buf[:0], key, s.opts.Width, s.opts.Height)
	} else {
		s.buf = h264Header(s.buf[:0], key, s.opts.Width, s.opts.Height)
	}
	s.buf = appendStamp(s.buf, s.number, time.Now())
	for len(s.buf) < size {
		s.buf = append(s.buf, 0xab)
	}
}

// vp8Header writes a frame tag and, for keyframes, start code and size (RFC 6386 §9.1).
func vp8Header(b []byte, key bool, width, height int) []byte {
	const showFrame = 0x10
	if !key {
		return append(b, showFrame|1, 0, 0)
	}
	b = append(b, showFrame, 0, 0, 0x9d, 0x01, 0x2a)
	b = binary.LittleEndian.AppendUint16(b, uint16(width))
	return binary.LittleEndian.AppendUint16(b, uint16(height))
}

// h264Header writes parameter sets for keyframes and the head of the one slice.
func h264Header(b []byte, key bool, width, height int) []byte {
	if !key {
		return append(b, 0, 0, 0, 1, 0x61, 0x9a) // a P slice: first_mb 0, slice_type 5
	}
	b = append(append(b, 0, 0, 0, 1), baselineSPS(width, height)...)
	b = append(b, 0, 0, 0, 1, 0x68, 0xce, 0x38, 0x80) // PPS 0: CAVLC, nothing special
	return append(b, 0, 0, 0, 1, 0x65, 0x88)          // an IDR slice: first_mb 0, slice_type 7
}

// baselineSPS writes a sequence parameter set (H.264 §7.3.2.1.1) for a picture of
// whole macroblocks, cropped to the size.
func baselineSPS(width, height int) []byte {
	mbs := func(pixels int) int { return (pixels + 15) / 16 }
	w := bitWriter{data: []byte{0x67, 66, 0xe0, 31}}
	w.golomb(0)                       // seq_parameter_set_id
	w.golomb(0)                       // log2_max_frame_num_minus4
	w.golomb(2)                       // pic_order_cnt_type
	w.golomb(1)                       // max_num_ref_frames
	w.write(0, 1)                     // gaps_in_frame_num_value_allowed_flag
	w.golomb(uint32(mbs(width) - 1))  // pic_width_in_mbs_minus1
	w.golomb(uint32(mbs(height) - 1)) // pic_height_in_map_units_minus1
	w.write(3, 2)                     // frame_mbs_only_flag, direct_8x8_inference_flag
	right, bottom := mbs(width)*16-width, mbs(height)*16-height
	if right > 1 || bottom > 1 {
		w.write(1, 1) // frame_cropping_flag; units of two pixels
		w.golomb(0)
		w.golomb(uint32(right / 2))
		w.golomb(0)
		w.golomb(uint32(bottom / 2))
	} else {
		w.write(0, 1)
	}
	w.write(0, 1) // vui_parameters_present_flag
	w.write(1, 1) // rbsp_stop_one_bit
	return w.data
}

// A bitWriter appends bits; the last byte is filled with zeros.
type bitWriter struct {
	data []byte
	free int // bits left in the last byte
}

func (w *bitWriter) write(value uint32, count int) {
	for i := count - 1; i >= 0; i-- {
		if w.free == 0 {
			w.data, w.free = append(w.data, 0), 8
		}
		w.free--
		w.data[len(w.data)-1] |= byte(value>>i&1) << w.free
	}
}

// golomb writes an unsigned Exp-Golomb code (H.264 §9.1).
func (w *bitWriter) golomb(value uint32) {
	length := 0
	for v := value + 1; v > 1; v >>= 1 {
		length++
	}
	w.write(0, length)
	w.write(value+1, length+1)
}

// The stamp is a magic word, the frame's number and the time it was made, in
// bytes with the top bit set: no start code can arise in it.
var stampMagic = [...]byte{0xd7, 0xe8, 0xe9, 0xf0, 0xf0, 0xe5, 0xf4, 0xdf}

const stampDigits = 9 // of seven bits each: 63 bits

func appendStamp(b []byte, number int, at time.Time) []byte {
	b = append(b, stampMagic[:]...)
	b = appendSeven(b, uint64(number))
	return appendSeven(b, uint64(at.UnixNano()))
}

func appendSeven(b []byte, v uint64) []byte {
	for i := stampDigits - 1; i >= 0; i-- {
		b = append(b, 0x80|byte(v>>(7*i))&0x7f)
	}
	return b
}

// ReadStamp finds the number of a synthetic frame and the time it was made in a
// frame or in the payload of its first packet.
func ReadStamp(b []byte) (number int, at time.Time, ok bool) {
	const farthest = 128 // headers before it are shorter
	for i := 0; i+len(stampMagic)+2*stampDigits <= len(b) && i < farthest; i++ {
		if [len(stampMagic)]byte(b[i:i+len(stampMagic)]) == stampMagic {
			b = b[i+len(stampMagic):]
			return int(seven(b)), time.Unix(0, int64(seven(b[stampDigits:]))), true
		}
	}
	return 0, time.Time{}, false
}

func seven(b []byte) (v uint64) {
	for _, digit := range b[:stampDigits] {
		v = v<<7 | uint64(digit&0x7f)
	}
	return v
}
