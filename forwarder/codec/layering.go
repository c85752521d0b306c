package codec

// A Layering is what a packet is to receivers of only some of its encoding's spatial
// and temporal layers, and the running numbers in it that must not show a gap to them.
// It is computed once, by the publisher's side, so that a down track decides by bits.
//
// All bits of one frame's packets are alike, except that Entry is set on its first
// packet only and Last on its last packet only.
type Layering struct {
	// Needed has [LayerBit](s, t) set if a receiver of spatial layer s at temporal
	// layer t needs the packet. A layer that is not there stands for the nearest lower
	// one, of the same spatial layer if there is one. All bits are set where nothing
	// is known of layers.
	Needed uint32

	// Entry has LayerBit(s, t) set if a receiver that has got all of (s, t-1) may go on
	// with (s, t) from this frame: neither the frame nor a later one of (s, t) needs an
	// earlier frame that only (s, t) has. The frame's own temporal layer may be lower
	// than t. Keyframes have all bits set: there one may go over from anywhere.
	Entry uint32

	// Last has LayerBit(s, t) set if the packet is the last of its picture for a
	// receiver of (s, t), which so gets the marker bit. A picture whose highest spatial
	// layer the sender left out has no such packet for receivers of that.
	Last uint32

	// Masks is what a Dependency Descriptor must say to a receiver of each layer; nil
	// if the packet has none, or its structure is not known. It is immutable.
	Masks *LayerMasks

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

const (
	allTemporal uint32 = 1<<MaxTemporal - 1                           // of spatial layer 0
	topTemporal uint32 = AllLayers / allTemporal << (MaxTemporal - 1) // the highest one of each spatial layer
)

// fromTemporal are the layers of temporal layer t or higher, of all spatial layers.
func fromTemporal(t uint8) uint32 {
	return AllLayers / allTemporal * (allTemporal &^ (1<<t - 1))
}

// fromSpatial are the layers of spatial layer s or higher, s at most MaxSpatial.
func fromSpatial(s uint8) uint32 {
	return uint32(uint64(AllLayers) << (s * MaxTemporal))
}

// stepUp are the layers that a receiver of one of bits steps up to by one temporal layer.
func stepUp(bits uint32) uint32 { return bits &^ topTemporal << 1 }

// LayerSet is what a [LayerReader] knows of its encoding's layers.
type LayerSet struct {
	Spatial, Temporal uint8 // numbers of layers, at least 1 each
	Width, Height     [MaxSpatial]uint16
}

// LayerMasks are what a structure of layers means to receivers of each layer. The
// value is immutable.
type LayerMasks struct {
	// Targets is the number of decode targets of the Dependency Descriptor's
	// structure; 0: there is none.
	Targets uint8

	// Active has the decode targets that are whole for a receiver of (s, t): what the
	// active decode targets bitmask must say to it.
	Active [MaxSpatial][MaxTemporal]uint32

	// Within has LayerBit of the layers all of whose frames a receiver of (s, t) has
	// got: it may step down to them at any picture, without a keyframe.
	Within [MaxSpatial][MaxTemporal]uint32
}
