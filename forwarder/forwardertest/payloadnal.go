package forwardertest

import (
	"encoding/binary"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// h264 writes a NAL unit's header, or a fragment's, and a slice's beginning.
func h264(p *payload, c *content) {
	kind := byte(0x01)
	if c.key {
		kind = 0x05
	}
	if c.parts == 1 {
		p.put(0x60|kind, 0x88) // the picture's first slice
		return
	}
	if c.part == 0 {
		kind |= 0x80
	}
	if c.ends() {
		kind |= 0x40
	}
	p.put(0x7c, kind, 0x88)
}

// sps is an H264 sequence parameter set (H.264 §7.3.2.1.1) of the Constrained Baseline
// profile, as a NAL unit.
func (s *upstream) sps() []byte {
	w := &bitWriter{out: []byte{0x67, 0x42, 0xe0, 0x1f}}
	width, height := s.size(0)
	w.ue(0) // seq_parameter_set_id
	w.ue(0) // log2_max_frame_num_minus4
	w.ue(2) // pic_order_cnt_type
	w.ue(1) // max_num_ref_frames
	w.bits(1, 0)
	w.ue(uint32(width/16 - 1))
	w.ue(uint32(height/16 - 1))
	w.bits(5, 0b11001) // frame_mbs_only, direct_8x8; no cropping, no VUI; the end
	return w.out
}

// NAL unit types of H.265 (H.265 table 7-1, RFC 7798 §4.4).
const (
	h265Trail       = 1
	h265TSA         = 3
	h265STSA        = 5
	h265IDR         = 19
	h265Aggregation = 48
	h265Fragment    = 49
)

// h265 writes a NAL unit's header, or a fragment's (RFC 7798 §4.4.3), and a slice's
// beginning.
func h265(p *payload, f *layerFrame, c *content) {
	kind, second := h265Kind(f), f.temporal+1
	const firstSlice = 0x80
	if c.parts == 1 {
		p.put(kind<<1, second, firstSlice)
		return
	}
	if c.part == 0 {
		kind |= 0x80
	}
	if c.ends() {
		kind |= 0x40
	}
	p.put(h265Fragment<<1, second, kind, firstSlice)
}

// h265Kind is the type of a picture: one where one may step up to its temporal layer and
// all above (TSA), to its own (STSA), or any other.
func h265Kind(f *layerFrame) byte {
	switch {
	case f.key:
		return h265IDR
	case f.picture.enters && f.picture.up:
		return h265TSA
	case f.picture.enters:
		return h265STSA
	}
	return h265Trail
}

// sets are the parameter sets that go before a keyframe, as NAL units.
func (s *upstream) sets() [][]byte {
	if s.pub.w.opt.Codec == codec.H265 {
		return [][]byte{{0x40, 1, 0x0c, 1, 0xff}, s.h265SPS(), {0x44, 1, 0xc1}}
	}
	return [][]byte{s.sps(), {0x68, 0xce, 0x38, 0x80}}
}

// aggregate writes NAL units as a STAP-A (RFC 6184 §5.7.1), or an aggregation packet
// (RFC 7798 §4.4.2).
func (s *upstream) aggregate(p *payload, units [][]byte) {
	if s.pub.w.opt.Codec == codec.H265 {
		p.put(h265Aggregation<<1, 1)
	} else {
		p.put(0x78)
	}
	for _, u := range units {
		p.bytes = binary.BigEndian.AppendUint16(p.bytes, uint16(len(u)))
		p.put(u...)
	}
}

// isSets tells whether a payload is such an aggregation.
func isSets(b []byte) bool {
	return len(b) > 0 && (b[0]&0x1f == 24 || b[0]>>1&0x3f == h265Aggregation)
}

// h265SPS is a sequence parameter set (H.265 §7.3.2.2), as a NAL unit. Where temporal
// layers are fixed they are nested.
func (s *upstream) h265SPS() []byte {
	o := &s.pub.w.opt
	w := &bitWriter{out: []byte{0x42, 1}}
	w.bits(4, 0) // sps_video_parameter_set_id
	w.bits(3, uint32(o.Layers.Temporal-1))
	w.flag(o.Layers.Fixed)
	w.bits(8, 1) // general_profile_idc: Main
	for range 10 {
		w.bits(8, 0x60) // flags of compatibility and constraints
	}
	w.bits(8, 93) // general_level_idc
	if o.Layers.Temporal > 1 {
		w.bits(16, 0) // nothing of single layers
	}
	w.ue(0) // sps_seq_parameter_set_id
	w.ue(1) // chroma_format_idc
	width, height := s.size(0)
	w.ue(uint32(width))
	w.ue(uint32(height))
	w.bits(1, 0) // conformance_window_flag
	w.ue(0)      // bit_depth_luma_minus8
	w.ue(0)      // bit_depth_chroma_minus8
	w.ue(0)      // log2_max_pic_order_cnt_lsb_minus4
	w.bits(1, 0) // sps_sub_layer_ordering_info_present_flag
	w.ue(3)      // sps_max_dec_pic_buffering_minus1
	w.ue(0)      // sps_max_num_reorder_pics
	w.ue(0)      // sps_max_latency_increase_plus1
	w.bits(8, 0xff)
	return w.out
}

// ue writes an Exp-Golomb code (H.264 §9.1).
func (w *bitWriter) ue(v uint32) {
	n := uint(0)
	for x := v + 1; x > 1; x >>= 1 {
		n++
	}
	w.bits(n, 0)
	w.bits(n+1, v+1)
}
