package codec

// H.264 NAL unit types (H.264 table 7-1) and payload structures (RFC 6184 §5.2).
const (
	h264Slice      = 1
	h264PartitionA = 2
	h264IDR        = 5
	h264SEI        = 6
	h264SPS        = 7
	h264PPS        = 8
	h264AUD        = 9
	h264Prefix     = 14
	h264Reserved18 = 18
	h264STAPA      = 24
	h264STAPB      = 25
	h264MTAP16     = 26
	h264MTAP24     = 27
	h264FUA        = 28
	h264FUB        = 29
)

// inspectH264 reads a payload of RFC 6184 in any of its packetization modes.
func inspectH264(payload []byte) Info {
	var in Info
	units := h264Units(payload)
	for unit, ok := units.next(); ok; unit, ok = units.next() {
		in.addH264(unit)
	}
	return in
}

// addH264 adds what one NAL unit says, or one fragment's.
func (in *Info) addH264(u nalUnit) {
	typ := u.header & 0x1f
	if typ == h264IDR {
		in.IDR = true
	}
	if !u.start {
		return
	}
	if !u.after {
		in.FrameStart = opensH264(typ, u.body)
	}
	switch typ {
	case h264IDR:
		in.Keyframe = in.Keyframe || firstSlice(u.body)
	case h264SPS:
		in.Parameters |= SPS
		if sps, err := parseH264SPS(u.body); err == nil {
			in.Width, in.Height = sps.Width, sps.Height
		}
	case h264PPS:
		in.Parameters |= PPS
	case h264Prefix:
		in.addH264Prefix(u.body)
	}
}

// addH264Prefix reads temporal_id of a prefix NAL unit (H.264 §F.7.3.1.1), which
// stands before slices of the base spatial layer.
func (in *Info) addH264Prefix(body []byte) {
	if len(body) >= 3 && body[0]&0x80 != 0 { // svc_extension_flag
		in.Temporal = body[2] >> 5
	}
}

// opensH264 tells whether a NAL unit of this type can be the first of an access
// unit (H.264 §7.4.1.2.3).
func opensH264(typ byte, body []byte) bool {
	switch typ {
	case h264Slice, h264PartitionA, h264IDR:
		return firstSlice(body)
	case h264SEI, h264SPS, h264PPS, h264AUD:
		return true
	}
	return typ >= h264Prefix && typ <= h264Reserved18
}

// firstSlice tells whether a slice is its picture's first: first_mb_in_slice,
// or H.265's first_slice_segment_in_pic_flag, is its first bit.
func firstSlice(body []byte) bool { return len(body) > 0 && body[0]&0x80 != 0 }

// h264Units walks the NAL units of an RFC 6184 payload.
func h264Units(payload []byte) nalUnits {
	if len(payload) == 0 {
		return nalUnits{}
	}
	switch payload[0] & 0x1f {
	case h264STAPA:
		return aggregated(payload, 1, 0, 1)
	case h264STAPB: // decoding order number, RFC 6184 §5.7.1
		return aggregated(payload, 3, 0, 1)
	case h264MTAP16: // base number; then difference and timestamp offset each, §5.7.2
		return aggregated(payload, 3, 3, 1)
	case h264MTAP24:
		return aggregated(payload, 3, 4, 1)
	case h264FUA:
		return h264Fragment(payload, 2)
	case h264FUB:
		return h264Fragment(payload, 4)
	}
	u, _ := newUnit(payload, 1)
	return oneUnit(u)
}

// h264Fragment reads a fragment whose data begins at byte skip (RFC 6184 §5.8).
func h264Fragment(payload []byte, skip int) nalUnits {
	if len(payload) <= skip {
		return nalUnits{}
	}
	indicator, header := payload[0], payload[1]
	return oneUnit(nalUnit{
		header: indicator&0xe0 | header&0x1f,
		body:   payload[skip:],
		start:  header&0x80 != 0,
	})
}
