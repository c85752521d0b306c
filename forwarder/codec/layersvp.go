package codec

// readVP8 reads the layers of a VP8 payload (RFC 7741 §4.2): temporal ones only. The Y
// bit tells that the frame needs only the base layer and that later ones of its layer
// do not need earlier ones.
func (r *LayerReader) readVP8(l *Layering, payload []byte) {
	d, ok := ParseVP8(payload)
	if !ok {
		return
	}
	l.pictureID(d.PictureID, d.PictureIDBits)
	if d.HasTL0PicIdx {
		l.TL0PicIdx = d.TL0PicIdx
		l.Flags |= HasTL0PicIdx
	}
	if !d.HasTID {
		return
	}
	r.temporal(l, d.TID)
	if d.LayerSync && d.TID > 0 {
		l.Entry = fromTemporal(d.TID) &^ fromTemporal(d.TID+1)
	}
}

func (l *Layering) pictureID(id uint16, bits uint8) {
	switch bits {
	case 15:
		l.Flags |= HasPictureID | WidePictureID
	case 7:
		l.Flags |= HasPictureID
	}
	l.PictureID = id
}

// vp9Layers is what is known of a VP9 encoding's spatial layers.
type vp9Layers struct {
	seen     bool   // a descriptor with layers came
	told     bool   // one with a structure came
	toldAt   uint16 // picture id of the newest structure
	picture  uint16
	key      uint16             // picture id of the last keyframe
	pictures uint32             // so far
	passed   uint32             // by picture ids, those that did not come included
	last     [MaxSpatial]uint32 // picture by that count in which each layer came

	// top is the highest spatial layer, by the structure that was sent, else the
	// highest that came.
	top    uint8
	topWas layerWas
	sizes  [2][MaxSpatial]uint16

	// apart tells that since the last keyframe a spatial layer was not used by the
	// next one, so that receivers of that one have a gap in it. From then on nobody
	// can go down with the top until a keyframe: best is what the top was.
	apart   bool
	shown   bool   // whether they are was shown since
	shownAt uint16 // by the picture of this id last
	best    uint8
	bestWas layerWas
	masks   [2]*LayerMasks // of best, by apart; nil until needed
}

// A layerWas is a spatial layer that something was before it changed at a picture.
type layerWas struct {
	layer uint8
	at    uint32 // of those passed
}

// readVP9 reads the layers of a VP9 payload (RFC 9628 §4.2).
func (r *LayerReader) readVP9(l *Layering, in Info, payload []byte) {
	d, ok := ParseVP9(payload)
	if !ok {
		return
	}
	l.pictureID(d.PictureID, d.PictureIDBits)
	l.Flags = l.Flags&^LayerStart | vp9Flags(&d)
	if d.tl0PicIdx != 0 {
		l.TL0PicIdx = d.TL0PicIdx
		l.Flags |= HasTL0PicIdx
	}
	if !d.HasLayers {
		if in.Keyframe {
			r.vp9 = vp9Layers{}
		}
		return
	}
	late := !r.vp9.follow(&d, in, payload)
	r.temporal(l, d.TID)
	l.Spatial = min(d.SID, MaxSpatial-1)
	rows := onlySpatial(l.Spatial, r.vp9.bestOf(&d))
	if !d.NotReference || !d.Predicted && (d.SID == 0 || d.InterLayer) {
		// Of a keyframe only what is the highest now is not referred to, though it may
		// not be known yet as that.
		rows = fromSpatial(l.Spatial)
	}
	l.Needed &= rows
	if l.Flags&LayerEnd != 0 && r.vp9.certain() {
		l.Last = onlySpatial(l.Spatial, r.vp9.highest(&d))
	}
	if d.SwitchUp && !late {
		l.Entry = fromTemporal(d.TID + 1)
	}
	if d.PictureIDBits > 0 && d.PictureID == r.vp9.key && !d.Predicted {
		l.Flags |= LayerKeyframe
	}
	l.Masks = r.vp9.within()
}

// vp9Flags returns LayerStart and LayerEnd by the B and E bits.
func vp9Flags(d *VP9Descriptor) (f LayerFlags) {
	if d.Start {
		f |= LayerStart
	}
	if d.End {
		f |= LayerEnd
	}
	return f
}

