package codec

// An H265SPS is what Whippet reads of a sequence parameter set (H.265 §7.3.2.2).
type H265SPS struct {
	ID      uint8 // sps_seq_parameter_set_id, 0 to 15
	VPS     uint8 // the VPS it refers to, 0 to 15
	Profile uint8 // general_profile_idc, 0 to 31
	Level   uint8 // general_level_idc, thirty times the level

	// Width and Height are the cropped size in pixels, 1 to 65535.
	Width, Height uint16

	// Layers is the number of temporal layers, 1 to 7.
	Layers uint8
	// MaxReorder is sps_max_num_reorder_pics of the highest temporal layer, 0
	// to 15: 0 means output order is decoding order. MaxBuffering is
	// sps_max_dec_pic_buffering, 1 to 16.
	MaxReorder, MaxBuffering uint8
}

// ParseH265SPS reads an SPS NAL unit, header included. Trailing bytes are ignored.
func ParseH265SPS(nal []byte) (H265SPS, error) {
	if len(nal) < 2 || nal[0]>>1&0x3f != h265SPS {
		return H265SPS{}, errNotSet
	}
	return parseH265SPS(nal[2:])
}

// parseH265SPS reads the SPS of a base layer after its NAL unit header.
func parseH265SPS(body []byte) (H265SPS, error) {
	r := bitReader{data: body, escaped: true}
	var s H265SPS
	s.VPS = uint8(r.bits(4))
	layers := r.bits(3) + 1
	r.flag() // sps_temporal_id_nesting_flag
	s.profile(&r, uint(layers))
	id := r.ue()
	sizeOK := s.size(&r)
	r.ue() // bit_depth_luma_minus8
	r.ue() // bit_depth_chroma_minus8
	r.ue() // log2_max_pic_order_cnt_lsb_minus4
	orderOK := s.ordering(&r, layers)
	if r.failed {
		return H265SPS{}, errTruncated
	}
	if id > 15 || layers > 7 || !sizeOK || !orderOK {
		return H265SPS{}, errRange
	}
	s.ID, s.Layers = uint8(id), uint8(layers)
	return s, nil
}

// profile reads profile_tier_level (H.265 §7.3.3) for that many temporal layers.
func (s *H265SPS) profile(r *bitReader, layers uint) {
	const profileBits, levelBits = 88, 8
	r.bits(3) // general_profile_space, general_tier_flag
	s.Profile = uint8(r.bits(5))
	r.skip(profileBits - 8)
	s.Level = uint8(r.bits(levelBits))
	if layers == 1 {
		return
	}
	skip := uint(0)
	for range layers - 1 {
		skip += uint(r.bits(1)) * profileBits // sub_layer_profile_present_flag
		skip += uint(r.bits(1)) * levelBits   // sub_layer_level_present_flag
	}
	r.skip(2 * (8 - (layers - 1))) // reserved_zero_2bits up to eight pairs
	r.skip(skip)
}

// size reads the picture size and its conformance window. It returns false if
// there is no such size.
func (s *H265SPS) size(r *bitReader) bool {
	chroma := r.ue()
	if chroma == 3 && r.flag() { // separate_colour_plane_flag
		chroma = 0
	}
	width, height := uint64(r.ue()), uint64(r.ue())
	if r.flag() { // conformance_window_flag
		x, y := cropUnits(chroma)
		width = crop(width, (uint64(r.ue())+uint64(r.ue()))*x)
		height = crop(height, (uint64(r.ue())+uint64(r.ue()))*y)
	}
	s.Width, s.Height = uint16(width), uint16(height)
	return inRange(width) && inRange(height)
}

// ordering reads the decoded picture buffer's parameters; the last ones are of
// the highest temporal layer. It returns false if they are out of range.
func (s *H265SPS) ordering(r *bitReader, layers uint32) bool {
	if !r.flag() { // sps_sub_layer_ordering_info_present_flag
		layers = 1
	}
	ok := true
	for range layers {
		buffer, order := r.ue(), r.ue()
		r.ue() // sps_max_latency_increase_plus1
		ok = ok && buffer < 16 && order <= buffer
		s.MaxBuffering, s.MaxReorder = uint8(buffer+1), uint8(order)
	}
	return ok
}
