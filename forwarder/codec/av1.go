package codec

// OBU types (AV1 §6.2.2) that a payload may hold; temporal delimiters and tile
// lists are not sent (AV1 RTP §5).
const (
	obuSequenceHeader = 1
	obuFrameHeader    = 3
	obuFrame          = 6
)

// inspectAV1 reads a payload of the AV1 RTP specification (§4.4 aggregation
// header, then OBU elements).
//
// The N bit announces a keyframe. A sequence header followed by a shown key
// frame does as well, for senders that forget N; a sequence header alone, which
// may be repeated anywhere, does not.
func inspectAV1(payload []byte) Info {
	w := av1Elements(payload)
	begins := !w.continued && len(w.rest) > 0
	in := Info{Keyframe: begins && payload[0]&0x08 != 0} // N
	for e, ok := w.next(); ok; e, ok = w.next() {
		in.addAV1(e)
	}
	// A frame begins with an OBU's beginning, a picture in the base layer.
	in.FrameStart = begins && in.Spatial == 0
	in.Keyframe = in.Keyframe && in.FrameStart
	in.IDR = in.Keyframe
	return in
}

// addAV1 adds what one OBU element says; the elements before it are already in.
func (in *Info) addAV1(e av1Element) {
	if e.continues {
		return
	}
	typ, obu, ok := in.obuHeader(e)
	if !ok {
		return
	}
	switch typ {
	case obuSequenceHeader:
		in.Parameters |= SequenceHeader
		in.Width, in.Height = av1SequenceSize(obu)
	case obuFrame, obuFrameHeader:
		if in.Parameters != 0 && shownKeyFrame(obu) {
			in.Keyframe = true
		}
	}
}

// shownKeyFrame reads show_existing_frame, frame_type and show_frame of a frame
// header (AV1 §5.9.2). Headers of reduced still pictures have none of them; such
// pictures are not video.
func shownKeyFrame(frame []byte) bool {
	const keyFrame = 0
	return len(frame) > 0 && frame[0]&0x80 == 0 && frame[0]>>5&3 == keyFrame && frame[0]&0x10 != 0
}

// obuHeader reads an OBU header (AV1 §5.3.2), takes the layer from it if it has
// one, and returns the type and what follows. Sequence headers have no layer,
// and a packet's other OBUs have the same one.
func (in *Info) obuHeader(e av1Element) (typ byte, obu []byte, ok bool) {
	r := byteReader{data: e.data}
	header := r.byte()
	typ = header >> 3 & 0xf
	if header&0x04 != 0 { // obu_extension_flag
		ext := r.byte()
		if !r.failed {
			in.Temporal, in.Spatial = ext>>5, ext>>3&3
		}
	}
	if header&0x02 != 0 { // obu_has_size_field: tolerated, AV1 RTP §5 advises against it
		r.leb128()
	}
	return typ, e.data[r.pos:], !r.failed
}

// An av1Element is one OBU element of a packet: an OBU or a fragment of one.
type av1Element struct {
	data      []byte
	continues bool // its OBU began in an earlier packet
}

// av1Walker walks the OBU elements of one packet.
type av1Walker struct {
	rest      []byte
	count     int // W: elements in the packet, 0: each has a size
	seen      int
	continued bool // Z: the first element continues an OBU
}

func av1Elements(payload []byte) av1Walker {
	if len(payload) == 0 {
		return av1Walker{}
	}
	return av1Walker{
		rest:      payload[1:],
		count:     int(payload[0] >> 4 & 3),
		continued: payload[0]&0x80 != 0,
	}
}

// next returns the next element, or false at the end, at a fault and at maxUnits.
func (w *av1Walker) next() (av1Element, bool) {
	if len(w.rest) == 0 || w.seen == maxUnits || w.count > 0 && w.seen == w.count {
		return av1Element{}, false
	}
	e := av1Element{continues: w.continued && w.seen == 0}
	w.seen++
	if w.seen == w.count { // the last has no size
		e.data, w.rest = w.rest, nil
		return e, true
	}
	r := byteReader{data: w.rest}
	size := r.leb128()
	rest := w.rest[r.pos:]
	if r.failed || size > uint64(len(rest)) {
		w.rest = nil
		return av1Element{}, false
	}
	e.data, w.rest = rest[:size], rest[size:]
	return e, true
}

// leb128 reads a number in groups of seven bits, low ones first; more than eight
// bytes or 32 bits fail (AV1 §4.10.5).
func (r *byteReader) leb128() uint64 {
	var v uint64
	for i := range 8 {
		b := r.byte()
		v |= uint64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			r.failed = r.failed || v > 1<<32-1
			return v
		}
	}
	r.failed = true
	return 0
}

// av1SequenceSize reads max_frame_width and max_frame_height of a sequence
// header (AV1 §5.5.1); zeros if they cannot be read.
func av1SequenceSize(obu []byte) (width, height uint16) {
	r := bitReader{data: obu}
	r.bits(4)     // seq_profile, still_picture
	if r.flag() { // reduced_still_picture_header
		r.bits(5) // seq_level_idx
	} else {
		r.av1OperatingPoints()
	}
	widthBits, heightBits := uint(r.bits(4))+1, uint(r.bits(4))+1
	w, h := r.bits(widthBits)+1, r.bits(heightBits)+1
	if r.failed {
		return 0, 0
	}
	return bothOrNone(w, h)
}

// av1OperatingPoints passes over timing and operating points.
func (r *bitReader) av1OperatingPoints() {
	model, delayBits := false, uint(0)
	if r.flag() { // timing_info_present_flag
		r.skip(64)    // num_units_in_display_tick, time_scale
		if r.flag() { // equal_picture_interval
			r.uvlc()
		}
		if model = r.flag(); model { // decoder_model_info_present_flag
			delayBits = uint(r.bits(5)) + 1
			r.skip(32 + 5 + 5)
		}
	}
	initialDelay := r.flag() // initial_display_delay_present_flag
	for range r.bits(5) + 1 {
		r.bits(12)         // operating_point_idc
		if r.bits(5) > 7 { // seq_level_idx
			r.flag() // seq_tier
		}
		if model && r.flag() { // decoder_model_present_for_this_op
			r.skip(2*delayBits + 1)
		}
		if initialDelay && r.flag() { // initial_display_delay_present_for_this_op
			r.bits(4)
		}
	}
}
