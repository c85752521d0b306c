package forwardertest

import (
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Network says what happens to packets in one direction.
type Network struct {
	Loss      float64       // share of packets lost
	Duplicate float64       // share that arrives twice
	Late      float64       // share that arrives up to lateBy later than it should
	Delay     time.Duration // least
	Jitter    time.Duration // added, uniform: packets overtake each other, across frames too
}

// lateBy is how late a late packet is at most: later than most switches, sooner than
// the core forgets.
const lateBy = 1500 * time.Millisecond

// Layers say how the layers inside an encoding depend on each other.
type Layers struct {
	Spatial  int // number of layers, 0 is 1; at most 3
	Temporal int // the same

	// KeyOnly says that a spatial layer needs the lower ones at keyframes only, as
	// in L3T3_KEY; else in each picture.
	KeyOnly bool

	// Fixed says that an upper temporal layer refers to lower ones only, so that one
	// may step up anywhere; else only at some pictures, at random.
	Fixed bool
}

// Options say what is simulated; the zero Options is one encoding of VP8 over perfect
// networks.
type Options struct {
	Codec            codec.Name // 0 is VP8; H264 is in packetization mode 1
	Encodings        int        // of video; 0 is 1, at most 4
	Layers           Layers     // of each encoding
	Descriptor       bool       // layers are told by the Dependency Descriptor
	Flexible         bool       // VP9 lists references in each picture
	NarrowIDs        bool       // picture ids of 7 bits
	Rotate           bool       // template ids of the Dependency Descriptor change with each keyframe
	AudioOnly        bool
	VideoOnly        bool
	NoMarkers        bool          // frames end without a marker bit
	Padding          bool          // packets without payload between frames
	Steps            time.Duration // mean time after which the publisher's clock is set; 0: never
	Interval         time.Duration // between keyframes; 0: only on request, and the first
	IgnoreRequests   bool          // for keyframes, as OBS and FFmpeg do
	IgnoreNacks      bool
	RTX              bool // towards subscribers; the publisher's always is
	TransportCC      bool // towards subscribers
	Up, Down         Network
	Links            int           // how many links lie between the publisher's node and the subscribers'
	Link             Network       // each one's
	LinkAfter        time.Duration // how long after a publisher they begin; 0: at once
	Subscribers      int           // 0 is 3; they join at random times
	Rejoin           time.Duration // mean life of a subscriber session; 0: endless
	Restart          time.Duration // mean life of a publisher session; 0: endless
	Vanish           time.Duration // mean time after which an encoding pauses or comes back; 0: never
	VanishLayers     time.Duration // the same of an encoding's upper spatial layers
	Select           time.Duration // at most between two selections of a subscriber; 0: none is made
	Caps             bool          // selections come with a cap of the session, or none
	Calm             time.Duration // mean time after which all stands still and layers are checked; 0: never
	NoSenderReports  bool
	StripParameters  bool // H264 and H265 only: parameter sets come once, not with each keyframe
	Fault            Fault
	garble           garble
	Bitrate          int           // bits per second of the largest encoding; 0 is 800,000
	PacketBytes      int           // of payload; 0 is 1100
	PauseSubscribers time.Duration // mean time after which a subscriber's sink is full for a while; 0: never
}

// A Fault changes or drops (false) a packet on its way out of the core, before
// the oracles see it: a planted defect. first is false for packets sent again.
type Fault func(subscriber int, p *rtp.Packet, first bool) bool

// A garble changes what leaves the core before anybody reads it: planted defects that are
// none of a single packet. What is nil changes nothing.
type garble struct {
	output   func(now time.Time, out *forwarder.Output) // of a pull
	wire     func(b []byte) []byte                      // a packet to a subscriber
	feedback func(b []byte) []byte                      // to a publisher
}

func (g *garble) pulled(now time.Time, out *forwarder.Output) {
	if g.output != nil {
		g.output(now, out)
	}
}

func (g *garble) packet(b []byte) []byte { return garbled(g.wire, b) }

func (g *garble) upwards(b []byte) []byte { return garbled(g.feedback, b) }

func garbled(do func([]byte) []byte, b []byte) []byte {
	if do == nil {
		return b
	}
	return do(b)
}

// complete fills in what is left out.
func (o *Options) complete() {
	orElse(&o.Encodings, 1)
	orElse(&o.Subscribers, 3)
	orElse(&o.Bitrate, 800_000)
	orElse(&o.PacketBytes, 1100)
	orElse(&o.Layers.Spatial, 1)
	orElse(&o.Layers.Temporal, 1)
	if o.Codec == 0 {
		o.Codec = codec.VP8
	}
	if o.Codec == codec.VP9 && !o.Flexible {
		o.Layers.Fixed = true // its picture groups say once and for all what a picture needs
	}
}

func orElse(v *int, otherwise int) {
	if *v == 0 {
		*v = otherwise
	}
}

// videos is how many encodings of video there are.
func (o *Options) videos() int {
	if o.AudioOnly {
		return 0
	}
	return o.Encodings
}

// layered tells whether encodings have several layers.
func (o *Options) layered() bool { return o.Layers.Spatial*o.Layers.Temporal > 1 }

// tellsLayers tells whether packets say enough of layers to choose among them.
func (o *Options) tellsLayers() bool {
	return o.Descriptor || o.Codec == codec.VP8 || o.Codec == codec.VP9 || o.Codec == codec.H265
}

// hasSets tells whether parameter sets go before keyframes.
func (o *Options) hasSets() bool { return o.Codec == codec.H264 || o.Codec == codec.H265 }

// healthy tells whether nothing but time comes between publisher and subscribers,
// who get all there is.
func (o *Options) healthy() bool {
	calm := func(n Network) bool { return n.Loss == 0 && n.Jitter == 0 && n.Late == 0 }
	still := o.PauseSubscribers == 0 && o.Vanish == 0 && o.VanishLayers == 0 && o.Select == 0
	return calm(o.Up) && calm(o.Down) && still
}

// format is the codec and its parameters as negotiated.
func (o *Options) format() codec.Format {
	if o.Codec == codec.H264 {
		return codec.Format{Name: codec.H264, Profile: 0x42e0, Mode: 1}
	}
	return codec.Format{Name: o.Codec}
}
