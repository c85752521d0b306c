package codec

// H.265 NAL unit types (H.265 table 7-1) and payload structures (RFC 7798 §4.4).
const (
	h265FirstIRAP   = 16 // BLA_W_LP
	h265LastIRAP    = 21 // CRA_NUT; 22 and 23 are reserved
	h265LastVCL     = 31
	h265VPS         = 32
	h265SPS         = 33
	h265PPS         = 34
	h265AUD         = 35
	h265PrefixSEI   = 39
	h265Reserved41  = 41
	h265Reserved44  = 44
	h265Aggregation = 48
	h265Fragment    = 49
	h265PACI        = 50
	h265Reserved    = 63
)

// inspectH265 reads a payload of RFC 7798 without DONL fields, which only
// sprop-max-don-diff above 0 brings and WebRTC has no use for.
//
// Every IRAP picture is a keyframe. Pictures that precede a CRA picture in
// output order may not be decodable after a switch; decoders drop them
// (H.265 §8.1.3).
func inspectH265(payload []byte) Info {
	var in Info
	units := h265Units(payload)
	for unit, ok := units.next(); ok; unit, ok = units.next() {
		in.addH265(unit)
	}
	return in
}

// addH265 adds what one NAL unit says, or one fragment's.
func (in *Info) addH265(u nalUnit) {
	typ := u.header >> 1 & 0x3f
	layer := h265Layer(u)
	irap := typ >= h265FirstIRAP && typ <= h265LastIRAP
	if irap {
		in.IDR = true
	}
	if !u.after || layer < in.Spatial {
		in.Spatial = layer
		in.Temporal = max(u.second&7, 1) - 1
	}
	if !u.start {
		return
	}
	if !u.after {
		in.FrameStart = layer == 0 && opensH265(typ, u.body)
	}
	switch {
	case irap:
		in.Keyframe = in.Keyframe || layer == 0 && firstSlice(u.body)
	case typ == h265VPS:
		in.Parameters |= VPS
	case typ == h265SPS:
		in.Parameters |= SPS
		if sps, err := parseH265SPS(u.body); err == nil && layer == 0 {
			in.Width, in.Height = sps.Width, sps.Height
		}
	case typ == h265PPS:
		in.Parameters |= PPS
	}
}

// h265Layer returns nuh_layer_id, 0 to 63.
func h265Layer(u nalUnit) uint8 { return u.header&1<<5 | u.second>>3 }

// opensH265 tells whether a NAL unit of this type can be the first of an access
// unit (H.265 §7.4.2.4.4).
func opensH265(typ byte, body []byte) bool {
	switch {
	case typ <= h265LastVCL:
		return firstSlice(body)
	case typ >= h265VPS && typ <= h265AUD, typ == h265PrefixSEI:
		return true
	}
	return typ >= h265Reserved41 && typ <= h265Reserved44
}

// h265Units walks the NAL units of an RFC 7798 payload.
func h265Units(payload []byte) nalUnits {
	if len(payload) < 2 {
		return nalUnits{}
	}
	u := nalUnit{header: payload[0], second: payload[1], body: payload[2:], whole: payload, start: true}
	if u.header>>1&0x3f == h265PACI {
		u = h265Unwrap(u)
	}
	switch u.header >> 1 & 0x3f {
	case h265Aggregation:
		return aggregated(u.body, 0, 0, 2)
	case h265Fragment:
		return h265FragmentUnits(u)
	}
	return oneUnit(u)
}

// h265Unwrap returns what a PACI packet contains: A and cType take the place of
// its own F and type, and PHSsize bytes of extension go before the payload
// (RFC 7798 §4.4.4). A fault gives a unit of reserved type and no body.
func h265Unwrap(u nalUnit) nalUnit {
	if len(u.body) < 2 {
		return nalUnit{header: h265Reserved << 1}
	}
	skip := 2 + (int(u.body[0]&1)<<4 | int(u.body[1]>>4))
	if len(u.body) < skip {
		return nalUnit{header: h265Reserved << 1}
	}
	return nalUnit{header: u.body[0]&0xfe | u.header&1, second: u.second, body: u.body[skip:], start: true}
}

// h265FragmentUnits reads a fragmentation unit (RFC 7798 §4.4.3).
func h265FragmentUnits(u nalUnit) nalUnits {
	if len(u.body) < 2 {
		return nalUnits{}
	}
	header := u.body[0]
	return oneUnit(nalUnit{
		header: u.header&0x81 | header&0x3f<<1,
		second: u.second,
		body:   u.body[1:],
		start:  header&0x80 != 0,
	})
}
