package codec

// A Layering is what a packet is to receivers of only some of its encoding's spatial
// and temporal layers, and the running numbers in it that must not show a gap to them.
// It is computed once, by the publisher's side, so that a down track decides by bits.
type Layering struct {
	// Needed has [LayerBit](s, t) set if a receiver of spatial layer s at temporal
	// layer t needs the packet. All bits are set where nothing is known of layers.
	Needed uint32

	// Entry has LayerBit(s, t) set if a receiver that has got all of (s, t-1) may go on
	// with (s, t) from this frame, whose temporal layer is t: all its references are of
	// lower temporal layers, and no later frame of (s, t) needs an earlier one of t.
	// Keyframes have all bits set: there one may go over from anywhere.
	Entry uint32

	PictureID   uint16 // of the VP8 or VP9 payload descriptor, as sent
	FrameNumber uint16 // of the Dependency Descriptor, as sent
	TL0PicIdx   uint8  // of the payload descriptor, as sent

	Spatial, Temporal uint8 // 0 to 3, 0 to 7
	Flags             LayerFlags
}

// LayerFlags are facts of a [Layering], as bits.
type LayerFlags uint8

// The flags of a Layering.
const (
	LayerStart     LayerFlags = 1 << iota // the first packet of its layer frame
	LayerEnd                              // the last packet of its layer frame
	LayerKeyframe                         // of a picture decodable alone
	HasPictureID                          // PictureID is there
	WidePictureID                         // and has 15 bits, not 7
	HasTL0PicIdx                          // TL0PicIdx is there
	HasFrameNumber                        // FrameNumber is there
)

// Bounds of the layers Whippet tells apart within one encoding.
const (
	MaxSpatial  = 4
	MaxTemporal = 8
)

// LayerBit is the bit that stands for a layer in [Layering]: spatial is 0 to 3,
// temporal 0 to 7.
func LayerBit(spatial, temporal uint8) uint32 { return 1 << (spatial*MaxTemporal + temporal) }

// AllLayers is Needed of a packet that everybody needs.
const AllLayers uint32 = 1<<32 - 1

// LayerSet is what a [LayerReader] knows of its encoding's layers.
type LayerSet struct {
	Spatial, Temporal uint8 // numbers of layers, at least 1 each
	Width, Height     [MaxSpatial]uint16
}

// A LayerReader reads the layering of one encoding's packets in the order of their
// arrival. The zero value is ready. Not safe for concurrent use.
type LayerReader struct {
	set LayerSet
}

// Read returns the layering of a packet of format f, whose [Info] is in; descriptor is
// its Dependency Descriptor, nil if it has none. What it is given is borrowed.
func (r *LayerReader) Read(f Format, in Info, payload, descriptor []byte, marker bool) Layering {
	l := Layering{Needed: AllLayers}
	if in.Keyframe {
		l.Entry, l.Flags = AllLayers, LayerKeyframe
	}
	return l
}

// Layers returns what is known of the encoding's layers now.
func (r *LayerReader) Layers() LayerSet {
	s := r.set
	s.Spatial, s.Temporal = max(s.Spatial, 1), max(s.Temporal, 1)
	return s
}