// follow takes up what a descriptor says, unless it is older than the newest: then it
// returns false.
func (v *vp9Layers) follow(d *VP9Descriptor, in Info, payload []byte) bool {
	sid := min(d.SID, MaxSpatial-1)
	key := in.Keyframe
	if v.seen && d.PictureIDBits > 0 {
		ahead := (d.PictureID - v.picture) & (1<<d.PictureIDBits - 1)
		if ahead>>(d.PictureIDBits-1) != 0 {
			v.lateStructure(d, in, payload)
			return false
		}
		if ahead > 0 {
			v.pictures++
			v.passed += uint32(ahead)
			key = !d.Predicted // of any layer: the base's packets may be late
		}
	}
	v.seen, v.picture = true, d.PictureID
	if key {
		v.key, v.apart, v.shown = d.PictureID, false, false
	}
	if d.SpatialLayers > 0 {
		v.structure(d, payload)
	} else if sid > v.top {
		v.setTop(sid)
	}
	v.reach()
	v.last[sid] = v.pictures
	if d.Predicted && sid < v.top {
		v.apart = v.apart || d.NotReference
		v.shown, v.shownAt = true, d.PictureID
	}
	return true
}

// lateStructure takes up a structure that came after packets of later pictures, if it is
// the newest: it holds for them too.
func (v *vp9Layers) lateStructure(d *VP9Descriptor, in Info, payload []byte) {
	newer := (d.PictureID - v.toldAt) & (1<<d.PictureIDBits - 1)
	if d.SpatialLayers == 0 || v.told && newer>>(d.PictureIDBits-1) != 0 {
		return
	}
	if in.Keyframe {
		v.key = d.PictureID
		behind := (v.shownAt - d.PictureID) & (1<<d.PictureIDBits - 1)
		if behind == 0 || behind>>(d.PictureIDBits-1) != 0 {
			v.apart, v.shown = false, false
		}
	}
	v.structure(d, payload)
	v.reach()
}

// structure takes up the structure of a descriptor.
func (v *vp9Layers) structure(d *VP9Descriptor, payload []byte) {
	v.told, v.toldAt = true, d.PictureID
	v.setTop(min(d.SpatialLayers, MaxSpatial) - 1)
	v.sizes = d.layerSizes(payload)
}

// reach lets the best follow the top where it can.
func (v *vp9Layers) reach() {
	if v.best != v.top && (!v.apart || v.top > v.best) {
		v.bestWas = layerWas{v.best, v.passed}
		v.best, v.masks = v.top, [2]*LayerMasks{}
	}
}

// ago returns how many pictures a descriptor's is behind the newest, which follow has
// taken up: never more than half of all ids.
func (v *vp9Layers) ago(d *VP9Descriptor) uint32 {
	return uint32(v.picture-d.PictureID) & (1<<d.PictureIDBits - 1)
}

// highest returns the highest spatial layer of a descriptor's picture.
func (v *vp9Layers) highest(d *VP9Descriptor) uint8 {
	if v.ago(d) > v.passed-v.topWas.at {
		return v.topWas.layer
	}
	return v.produced()
}

// bestOf returns what best was for a descriptor's picture.
func (v *vp9Layers) bestOf(d *VP9Descriptor) uint8 {
	if v.ago(d) > v.passed-v.bestWas.at {
		return v.bestWas.layer
	}
	return v.best
}

func (v *vp9Layers) setTop(top uint8) {
	if v.top != top {
		v.topWas = layerWas{v.top, v.passed}
	}
	v.top = top
	for i := range v.last { // as if they came just now
		v.last[i] = v.pictures
	}
}

// onlySpatial are the layers of spatial layer s, with all higher ones if it is the top.
func onlySpatial(s, top uint8) uint32 {
	if s >= top {
		return fromSpatial(s)
	}
	return fromSpatial(s) &^ fromSpatial(s+1)
}

// certain tells whether it is known which spatial layer is the highest: else only the
// sender's marker tells where a picture ends.
func (v *vp9Layers) certain() bool { return v.told || v.pictures >= quietPictures }

// produced returns the highest spatial layer that came lately.
func (v *vp9Layers) produced() uint8 {
	for s := v.top; s > 0; s-- {
		if v.pictures-v.last[s] < quietPictures {
			return s
		}
	}
	return 0
}

func (v *vp9Layers) layers(set *LayerSet) {
	set.Spatial = v.produced() + 1
	for i := range set.Spatial {
		set.Width[i], set.Height[i] = v.sizes[0][i], v.sizes[1][i]
	}
}

// within returns which layers are within which, as LayerMasks without targets.
func (v *vp9Layers) within() *LayerMasks {
	at, apart := &v.masks[0], v.apart || !v.shown
	if apart {
		at = &v.masks[1]
	}
	if *at == nil {
		*at = v.newMasks(apart)
	}
	return *at
}

func (v *vp9Layers) newMasks(apart bool) *LayerMasks {
	m := new(LayerMasks)
	for s := range uint8(MaxSpatial) {
		rows := onlySpatial(min(s, v.best), v.best)
		if !apart {
			rows |= AllLayers &^ fromSpatial(s)
		}
		for t := range uint8(MaxTemporal) {
			m.Within[s][t] = rows &^ fromTemporal(t+1)
		}
	}
	return m
}
