package codec

// MaxStreams is how many RTP streams of a simulcast track a Video Layers Allocation
// names at most: the wire format's own bound.
const MaxStreams = 4

// maxTargetTemporals is the same of temporal layers.
const maxTargetTemporals = 4

// A VideoLayersValue is the value of the Video Layers Allocation header extension
// (video-layers-allocation00): which layers a publisher sends now, and at what bitrates
// it aims.
type VideoLayersValue struct {
	Stream  uint8 // which of the streams this packet is of, 0 to 3, in the order of their RIDs in SDP
	Streams uint8 // how many there are, 1 to 4; 0: nothing is being sent

	// Layers has what is sent, by stream and spatial layer; one that is not sent has
	// Temporals 0.
	Layers [MaxStreams][MaxSpatial]LayerTarget

	// HasSizes tells whether the sizes and frame rates were sent. Senders leave them
	// out of most values.
	HasSizes bool
}

// A LayerTarget is what a publisher aims at for a spatial layer.
type LayerTarget struct {
	Temporals uint8 // number of temporal layers, 1 to 4; 0: the spatial layer is not sent

	// Bitrates are what receiving each temporal layer takes, in bits per second: lower
	// temporal layers are included, and those lower spatial layers that it needs.
	Bitrates [maxTargetTemporals]int64

	Width, Height uint16 // 1 to 65535; 0 unknown
	FrameRate     uint8  // at most, per second; 0 unknown
}

// ParseVideoLayers reads a value. It returns false, and what v was is lost, if it is
// malformed. It does not allocate.
func ParseVideoLayers(value []byte, v *VideoLayersValue) bool {
	*v = VideoLayersValue{}
	if len(value) == 1 && value[0] == 0 {
		return true
	}
	r := bitReader{data: value}
	v.Stream = uint8(r.bits(2))
	v.Streams = uint8(r.bits(2)) + 1
	v.readTemporals(&r, v.readSpatials(&r))
	if r.failed || v.Stream >= v.Streams {
		return false
	}
	bytes := byteReader{data: value, pos: r.pos}
	ok := v.each(func(t *LayerTarget) bool { return t.readBitrates(&bytes) })
	if !ok || bytes.pos == len(value) {
		return ok
	}
	v.HasSizes = true
	return v.each(func(t *LayerTarget) bool { return t.readSize(&bytes) }) && bytes.pos == len(value)
}

// readSpatials returns which spatial layers of each stream are sent, as bits.
func (v *VideoLayersValue) readSpatials(r *bitReader) (spatials [MaxStreams]uint32) {
	all := r.bits(4)
	for i := range v.Streams {
		spatials[i] = all
		if all == 0 {
			spatials[i] = r.bits(4)
		}
	}
	r.align()
	return spatials
}

func (v *VideoLayersValue) readTemporals(r *bitReader, spatials [MaxStreams]uint32) {
	for i := range v.Streams {
		for s := range MaxSpatial {
			if spatials[i]&(1<<s) != 0 {
				v.Layers[i][s].Temporals = uint8(r.bits(2)) + 1
			}
		}
	}
	r.align()
}

// each calls read for every layer that is sent, in their order, until one fails.
func (v *VideoLayersValue) each(read func(*LayerTarget) bool) bool {
	for i := range v.Streams {
		for s := range v.Layers[i] {
			if t := &v.Layers[i][s]; t.Temporals > 0 && !read(t) {
				return false
			}
		}
	}
	return true
}

func (t *LayerTarget) readBitrates(r *byteReader) bool {
	for i := range t.Temporals {
		t.Bitrates[i] = int64(r.leb128()) * 1000
	}
	return !r.failed
}

func (t *LayerTarget) readSize(r *byteReader) bool {
	width, height := uint32(r.uint16())+1, uint32(r.uint16())+1
	t.Width, t.Height = bothOrNone(width, height)
	t.FrameRate = r.byte()
	return !r.failed
}
