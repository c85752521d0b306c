package codec

// An Info is what forwarding must know of one packet. It is a small comparable
// value; the zero Info stands for a packet that says nothing: an empty payload
// (padding, a probe), one that is malformed, or the inside of a frame.
//
// # Where a keyframe begins
//
// A keyframe is announced by the packet with Keyframe set, but it may begin a
// few packets earlier: encoders may send SPS and PPS as packets of their own,
// with the timestamp of the picture that follows. The caller therefore
// remembers the first packet of each timestamp that has Parameters (other than
// 0), and when a packet with Keyframe arrives
//
//   - that remembered packet is where the keyframe begins, if its timestamp is
//     the same;
//   - else the packet itself is.
//
// Parameter sets whose timestamp never gets a Keyframe packet are no keyframe.
//
// With have, the union of Parameters of the packets of that timestamp up to the
// Keyframe packet, f.Parameters()&^have is what the keyframe lacks. If that is
// not 0, [ParameterSets] has it, to be sent before the keyframe.
type Info struct {
	// Keyframe tells that the picture that begins in this packet is decodable
	// alone (given its parameter sets). It is set on one packet of the frame,
	// the one that holds the picture's first bytes; the other slices of it, and
	// higher spatial layers of the same picture, do not set it. Recovery points
	// and intra refresh (H.264 §D.2.8) are not keyframes. Every packet of audio is.
	Keyframe bool

	// FrameStart tells that this may be the first packet of a frame: of the
	// lowest spatial layer, where there are several. It is exact for VP8, VP9
	// and audio. In H264, H265 and AV1 further packets of the frame may say so
	// too (PPS after SPS, another OBU): there the first with a new timestamp is.
	FrameStart bool

	// IDR tells that the packet carries bytes of a picture decodable alone, not
	// only their beginning: known of every packet of it in H264 and H265, only
	// where Keyframe is set elsewhere.
	IDR bool

	// Parameters says which parameter sets begin in this packet; 0: none.
	Parameters ParameterKind

	// Spatial and Temporal are the layer the packet belongs to, the lowest if
	// there are several, as far as its payload tells: 0 is the base layer, what
	// codecs without layers have, and what the inside of an AV1 OBU or of an H264
	// picture with a prefix NAL unit says; the Dependency Descriptor knows better.
	// Spatial is 0 to 7 (H264: 0, H265: to 63), Temporal 0 to 7.
	Spatial, Temporal uint8

	// Width and Height are the picture's size in pixels after cropping, of the
	// highest spatial layer the packet describes. They are known only where the
	// packet holds them, on keyframes and parameter sets; 0 is unknown. Either
	// both are 0 or neither is.
	Width, Height uint16
}

// Inspect reads one RTP payload of format f, without its padding. The payload is
// borrowed until return. It does not allocate and takes time linear in the
// payload at worst; a malformed payload gives what could be read before the
// fault, at least the zero Info.
func Inspect(f Format, payload []byte) Info {
	if len(payload) == 0 {
		return Info{}
	}
	switch f.Name {
	case H264:
		return inspectH264(payload)
	case H265:
		return inspectH265(payload)
	case VP8:
		return inspectVP8(payload)
	case VP9:
		return inspectVP9(payload)
	case AV1:
		return inspectAV1(payload)
	case Opus, PCMU, PCMA, G722:
		return Info{Keyframe: true, FrameStart: true, IDR: true}
	}
	return Info{}
}

// A ParameterKind is a set of kinds of parameter sets, as bits.
type ParameterKind uint8

// The kinds of parameter sets, in the order decoders want them.
const (
	VPS            ParameterKind = 1 << iota // H265
	SPS                                      // H264, H265
	PPS                                      // H264, H265
	SequenceHeader                           // AV1
)

// Parameters returns the kinds a decoder of f must have before a keyframe and
// that [ParameterSets] can supply; 0 for formats whose keyframes hold it all.
func (f Format) Parameters() ParameterKind {
	switch f.Name {
	case H264:
		return SPS | PPS
	case H265:
		return VPS | SPS | PPS
	}
	return 0
}
