package codec

import "encoding/binary"

// A VP8Descriptor is the payload descriptor of a VP8 packet (RFC 7741 §4.2).
type VP8Descriptor struct {
	Start        bool  // S: a partition begins here
	Partition    uint8 // PID, 0 to 7; 0 holds the frame's header
	NonReference bool  // N: no later frame needs this one

	// PictureIDBits is the width of PictureID: 7, 15, or 0 if there is none.
	PictureIDBits uint8
	PictureID     uint16

	HasTL0PicIdx bool
	TL0PicIdx    uint8 // running number of base layer frames

	HasTID    bool
	TID       uint8 // temporal layer, 0 to 3
	LayerSync bool  // Y: needs only base layer frames, so one may step up here

	HasKeyIdx bool
	KeyIdx    uint8 // 0 to 31

	// Len is the descriptor's length in bytes, at least 1; VP8 data follows.
	Len int

	pictureID, tl0PicIdx int // where those fields are; 0: nowhere
}

// frameStart tells whether a frame begins in the packet: its first partition does.
func (d *VP8Descriptor) frameStart() bool { return d.Start && d.Partition == 0 }

// ParseVP8 reads the descriptor a VP8 payload begins with. It returns false if
// the payload ends within it.
func ParseVP8(payload []byte) (VP8Descriptor, bool) {
	r := byteReader{data: payload}
	first := r.byte()
	d := VP8Descriptor{
		NonReference: first&0x20 != 0,
		Start:        first&0x10 != 0,
		Partition:    first & 0x07,
	}
	if first&0x80 != 0 {
		d.extension(&r)
	}
	d.Len = r.pos
	if r.failed {
		return VP8Descriptor{}, false
	}
	return d, true
}

// extension reads the optional fields that the X bit announces.
func (d *VP8Descriptor) extension(r *byteReader) {
	flags := r.byte()
	if flags&0x80 != 0 {
		d.pictureID = r.pos
		d.PictureID, d.PictureIDBits = r.pictureID()
	}
	if flags&0x40 != 0 {
		d.tl0PicIdx = r.pos
		d.TL0PicIdx, d.HasTL0PicIdx = r.byte(), true
	}
	if flags&0x30 == 0 {
		return
	}
	b := r.byte() // TID, Y and KEYIDX share a byte that either brings
	if flags&0x20 != 0 {
		d.HasTID, d.TID, d.LayerSync = true, b>>6, b&0x20 != 0
	}
	if flags&0x10 != 0 {
		d.HasKeyIdx, d.KeyIdx = true, b&0x1f
	}
}

// Rewrite writes other numbers into payload, the one d was read from or a copy
// of it, where d has them. The picture id keeps its width: 7 or 15 low bits are
// written. The payload's length does not change.
func (d *VP8Descriptor) Rewrite(payload []byte, pictureID uint16, tl0PicIdx uint8) {
	putPictureID(payload[:d.Len], d.pictureID, d.PictureIDBits, pictureID)
	if d.tl0PicIdx != 0 {
		payload[d.tl0PicIdx] = tl0PicIdx
	}
}

func inspectVP8(payload []byte) Info {
	d, ok := ParseVP8(payload)
	if !ok {
		return Info{}
	}
	data := payload[d.Len:]
	in := Info{Temporal: d.TID}
	in.FrameStart = d.frameStart() && len(data) > 0
	in.Keyframe = in.FrameStart && data[0]&1 == 0
	in.IDR = in.Keyframe
	if in.Keyframe {
		in.Width, in.Height = vp8Size(data)
	}
	return in
}

// vp8Size reads the size from a keyframe's header (RFC 6386 §9.1): three bytes
// of frame tag, a start code, 14 bits of width and of height each under two bits
// of scale. It returns zeros if they are not there.
func vp8Size(data []byte) (width, height uint16) {
	if len(data) < 10 || data[3] != 0x9d || data[4] != 0x01 || data[5] != 0x2a {
		return 0, 0
	}
	width = binary.LittleEndian.Uint16(data[6:]) & 0x3fff
	height = binary.LittleEndian.Uint16(data[8:]) & 0x3fff
	return bothOrNone(uint32(width), uint32(height))
}

// bothOrNone makes a size of two numbers from the wire, zeros if either is
// nothing or too much.
func bothOrNone(width, height uint32) (uint16, uint16) {
	if !inRange(uint64(width)) || !inRange(uint64(height)) {
		return 0, 0
	}
	return uint16(width), uint16(height)
}
