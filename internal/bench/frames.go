package bench

import "time"

const (
	// payloadBytes is what a full packet carries: 1200 bytes with header and extension.
	payloadBytes = 1200 - 12 - 8

	// keyframeWeight is how many times larger a keyframe is.
	keyframeWeight = 8

	audioPayload  = 160 // bytes: 64 kbit/s
	audioInterval = 20 * time.Millisecond
)

// A framer makes the payloads of video frames: right headers, a stamp, filling.
// Not safe for concurrent use.
type framer struct {
	codec    Codec
	interval int // frames from keyframe to keyframe
	light    int // bytes of a frame that is no keyframe
	frames   int // since the last keyframe
	number   uint64
	asked    bool
}

// newFramer spreads the bitrate over keyframes and the lighter frames between them.
func newFramer(l *Load) *framer {
	f := &framer{codec: l.Codec}
	f.interval = max(1, int(l.KeyframeInterval*time.Duration(l.FPS)/time.Second))
	mean := int(l.Bitrate) / 8 / l.FPS
	f.light = mean * f.interval / (f.interval - 1 + keyframeWeight)
	return f
}

// A payload is one packet's payload; its stamp's time is set when it is sent.
type payload struct {
	head   []byte // payload headers; not to be changed
	stamp  stamp
	size   int // of the whole payload, in bytes
	marker bool
}

// append adds the payloads of the next frame.
func (f *framer) append(to []payload) []payload {
	key := f.asked || f.frames%f.interval == 0
	if key {
		f.frames, f.asked = 0, false
	}
	f.frames++
	size := f.light
	if key {
		size *= keyframeWeight
	}
	first := len(to)
	if f.codec == H264 && key {
		to = append(to, f.payload(parameterSets(), key, 0))
		size -= to[first].size
	}
	pieces := max(1, (size+payloadBytes-1)/payloadBytes)
	for i := range pieces {
		to = append(to, f.payload(f.head(key, i, pieces), key, min(size, payloadBytes)))
		size -= payloadBytes
	}
	to[len(to)-1].marker = true
	return to
}

func (f *framer) payload(head []byte, key bool, size int) payload {
	p := payload{head: head, stamp: stamp{number: f.number, keyframe: key}}
	p.size = max(size, len(head)+stampBytes)
	f.number++
	return p
}

// parameterSets is an aggregation packet (RFC 6184 §5.7.1) of a sequence and a picture
// parameter set for 1280 × 720, and the head of an SEI unit that holds the stamp.
func parameterSets() []byte {
	b := []byte{0x78}
	b = append(b, 0, 9, 0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4)
	b = append(b, 0, 4, 0x68, 0xce, 0x38, 0x80)
	return append(b, 0, 1+stampBytes, 0x06)
}

// head returns the payload headers of a piece of a frame.
func (f *framer) head(key bool, piece, pieces int) []byte {
	if f.codec == VP8 {
		return vp8Head(key, piece)
	}
	return h264Head(key, piece, pieces)
}

// h264Head begins a slice: a single unit, or fragments (RFC 6184 §5.8).
func h264Head(key bool, piece, pieces int) []byte {
	const start, end, fragment = 0x80, 0x40, 28
	unit, slice := byte(0x61), byte(0x9a) // P slice: first_mb 0, slice_type 5
	if key {
		unit, slice = 0x65, 0x88 // IDR slice: first_mb 0, slice_type 7
	}
	if pieces == 1 {
		return []byte{unit, slice}
	}
	head := []byte{unit&0xe0 | fragment, unit & 0x1f}
	switch piece {
	case 0:
		head[1] |= start
		head = append(head, slice)
	case pieces - 1:
		head[1] |= end
	}
	return head
}

// vp8Head is the shortest descriptor (RFC 7741 §4.2) and, in the first piece, the
// frame's own header (RFC 6386 §9.1).
func vp8Head(key bool, piece int) []byte {
	const start, shown = 0x10, 0x10
	switch {
	case piece > 0:
		return []byte{0}
	case key:
		return []byte{start, shown, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02} // 1280 × 720
	default:
		return []byte{start, shown | 1, 0, 0}
	}
}

// filling is what follows the stamp; no start code can arise in it.
const filling = 0xab

// write writes the payload with the time it is sent.
func (p *payload) write(b []byte, now time.Time) []byte {
	p.stamp.sent = now
	start := len(b)
	b = append(b, p.head...)
	b = p.stamp.append(b)
	for len(b)-start < p.size {
		b = append(b, filling)
	}
	return b
}
