package codec

// A LayerReader reads the layering of one encoding's packets in the order of their
// arrival, which may differ from the order of sending: a late packet is read by what
// held for its frame and changes nothing for newer ones. The zero value is ready. Not
// safe for concurrent use.
type LayerReader struct {
	temporals layerCount
	size      [2]uint16 // the last that a payload told, 0 unknown
	vp9       vp9Layers
	obu       obuLayers
	nested    bool          // H265: temporal layers are, by the last SPS
	deps      *dependencies // nil until a descriptor shows up
	described bool          // packets have descriptors, and their structure is known
}

// Read returns the layering of a packet of format f, whose [Info] is in; descriptor is
// its Dependency Descriptor, nil if it has none. What it is given is borrowed. It
// allocates only when a structure of layers appears or changes.
//
// The descriptor counts where there is one and its structure is known, else the
// payload's own layer ids do, but for AV1, where everybody needs what comes before the
// structure is known. A packet without payload belongs to no frame; everybody
// needs it.
func (r *LayerReader) Read(f Format, in Info, payload, descriptor []byte, marker bool) Layering {
	l := Layering{Needed: AllLayers}
	if len(payload) == 0 {
		return l
	}
	if in.FrameStart {
		l.Flags |= LayerStart
	}
	if marker {
		l.Flags |= LayerEnd
	}
	r.readPayload(&l, f, in, payload)
	if r.describe(&l, descriptor) {
		r.described = true
	} else if descriptor == nil {
		r.described = false
	} else if f.Name == AV1 { // what began an OBU may not have come before its fragment
		l.Needed, l.Entry, l.Last, l.Spatial, l.Temporal = AllLayers, 0, 0, 0, 0
	}
	if marker {
		l.Last = AllLayers
	}
	if in.Keyframe {
		l.Flags |= LayerKeyframe
		l.Entry = AllLayers
		r.temporals.turn()
	}
	if in.Width != 0 {
		r.size = [2]uint16{in.Width, in.Height}
	}
	if l.Flags&LayerStart == 0 && !in.Keyframe {
		l.Entry = 0
	}
	l.Last &= l.Needed
	return l
}

// readPayload reads what the payload says of its layers.
func (r *LayerReader) readPayload(l *Layering, f Format, in Info, payload []byte) {
	switch f.Name {
	case VP8:
		r.readVP8(l, payload)
	case VP9:
		r.readVP9(l, in, payload)
	case AV1:
		r.readAV1(l, in, payload)
	case H265:
		r.readH265(l, in, payload)
	}
}

// temporal makes l that of a frame of temporal layer t without spatial layers.
func (r *LayerReader) temporal(l *Layering, t uint8) {
	l.Temporal = min(t, MaxTemporal-1)
	l.Needed = fromTemporal(l.Temporal)
	r.temporals.see(l.Temporal)
}

// Layers returns what is known of the encoding's layers now. Sizes are those of the
// structure, else the payload's for the highest spatial layer; 0 is unknown.
func (r *LayerReader) Layers() LayerSet {
	s := LayerSet{Spatial: 1, Temporal: r.temporals.count()}
	switch {
	case r.described:
		r.deps.now.layers(&s)
	case r.vp9.seen:
		r.vp9.layers(&s)
	}
	if top := s.Spatial - 1; s.Width[top] == 0 {
		s.Width[top], s.Height[top] = r.size[0], r.size[1]
	}
	return s
}

// A layerCount counts the temporal layers that came since the last keyframe but one.
type layerCount struct{ now, before uint8 }

func (c *layerCount) see(layer uint8) { c.now = max(c.now, layer+1) }
func (c *layerCount) turn()           { c.before, c.now = c.now, 0 }
func (c *layerCount) count() uint8    { return max(c.now, c.before, 1) }
