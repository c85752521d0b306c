package codec

import "errors"

// Errors of the parsers for parameter sets and header extension values. None
// can be helped by a retry: the bytes are what they are.
var (
	errTruncated = errors.New("codec: truncated")
	errRange     = errors.New("codec: value out of range")
	errNotSet    = errors.New("codec: not a parameter set of this kind")
)

// An H264SPS is what Whippet reads of a sequence parameter set (H.264 §7.3.2.1.1).
type H264SPS struct {
	ID          uint8 // seq_parameter_set_id, 0 to 31
	Profile     uint8 // profile_idc
	Constraints uint8 // constraint flags as profile-level-id writes them (profile_iop)
	Level       uint8 // level_idc, ten times the level

	// Width and Height are the cropped size in pixels, 1 to 65535.
	Width, Height uint16

	// HasReorder tells whether the encoder says how it reorders pictures. Where
	// it does not, decoders may hold back as many pictures as the level allows.
	HasReorder bool
	// MaxReorder is max_num_reorder_frames, 0 to 16: 0 means no B-frames.
	// MaxBuffering is max_dec_frame_buffering. Both are 0 without HasReorder.
	MaxReorder, MaxBuffering uint8
}

// ParseH264SPS reads an SPS NAL unit, header included. Trailing bytes are ignored.
func ParseH264SPS(nal []byte) (H264SPS, error) {
	if len(nal) == 0 || nal[0]&0x1f != h264SPS {
		return H264SPS{}, errNotSet
	}
	return parseH264SPS(nal[1:])
}

// parseH264SPS reads the SPS after its NAL unit header.
func parseH264SPS(body []byte) (H264SPS, error) {
	r := bitReader{data: body, escaped: true}
	var s H264SPS
	s.Profile = uint8(r.bits(8))
	s.Constraints = uint8(r.bits(8))
	s.Level = uint8(r.bits(8))
	id := r.ue()
	chroma := r.h264Chroma(s.Profile)
	r.ue() // log2_max_frame_num_minus4
	r.h264PictureOrder()
	r.ue()   // max_num_ref_frames
	r.flag() // gaps_in_frame_num_value_allowed_flag
	ok := s.size(&r, chroma)
	if r.failed {
		return H264SPS{}, errTruncated
	}
	if id > 31 || !ok {
		return H264SPS{}, errRange
	}
	s.ID = uint8(id)
	if r.flag() { // vui_parameters_present_flag
		s.reorder(&r)
	}
	return s, nil
}

// h264Chroma reads what the high profiles put after the id and returns
// chroma_format_idc, 0 where planes are coded apart.
func (r *bitReader) h264Chroma(profile uint8) uint32 {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
	default:
		return 1
	}
	chroma := r.ue()
	lists := 8
	if chroma == 3 {
		lists = 12
		if r.flag() { // separate_colour_plane_flag
			chroma = 0
		}
	}
	r.ue()        // bit_depth_luma_minus8
	r.ue()        // bit_depth_chroma_minus8
	r.flag()      // qpprime_y_zero_transform_bypass_flag
	if r.flag() { // seq_scaling_matrix_present_flag
		r.h264ScalingLists(lists)
	}
	return chroma
}

