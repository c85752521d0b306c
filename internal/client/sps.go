package client

import (
	"errors"
	"fmt"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// defaultFPS is the rate of a stream that does not tell its own.
const defaultFPS = 30

// h264Fmtp writes the offer's parameters from the sequence parameter set of the
// first frame.
func h264Fmtp(frame []byte) (string, error) {
	sps := findNAL(frame, func(nal []byte) bool { return nal[0]&0x1f == h264SPS && len(nal) >= 4 })
	if sps == nil {
		return "", errors.New("the H264 stream does not begin with a sequence parameter set")
	}
	profile, flags, level := sps[1], sps[2], sps[3]
	if profile == 66 && flags&0x40 != 0 {
		flags |= 0xe0 // constrained baseline, as everybody writes it
	}
	return fmt.Sprintf("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=%02x%02x%02x", profile, flags, level), nil
}

func findNAL(frame []byte, want func([]byte) bool) (found []byte) {
	hasNAL(frame, func(nal []byte) bool {
		if want(nal) {
			found = nal
		}
		return found != nil
	})
	return found
}

// isBSlice reads slice_type (H.264 §7.3.3).
func isBSlice(nal []byte) bool {
	if t := nal[0] & 0x1f; t != h264Slice && t != h264IDR {
		return false
	}
	r := bits{data: nal[1:]}
	r.golomb() // first_mb_in_slice
	const b, onlyB = 1, 6
	kind := r.golomb()
	return !r.short && (kind == b || kind == onlyB)
}

// frameRate reads the rate of an H.264 stream from its SPS; else defaultFPS.
func frameRate(name codec.Name, frame []byte) float64 {
	if name != codec.H264 {
		return defaultFPS
	}
	sps := findNAL(frame, func(nal []byte) bool { return nal[0]&0x1f == h264SPS && len(nal) >= 4 })
	if sps == nil {
		return defaultFPS
	}
	if fps := spsFrameRate(unescape(sps[1:])); fps >= 1 && fps <= 240 {
		return fps
	}
	return defaultFPS
}

// spsFrameRate reads timing_info of the VUI (H.264 §7.3.2.1.1, §E.1.1); 0 if
// there is none or the set is of a kind it does not follow.
func spsFrameRate(sps []byte) float64 {
	r := bits{data: sps}
	profile := r.read(8)
	r.read(16) // constraint flags, level_idc
	r.golomb() // seq_parameter_set_id
	if highProfile(profile) && !r.skipHigh() {
		return 0
	}
	r.golomb() // log2_max_frame_num_minus4
	if !r.skipOrder() {
		return 0
	}
	r.golomb()          // max_num_ref_frames
	r.read(1)           // gaps_in_frame_num_value_allowed_flag
	r.golomb()          // pic_width_in_mbs_minus1
	r.golomb()          // pic_height_in_map_units_minus1
	if r.read(1) == 0 { // frame_mbs_only_flag
		r.read(1)
	}
	r.read(1)           // direct_8x8_inference_flag
	if r.read(1) == 1 { // frame_cropping_flag
		for range 4 {
			r.golomb()
		}
	}
	if r.read(1) == 0 { // vui_parameters_present_flag
		return 0
	}
	return r.vuiFrameRate()
}

func highProfile(profile uint32) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128:
		return true
	}
	return false
}

// skipHigh reads over what high profiles add; false for scaling matrices.
func (r *bits) skipHigh() bool {
	if r.golomb() == 3 { // chroma_format_idc
		r.read(1)
	}
	r.golomb() // bit_depth_luma_minus8
	r.golomb() // bit_depth_chroma_minus8
	r.read(1)  // qpprime_y_zero_transform_bypass_flag
	return r.read(1) == 0
}

// skipOrder reads over pic_order_cnt; false for the rare type 1.
func (r *bits) skipOrder() bool {
	switch r.golomb() {
	case 0:
		r.golomb()
		return true
	case 2:
		return true
	}
	return false
}

func (r *bits) vuiFrameRate() float64 {
	if r.read(1) == 1 { // aspect_ratio_info_present_flag
		if r.read(8) == 255 { // Extended_SAR
			r.read(32)
		}
	}
	if r.read(1) == 1 { // overscan_info_present_flag
		r.read(1)
	}
	if r.read(1) == 1 { // video_signal_type_present_flag
		r.read(4)
		if r.read(1) == 1 {
			r.read(24)
		}
	}
	if r.read(1) == 1 { // chroma_loc_info_present_flag
		r.golomb()
		r.golomb()
	}
	if r.read(1) == 0 { // timing_info_present_flag
		return 0
	}
	units, scale := r.read(32), r.read(32)
	if r.short || units == 0 {
		return 0
	}
	return float64(scale) / float64(units) / 2 // units count fields
}

// unescape removes emulation prevention bytes (H.264 §7.4.1).
func unescape(nal []byte) []byte {
	clean := make([]byte, 0, len(nal))
	zeros := 0
	for _, b := range nal {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		zeros = countZeros(zeros, b)
		clean = append(clean, b)
	}
	return clean
}

// bits reads a bit string. Past its end it reads zeros and sets short.
type bits struct {
	data  []byte
	at    int
	short bool
}

func (r *bits) read(count int) (value uint32) {
	for range count {
		value <<= 1
		if r.at>>3 >= len(r.data) {
			r.short = true
			continue
		}
		value |= uint32(r.data[r.at>>3]>>(7-r.at&7)) & 1
		r.at++
	}
	return value
}

// golomb reads an unsigned Exp-Golomb code (H.264 §9.1) of at most 32 bits.
func (r *bits) golomb() uint32 {
	zeros := 0
	for r.read(1) == 0 && !r.short && zeros < 31 {
		zeros++
	}
	return 1<<zeros - 1 + r.read(zeros)
}
