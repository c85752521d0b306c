package codec

// obuLayers is what is known of an AV1 encoding's OBU that goes on in the next packet.
type obuLayers struct {
	temporal uint8
	open     bool // it does
}

// readAV1 reads the temporal layer of an AV1 payload from its OBU headers. Spatial
// layers are not told apart without a descriptor: nothing says which packet ends a
// spatial layer's frame. Nor is it known where a temporal layer may be entered.
func (r *LayerReader) readAV1(l *Layering, in Info, payload []byte) {
	const continues, goesOn = 0x80, 0x40 // Z, Y
	known, temporal := true, in.Temporal
	if payload[0]&continues != 0 {
		known, temporal = r.obu.open, r.obu.temporal
	}
	r.obu = obuLayers{temporal: temporal, open: known && payload[0]&goesOn != 0 && l.Flags&LayerEnd == 0}
	if known {
		r.temporal(l, temporal)
	}
}

// H.265 NAL unit types of pictures where one may step up (H.265 table 7-1).
const (
	h265TSAN  = 2
	h265TSAR  = 3
	h265STSAN = 4
	h265STSAR = 5
)

// readH265 reads the temporal layer from the NAL unit headers. A TSA picture lets one
// step up to its layer and every higher one, an STSA picture to its own
// (H.265 §7.4.2.2); where temporal layers are nested, every picture lets one step up to
// the layers above its own (§7.4.3.2.1).
func (r *LayerReader) readH265(l *Layering, in Info, payload []byte) {
	if in.Spatial > 0 {
		return
	}
	r.temporal(l, in.Temporal)
	units := h265Units(payload)
	for u, ok := units.next(); ok; u, ok = units.next() {
		switch typ := u.header >> 1 & 0x3f; {
		case typ == h265SPS && u.start && len(u.body) > 0:
			r.nested = u.body[0]&1 != 0 // sps_temporal_id_nesting_flag
		case typ <= h265LastVCL:
			l.Entry |= r.entryH265(typ, in.Temporal)
		}
	}
}

// entryH265 returns the layers that a picture lets one step up to.
func (r *LayerReader) entryH265(typ byte, temporal uint8) (entry uint32) {
	if r.nested {
		entry = fromTemporal(temporal + 1)
	}
	switch typ {
	case h265TSAN, h265TSAR:
		entry |= fromTemporal(temporal)
	case h265STSAN, h265STSAR:
		entry |= fromTemporal(temporal) &^ fromTemporal(temporal+1)
	}
	return entry
}
