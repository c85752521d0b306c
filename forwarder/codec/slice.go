package codec

// A SliceType says from what the blocks of a slice may be predicted. The zero SliceType
// stands for a packet in which no slice begins, or none whose header can be read.
type SliceType uint8

// The types of slices. Those for switching between streams (SP, SI) count as P and I.
const (
	SliceI SliceType = iota + 1 // from the picture itself
	SliceP                      // from one other picture at a time
	SliceB                      // from two; in most encoders one of them is shown later
)

// SliceType returns the type of the first slice that begins in payload, an RTP payload
// of format f whose parameter sets p holds: H265's slice headers cannot be read without.
// Only base layers count. Codecs without slices, and formats that p holds nothing of
// though it must, give 0. It does not allocate, and reads a few bytes of each NAL unit.
//
// A slice of type B alone does not prove that pictures are sent in another order than
// they are shown: see [ParameterSets.Reorder].
func (p *ParameterSets) SliceType(f Format, payload []byte) SliceType {
	units, ok := unitsOf(f, payload)
	for u, more := units.next(); ok && more; u, more = units.next() {
		if !u.start {
			continue
		}
		if t := p.sliceType(f.Name, u); t != 0 {
			return t
		}
	}
	return 0
}

func (p *ParameterSets) sliceType(name Name, u nalUnit) SliceType {
	if name == H264 {
		return h264SliceType(u)
	}
	return p.h265SliceType(u)
}

// h264SliceType reads slice_type, from 5 on "all slices of the picture are of it"
// (H.264 §7.3.3, table 7-6).
func h264SliceType(u nalUnit) SliceType {
	switch u.header & 0x1f {
	case h264Slice, h264PartitionA, h264IDR:
	default:
		return 0
	}
	r := bitReader{data: u.body, escaped: true}
	r.ue() // first_mb_in_slice
	types := [...]SliceType{SliceP, SliceB, SliceI, SliceP, SliceI}
	t := r.ue()
	if r.failed || t >= 2*uint32(len(types)) {
		return 0
	}
	return types[t%uint32(len(types))]
}

// h265SliceType reads slice_type of a picture's first slice segment, before which no
// address stands (H.265 §7.3.6.1, table 7-7).
func (p *ParameterSets) h265SliceType(u nalUnit) SliceType {
	typ := u.header >> 1 & 0x3f
	if typ > h265LastVCL || h265Layer(u) != 0 {
		return 0
	}
	r := bitReader{data: u.body, escaped: true}
	if !r.flag() { // first_slice_segment_in_pic_flag
		return 0
	}
	if typ >= h265FirstIRAP && typ <= h265LastReservedIRAP {
		r.flag() // no_output_of_prior_pics_flag
	}
	extra, ok := p.h265ExtraBits(r.ue()) // slice_pic_parameter_set_id
	if !ok {
		return 0
	}
	r.skip(extra) // slice_reserved_flag
	types := [...]SliceType{SliceB, SliceP, SliceI}
	t := r.ue()
	if r.failed || t >= uint32(len(types)) {
		return 0
	}
	return types[t]
}

// h265LastReservedIRAP ends the NAL unit types of pictures one may begin with
// (RSV_IRAP_VCL23, H.265 table 7-1).
const h265LastReservedIRAP = 23

// h265ExtraBits returns num_extra_slice_header_bits of the PPS with the given id
// (H.265 §7.3.2.3.1), false if it is not kept.
func (p *ParameterSets) h265ExtraBits(id uint32) (uint, bool) {
	if id > 63 || p.name != H265 {
		return 0, false
	}
	i, at := p.find(parameterKey{PPS, 0, uint8(id)})
	if i < 0 {
		return 0, false
	}
	r := bitReader{data: p.data[at+2 : at+p.sets[i].size], escaped: true}
	r.ue()   // pps_pic_parameter_set_id
	r.ue()   // pps_seq_parameter_set_id
	r.flag() // dependent_slice_segments_enabled_flag
	r.flag() // output_flag_present_flag
	extra := uint(r.bits(3))
	return extra, !r.failed
}

// Reorder returns by how many pictures the kept SPS allow output order to differ from
// the order of sending: 0 says that no picture is sent after one that is shown later,
// whatever the types of its slices. It returns false where they do not say.
func (p *ParameterSets) Reorder(f Format) (pictures int, known bool) {
	for i := range p.Len() {
		order, ok := reorderOf(f.Name, p.NAL(i))
		if !ok {
			continue
		}
		pictures, known = max(pictures, order), true
	}
	return pictures, known
}

// reorderOf reads what one NAL unit says, false if it is no SPS or does not say.
func reorderOf(name Name, nal []byte) (int, bool) {
	switch name {
	case H264:
		sps, err := ParseH264SPS(nal)
		return int(sps.MaxReorder), err == nil && sps.HasReorder
	case H265:
		sps, err := ParseH265SPS(nal)
		return int(sps.MaxReorder), err == nil
	}
	return 0, false
}

// Profile returns the profile the kept SPS name: H264's profile_idc, H265's
// general_profile_idc, the highest if there are several. It is what the stream is, where
// [Format].Profile is what SDP called it. It returns false if there is no SPS.
func (p *ParameterSets) Profile(f Format) (profile uint8, known bool) {
	for i := range p.Len() {
		one, ok := profileOf(f.Name, p.NAL(i))
		if !ok {
			continue
		}
		profile, known = max(profile, one), true
	}
	return profile, known
}

func profileOf(name Name, nal []byte) (uint8, bool) {
	switch name {
	case H264:
		sps, err := ParseH264SPS(nal)
		return sps.Profile, err == nil
	case H265:
		sps, err := ParseH265SPS(nal)
		return sps.Profile, err == nil
	}
	return 0, false
}
