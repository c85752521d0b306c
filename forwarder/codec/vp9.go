package codec

// A VP9Descriptor is the payload descriptor of a VP9 packet (RFC 9628 §4.2).
type VP9Descriptor struct {
	Predicted    bool // P: the layer frame needs earlier pictures
	Flexible     bool // F: references are listed in each picture
	Start        bool // B: a layer frame begins here
	End          bool // E: a layer frame ends here
	NotReference bool // Z: no higher spatial layer needs this one

	// PictureIDBits is the width of PictureID: 7, 15, or 0 if there is none.
	PictureIDBits uint8
	PictureID     uint16

	HasLayers  bool  // L: the five fields below are on the wire
	TID        uint8 // temporal layer, 0 to 7
	SID        uint8 // spatial layer, 0 to 7
	SwitchUp   bool  // U: one may step up to this temporal layer here
	InterLayer bool  // D: the layer frame needs the next lower spatial layer's
	TL0PicIdx  uint8 // running number of base layer pictures; non-flexible mode only

	// Width and Height are the size of the highest spatial layer that the
	// scalability structure lists, in pixels; 0 if there is none here.
	Width, Height uint16
	// SpatialLayers is the number of spatial layers it announces, 1 to 8; 0 if
	// there is no scalability structure here.
	SpatialLayers uint8

	// Len is the descriptor's length in bytes, at least 1; VP9 data follows.
	Len int

	pictureID, tl0PicIdx, sizes int // where those fields are; 0: nowhere
}

// ParseVP9 reads the descriptor a VP9 payload begins with. It returns false if
// the payload ends within it.
func ParseVP9(payload []byte) (VP9Descriptor, bool) {
	r := byteReader{data: payload}
	first := r.byte()
	d := VP9Descriptor{
		Predicted:    first&0x40 != 0,
		HasLayers:    first&0x20 != 0,
		Flexible:     first&0x10 != 0,
		Start:        first&0x08 != 0,
		End:          first&0x04 != 0,
		NotReference: first&0x01 != 0,
	}
	if first&0x80 != 0 {
		d.pictureID = r.pos
		d.PictureID, d.PictureIDBits = r.pictureID()
	}
	if d.HasLayers {
		d.layers(&r)
	}
	if d.Flexible && d.Predicted {
		vp9References(&r)
	}
	if first&0x02 != 0 {
		d.structure(&r)
	}
	d.Len = r.pos
	if r.failed {
		return VP9Descriptor{}, false
	}
	return d, true
}

func (d *VP9Descriptor) layers(r *byteReader) {
	b := r.byte()
	d.TID, d.SID = b>>5, b>>1&7
	d.SwitchUp, d.InterLayer = b&0x10 != 0, b&1 != 0
	if !d.Flexible {
		d.tl0PicIdx = r.pos
		d.TL0PicIdx = r.byte()
	}
}

// vp9References passes over P_DIFF bytes: at most three, the low bit says that
// another follows.
func vp9References(r *byteReader) {
	for range 3 {
		if r.byte()&1 == 0 {
			return
		}
	}
}

// structure reads the scalability structure (RFC 9628 §4.2.1): the sizes of its
// spatial layers, and passes over its picture group.
func (d *VP9Descriptor) structure(r *byteReader) {
	b := r.byte()
	d.SpatialLayers = b>>5 + 1
	if b&0x10 != 0 {
		d.sizes = r.pos
		for range d.SpatialLayers {
			width, height := r.uint16(), r.uint16()
			d.Width, d.Height = bothOrNone(uint32(width), uint32(height))
		}
	}
	if b&0x08 == 0 {
		return
	}
	for n := r.byte(); n > 0; n-- { // N_G
		for refs := r.byte() >> 2 & 3; refs > 0; refs-- {
			r.byte()
		}
	}
}

// layerSizes returns the widths and heights of the spatial layers that the structure in
// payload lists, the one d was read from.
func (d *VP9Descriptor) layerSizes(payload []byte) (sizes [2][MaxSpatial]uint16) {
	if d.sizes == 0 {
		return sizes
	}
	r := byteReader{data: payload, pos: d.sizes}
	for i := range min(d.SpatialLayers, MaxSpatial) {
		width, height := r.uint16(), r.uint16()
		sizes[0][i], sizes[1][i] = bothOrNone(uint32(width), uint32(height))
	}
	return sizes
}

// Rewrite writes another picture id into payload, the one d was read from or a
// copy of it, in the width it has there: 7 or 15 low bits. TL0PICIDX is written
// in non-flexible mode with layers. The payload's length does not change.
func (d *VP9Descriptor) Rewrite(payload []byte, pictureID uint16, tl0PicIdx uint8) {
	putPictureID(payload[:d.Len], d.pictureID, d.PictureIDBits, pictureID)
	if d.tl0PicIdx != 0 {
		payload[d.tl0PicIdx] = tl0PicIdx
	}
}

// inspectVP9 trusts the P bit only as far as the frame's own header agrees where
// it can be read: FFmpeg's muxer never sets P, and intra-only frames need none
// but are no keyframes.
func inspectVP9(payload []byte) Info {
	d, ok := ParseVP9(payload)
	if !ok {
		return Info{}
	}
	data := payload[d.Len:]
	in := Info{Spatial: d.SID, Temporal: d.TID}
	in.FrameStart = d.Start && d.SID == 0 && len(data) > 0
	if !in.FrameStart || d.Predicted {
		return in
	}
	h := parseVP9Header(data)
	in.Keyframe = h.key || !h.readable
	in.IDR = in.Keyframe
	if !in.Keyframe {
		return in
	}
	if in.Width, in.Height = d.Width, d.Height; in.Width == 0 {
		in.Width, in.Height = h.width, h.height
	}
	return in
}

// A vp9Header is the beginning of a frame's uncompressed header (VP9 §6.2).
type vp9Header struct {
	readable      bool // it is there and not encrypted
	key           bool
	width, height uint16 // of a keyframe, 0 unknown
}

func parseVP9Header(data []byte) vp9Header {
	r := bitReader{data: data}
	if r.bits(2) != 2 { // frame_marker
		return vp9Header{}
	}
	profile := r.bits(1) | r.bits(1)<<1
	if profile == 3 {
		r.flag() // reserved_zero
	}
	h := vp9Header{readable: true}
	existing := r.flag() // show_existing_frame
	delta := r.flag()    // frame_type, 1 is not key
	if existing || delta || r.failed {
		return h
	}
	r.bits(2) // show_frame, error_resilient_mode
	h.key = true
	const syncCode = 0x498342
	if r.bits(24) != syncCode {
		return h
	}
	r.vp9Color(profile)
	width, height := r.bits(16)+1, r.bits(16)+1
	if !r.failed {
		h.width, h.height = bothOrNone(width, height)
	}
	return h
}

// vp9Color passes over color_config (VP9 §6.2.2).
func (r *bitReader) vp9Color(profile uint32) {
	const sRGB = 7
	if profile >= 2 {
		r.flag() // ten_or_twelve_bit
	}
	space := r.bits(3)
	switch {
	case space == sRGB && profile&1 == 1:
		r.flag() // reserved_zero
	case space != sRGB && profile&1 == 1:
		r.bits(4) // color_range, subsampling, reserved_zero
	case space != sRGB:
		r.flag() // color_range
	}
}
