package forwardertest

import (
	"encoding/binary"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A payload is what a packet carries, and where in it the numbers are that the core
// may change.
type payload struct {
	bytes  []byte
	idAt   int  // of the picture id; 0: there is none
	idBits uint // 7 or 15
	tl0At  int  // of TL0PICIDX; 0: there is none
}

// id reads the picture id of b, which is laid out as p is.
func (p *payload) id(b []byte) uint16 {
	if p.idBits == 7 {
		return uint16(b[p.idAt] & 0x7f)
	}
	return binary.BigEndian.Uint16(b[p.idAt:]) & 0x7fff
}

// later is how many pictures id b is after a, modulo the width of ids.
func (p *payload) later(a, b uint16) int { return int((b - a) & (1<<p.idBits - 1)) }

// like tells whether b is p's bytes but for the numbers that may change.
func (p *payload) like(b []byte) bool {
	if len(b) != len(p.bytes) {
		return false
	}
	for i := range b {
		inID := p.idAt > 0 && (i == p.idAt || i == p.idAt+1 && p.idBits == 15)
		if b[i] != p.bytes[i] && !inID && (i != p.tl0At || p.tl0At == 0) {
			return false
		}
	}
	return true
}

// putID appends a picture id.
func (p *payload) putID(id uint16, narrow bool) {
	p.idAt, p.idBits = len(p.bytes), 15
	if narrow {
		p.idBits = 7
		p.bytes = append(p.bytes, byte(id&0x7f))
		return
	}
	p.bytes = binary.BigEndian.AppendUint16(p.bytes, id|0x8000)
}

func (p *payload) put(b ...byte) { p.bytes = append(p.bytes, b...) }

// size is the picture's, smaller for higher indices and lower spatial layers.
func (s *upstream) size(spatial int) (width, height int) {
	shift := s.index + s.pub.w.opt.Layers.Spatial - 1 - spatial
	return 1280 >> shift, 768 >> shift
}

// payload makes the payload of f's packet of the given part, filled up to the size
// the world's packets have, and the content behind it.
func (s *upstream) payload(f *layerFrame, c *content) payload {
	p := payload{}
	switch s.pub.w.opt.Codec {
	case codec.VP8:
		s.vp8(&p, f, c)
	case codec.VP9:
		s.vp9(&p, f, c)
	case codec.AV1:
		s.av1(&p, f, c)
	case codec.H265:
		h265(&p, f, c)
	default:
		h264(&p, c)
	}
	room := min(s.pub.w.opt.PacketBytes, f.bytes-int(c.part)*s.pub.w.opt.PacketBytes)
	if fill := room - len(p.bytes) - contentSize; fill > 0 {
		p.bytes = append(p.bytes, make([]byte, fill)...)
	}
	p.bytes = c.append(p.bytes)
	return p
}

// vp8 writes a payload descriptor (RFC 7741 §4.2) and a frame's beginning. Where the
// Dependency Descriptor tells the layers there are no numbers in it: Chromium does so.
func (s *upstream) vp8(p *payload, f *layerFrame, c *content) {
	o := &s.pub.w.opt
	first := byte(0)
	if c.part == 0 {
		first = 0x10 // S
	}
	switch {
	case o.Descriptor:
		p.put(first)
	case o.Layers.Temporal == 1:
		p.put(first|0x80, 0x80) // X, I
		p.putID(f.id, o.NarrowIDs)
	default:
		p.put(first|0x80, 0xe0) // X, I L T
		p.putID(f.id, o.NarrowIDs)
		p.tl0At = len(p.bytes)
		sync := byte(0)
		if f.picture.baseOnly && (f.temporal > 0 || f.key) {
			sync = 0x20 // Y
		}
		p.put(f.tl0, f.temporal<<6|sync)
	}
	if c.part > 0 {
		return
	}
	tag := byte(1)
	if f.key {
		tag = 0
	}
	w, h := s.size(0)
	p.put(tag|0x10, 0, 0, 0x9d, 0x01, 0x2a, byte(w), byte(w>>8), byte(h), byte(h>>8))
}

// vp9 writes a payload descriptor (RFC 9628 §4.2) and a frame's beginning.
func (s *upstream) vp9(p *payload, f *layerFrame, c *content) {
	o := &s.pub.w.opt
	predicted := len(f.picture.needs) > 0
	structure := f.spatial == 0 && c.part == 0 && (f.key || s.ladder.active != s.told)
	bit := func(b bool, v byte) byte {
		if b {
			return v
		}
		return 0
	}
	p.put(0x80 | bit(predicted, 0x40) | bit(o.layered(), 0x20) | bit(o.Flexible, 0x10) |
		bit(c.part == 0, 0x08) | bit(c.ends(), 0x04) | bit(structure, 0x02) | bit(!f.above, 0x01))
	p.putID(f.id, o.NarrowIDs)
	if o.layered() {
		p.put(f.temporal<<5 | bit(f.picture.up, 0x10) | f.spatial<<1 | bit(f.below, 0x01))
		if !o.Flexible {
			p.tl0At = len(p.bytes)
			p.put(f.tl0)
		}
	}
	if o.Flexible && predicted {
		for i, n := range f.picture.needs {
			p.put(byte(f.picture.number-n)<<1 | bit(i < len(f.picture.needs)-1, 1))
		}
	}
	if structure {
		s.vp9Structure(p)
	}
	if c.part == 0 {
		s.vp9Header(p, f)
	}
}

// vp9Structure writes a scalability structure (RFC 9628 §4.2.1) of the layers sent now:
// sizes, and in non-flexible mode the picture group. It comes with keyframes and when
// there are other layers than before.
func (s *upstream) vp9Structure(p *payload) {
	o := &s.pub.w.opt
	s.told = s.ladder.active
	first := byte(s.told-1)<<5 | 0x10
	if !o.Flexible {
		first |= 0x08
	}
	p.put(first)
	for l := range s.told {
		w, h := s.size(l)
		p.put(byte(w>>8), byte(w), byte(h>>8), byte(h))
	}
	if o.Flexible {
		return
	}
	type member struct{ temporal, back byte }
	group := [][]member{{{0, 1}}, {{0, 2}, {1, 1}}, {{0, 4}, {2, 1}, {1, 2}, {2, 1}}}[o.Layers.Temporal-1]
	p.put(byte(len(group)))
	for _, m := range group {
		p.put(m.temporal<<5|0x10|1<<2, m.back)
	}
}

// vp9Header writes the beginning of an uncompressed header (VP9 §6.2).
func (s *upstream) vp9Header(p *payload, f *layerFrame) {
	if !f.key || f.spatial > 0 {
		p.put(0x86)
		return
	}
	w := &bitWriter{}
	w.bits(8, 0x82) // frame_marker, profile 0, a shown keyframe
	w.bits(24, 0x498342)
	w.bits(4, 1<<1) // color_space, color_range
	width, height := s.size(0)
	w.bits(16, uint32(width-1))
	w.bits(16, uint32(height-1))
	p.put(w.out...)
}

// av1 writes an aggregation header (AV1 RTP specification, 4.4), a sequence header
// before keyframes, and a frame's beginning.
func (s *upstream) av1(p *payload, f *layerFrame, c *content) {
	head := byte(1 << 4) // W: one element
	sequence := f.key && f.spatial == 0 && c.part == 0
	if sequence {
		head = 2<<4 | 0x08 // W, N
	}
	if c.part > 0 {
		head |= 0x80 // Z
	}
	if !c.ends() {
		head |= 0x40 // Y
	}
	p.put(head)
	if sequence {
		p.put(s.av1Sequence()...)
	}
	if c.part > 0 {
		return
	}
	kind := byte(0x30) // inter, shown
	if f.key && f.spatial == 0 {
		kind = 0x10
	}
	p.put(6<<3|0x04, f.temporal<<5|f.spatial<<3, kind)
}

// av1Sequence is a sequence header (AV1 §5.5.1) as an element with its size.
func (s *upstream) av1Sequence() []byte {
	w := &bitWriter{}
	w.bits(8, 1<<3)   // OBU header
	w.bits(5, 0)      // profile, still_picture, reduced_still_picture_header
	w.bits(2, 0)      // timing_info_present_flag, initial_display_delay_present_flag
	w.bits(5+12+5, 0) // one operating point
	w.bits(4, 15)     // bits of width and height, less one
	w.bits(4, 15)
	width, height := s.size(s.pub.w.opt.Layers.Spatial - 1)
	w.bits(16, uint32(width-1))
	w.bits(16, uint32(height-1))
	w.bits(32, 0)
	return append([]byte{byte(len(w.out))}, w.out...)
}
