package codec

// A FrameMarkingValue is the value of the frame marking header extension
// (draft-ietf-avtext-framemarking §3).
type FrameMarkingValue struct {
	Start, End  bool // the first, the last packet of the frame
	Independent bool // the frame is decodable alone
	Discardable bool // no other frame needs it

	// The following are there if HasLayers: senders without layers leave them out.
	HasLayers bool
	BaseSync  bool  // the frame needs only the base layer, if Temporal is over 0
	Temporal  uint8 // 0 to 7
	Layer     uint8 // LID: spatial layer or quality, as the codec says

	HasTL0PicIdx bool
	TL0PicIdx    uint8 // running number of base layer frames
}

// ParseFrameMarking reads a value of 1 to 3 bytes; more are passed over, as senders
// pad. It returns false for an empty one.
func ParseFrameMarking(value []byte) (FrameMarkingValue, bool) {
	if len(value) == 0 {
		return FrameMarkingValue{}, false
	}
	b := value[0]
	m := FrameMarkingValue{
		Start: b&0x80 != 0, End: b&0x40 != 0,
		Independent: b&0x20 != 0, Discardable: b&0x10 != 0,
	}
	if len(value) > 1 {
		m.HasLayers, m.BaseSync, m.Temporal, m.Layer = true, b&0x08 != 0, b&7, value[1]
	}
	if len(value) > 2 {
		m.HasTL0PicIdx, m.TL0PicIdx = true, value[2]
	}
	return m, true
}

// Mark refines l, which [LayerReader.Read] returned for a packet, by its frame marking.
// The payload's own layers and the Dependency Descriptor know better: where they told
// a layer, l stays as it is.
func (r *LayerReader) Mark(l *Layering, value []byte) {
	m, ok := ParseFrameMarking(value)
	if !ok || r.described || l.Needed != AllLayers || !m.HasLayers {
		return
	}
	entry := l.Entry
	r.temporal(l, m.Temporal)
	if m.Start {
		l.Flags |= LayerStart
	}
	if m.End {
		l.Flags |= LayerEnd
	}
	if m.Start && m.BaseSync {
		entry |= fromTemporal(l.Temporal) &^ fromTemporal(l.Temporal+1)
	}
	l.Entry = entry
	l.Last &= l.Needed
}