// h264ScalingLists passes over n scaling lists (H.264 §7.3.2.1.1.1): six of 16
// values, then those of 64.
func (r *bitReader) h264ScalingLists(n int) {
	for i := range n {
		if !r.flag() {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for j := 0; j < size && next != 0 && !r.failed; j++ {
			next = (last + r.se()) & 0xff
			if next != 0 {
				last = next
			}
		}
	}
}

// h264PictureOrder passes over the picture order count's parameters.
func (r *bitReader) h264PictureOrder() {
	switch r.ue() { // pic_order_cnt_type
	case 0:
		r.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.flag() // delta_pic_order_always_zero_flag
		r.se()   // offset_for_non_ref_pic
		r.se()   // offset_for_top_to_bottom_field
		for n := min(r.ue(), 255); n > 0 && !r.failed; n-- {
			r.se() // offset_for_ref_frame
		}
	}
}

// size reads the picture size in macroblocks and the cropping, and turns them
// into pixels (H.264 §7.4.2.1.1). It returns false if there is no such size.
func (s *H264SPS) size(r *bitReader, chroma uint32) bool {
	width, height := uint64(r.ue())+1, uint64(r.ue())+1
	fields := uint64(1) // 2: the map counts fields, a frame is twice as high
	if !r.flag() {      // frame_mbs_only_flag
		fields = 2
		r.flag() // mb_adaptive_frame_field_flag
	}
	r.flag() // direct_8x8_inference_flag
	width, height = width*16, height*16*fields
	if r.flag() { // frame_cropping_flag
		x, y := cropUnits(chroma)
		width = crop(width, (uint64(r.ue())+uint64(r.ue()))*x)
		height = crop(height, (uint64(r.ue())+uint64(r.ue()))*y*fields)
	}
	s.Width, s.Height = uint16(width), uint16(height)
	return inRange(width) && inRange(height)
}

// cropUnits returns how many pixels one unit of cropping is, across and down,
// for a chroma_format_idc (H.264 table 6-1, H.265 table 6-1).
func cropUnits(chroma uint32) (x, y uint64) {
	switch chroma {
	case 1:
		return 2, 2
	case 2:
		return 2, 1
	}
	return 1, 1
}

// crop takes by from size, and gives 0 where nothing would be left.
func crop(size, by uint64) uint64 { return size - min(by, size) }

func inRange(size uint64) bool { return size > 0 && size <= 0xffff }

// reorder reads the VUI (H.264 §E.1.1) for its bitstream restriction. A VUI cut
// short says nothing.
func (s *H264SPS) reorder(r *bitReader) {
	r.vuiDisplay()
	if r.flag() { // timing_info_present_flag
		r.skip(32 + 32 + 1)
	}
	nal := r.flag() // nal_hrd_parameters_present_flag
	if nal {
		r.h264HRD()
	}
	vcl := r.flag() // vcl_hrd_parameters_present_flag
	if vcl {
		r.h264HRD()
	}
	if nal || vcl {
		r.flag() // low_delay_hrd_flag
	}
	r.flag()       // pic_struct_present_flag
	if !r.flag() { // bitstream_restriction_flag
		return
	}
	r.flag() // motion_vectors_over_pic_boundaries_flag
	for range 4 {
		r.ue() // max_bytes_per_pic_denom to log2_max_mv_length_vertical
	}
	order, buffer := r.ue(), r.ue()
	if r.failed || order > 16 || buffer > 16 || order > buffer {
		return
	}
	s.HasReorder, s.MaxReorder, s.MaxBuffering = true, uint8(order), uint8(buffer)
}

// vuiDisplay passes over what H.264 and H.265 both begin a VUI with: aspect
// ratio, overscan, video signal type, chroma location.
func (r *bitReader) vuiDisplay() {
	const extendedSAR = 255
	if r.flag() && r.bits(8) == extendedSAR { // aspect_ratio_info_present_flag
		r.bits(32) // sar_width, sar_height
	}
	if r.flag() { // overscan_info_present_flag
		r.flag()
	}
	if r.flag() { // video_signal_type_present_flag
		r.bits(4)     // video_format, video_full_range_flag
		if r.flag() { // colour_description_present_flag
			r.bits(24)
		}
	}
	if r.flag() { // chroma_loc_info_present_flag
		r.ue()
		r.ue()
	}
}

// h264HRD passes over hypothetical decoder parameters (H.264 §E.1.2).
func (r *bitReader) h264HRD() {
	n := min(r.ue(), 31) // cpb_cnt_minus1
	r.bits(8)            // bit_rate_scale, cpb_size_scale
	for range n + 1 {
		r.ue()
		r.ue()
		r.flag()
	}
	r.bits(20) // four lengths of 5 bits
}
