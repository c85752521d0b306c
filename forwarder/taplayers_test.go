package forwarder

import (
	"encoding/binary"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A narrowing is a link's stream of an encoding in layers, and what comes of it.
type narrowing struct {
	tapStream
	t *testing.T
	p Packet // the last one
}

func newNarrowing(t *testing.T) *narrowing {
	n := &narrowing{t: t, tapStream: *newTapStream(newEncoding())}
	n.p = Packet{Seq: 100, Timestamp: 1000, Payload: make([]byte, 2*stubBytes)}
	return n
}

// layers are those of some pairs of a spatial and a temporal one.
func layers(ids ...layerID) (all uint32) {
	for _, id := range ids {
		all |= id.bit()
	}
	return all
}

// upTo are the temporal layers up to one, of all spatial ones: what travels without a structure.
func upTo(temporal int) (bits uint32) {
	for s := range uint8(codec.MaxSpatial) {
		bits |= spatialBits(s, temporal)
	}
	return bits
}

// packet lets one more packet of the picture come, in the order of the numbers, changed.
func (n *narrowing) packet(change func(*Packet)) {
	n.p.Seq++
	p := n.p
	if change != nil {
		change(&p)
	}
	n.turn(&p)
	n.highest = max(n.highest, p.Seq)
}

// picture lets the first packet of the next picture come.
func (n *narrowing) picture(entry uint32) {
	n.p.Timestamp += 3000
	n.packet(func(p *Packet) { p.Layering.Entry = entry })
}

func (n *narrowing) travel(when string, want uint32) {
	n.t.Helper()
	if n.travels != want {
		n.t.Errorf("%s: %08x travels, want %08x", when, n.travels, want)
	}
}

// kSVC is what two spatial layers by two temporal ones mean where a layer's pictures need those of
// the lower one at keyframes only.
func kSVC() *codec.LayerMasks {
	m := &codec.LayerMasks{}
	for s := range uint8(2) {
		m.Within[s][0] = layers(layerOf(s, 0))
		m.Within[s][1] = layers(layerOf(s, 0), layerOf(s, 1))
	}
	return m
}

func TestALinkGrowsNarrowAtAPicture(t *testing.T) {
	n := newNarrowing(t)
	n.picture(codec.AllLayers)
	n.picture(0)
	n.travel("all is wanted", 0)
	n.want = layers(layerOf(0, 0))
	n.packet(nil)
	n.travel("amid a picture", 0)
	n.packet(func(p *Packet) { p.Layering.Entry = codec.AllLayers })
	n.travel("amid a keyframe", 0)
	n.p.Timestamp += 3000
	n.packet(func(p *Packet) { p.Payload = nil })
	n.travel("with a probe", 0)
	n.p.Timestamp += 3000
	n.packet(func(p *Packet) { p.Seq = n.highest })
	n.travel("with what came late", 0)
	n.enc.format.Name = codec.Opus
	n.picture(0)
	n.travel("sound", 0)
	n.enc.format.Name = codec.VP8
	n.picture(0)
	n.travel("at a picture", upTo(0))
}

func TestAFreshLinkMayBeNarrowAtOnce(t *testing.T) {
	n := newNarrowing(t)
	n.want = layers(layerOf(0, 1))
	n.p.Timestamp = 0
	n.packet(nil)
	n.travel("the first packet, of a picture of time 0", upTo(1))
}

func TestALinkGrowsByTemporalLayersWhereTheyMayBeEntered(t *testing.T) {
	n := newNarrowing(t)
	n.want = layers(layerOf(0, 0))
	n.picture(0)
	n.want = layers(layerOf(0, 2))
	n.picture(0)
	n.travel("where nothing may be entered", upTo(0))
	n.picture(layers(layerOf(0, 2)))
	n.travel("where the one in between may not be entered", upTo(0))
	n.p.Timestamp += 3000
	n.packet(func(p *Packet) { p.Layering.Entry, p.Travels = layers(layerOf(0, 1)), upTo(0) })
	n.travel("where it does not come here", upTo(0))
	n.picture(layers(layerOf(0, 1)))
	n.travel("where the next may be entered", upTo(1))
	n.packet(func(p *Packet) { p.Layering.Entry = layers(layerOf(0, 2)) })
	n.travel("amid a picture, where the last may be entered", upTo(2))
	n.want = layers(layerOf(0, 0))
	n.picture(0)
	n.want = layers(layerOf(0, 2))
	n.picture(layers(layerOf(0, 1), layerOf(0, 2)))
	n.travel("two at once", upTo(2))
	n.picture(0)
	n.travel("it stays", upTo(2))
}

func TestALinkGrowsBySpatialLayersAtAKeyframe(t *testing.T) {
	low, high := layers(layerOf(0, 0), layerOf(0, 1)), layers(layerOf(1, 0), layerOf(1, 1))
	n := newNarrowing(t)
	n.packet(func(p *Packet) { p.Layering.Entry, p.Layering.Masks = codec.AllLayers, kSVC() })
	n.want = layers(layerOf(0, 1))
	n.picture(0)
	n.travel("down", low)
	n.want = layers(layerOf(1, 1))
	n.picture(layers(layerOf(1, 1)))
	n.travel("up without a keyframe: the last is kept", low)
	n.picture(codec.AllLayers)
	n.travel("up", high)
	n.want = layers(layerOf(0, 0), layerOf(1, 1))
	n.picture(codec.AllLayers)
	n.travel("both", high|layers(layerOf(0, 0)))
	n.p.Timestamp += 3000
	n.packet(func(p *Packet) { p.Layering.Entry, p.Travels = codec.AllLayers, low })
	n.travel("of what comes here", layers(layerOf(0, 0)))
}

func TestALinkIsWholeAgainAtAKeyframe(t *testing.T) {
	n := newNarrowing(t)
	n.want = layers(layerOf(0, 0))
	n.picture(0)
	n.want = codec.AllLayers
	n.picture(0)
	n.travel("without a keyframe", upTo(0))
	n.picture(layers(layerOf(0, 1)))
	n.travel("where a layer may be entered", upTo(1))
	n.picture(codec.AllLayers)
	n.travel("with one", 0)
	n.want = layers(layerOf(0, 0))
	n.picture(0)
	n.packet(func(p *Packet) { p.Layering.Masks = kSVC() })
	n.picture(0)
	n.travel("a structure is remembered", layers(layerOf(0, 0)))
}

func TestStubsAreOfWhatDoesNotTravel(t *testing.T) {
	needed := layers(layerOf(0, 1))
	for name, c := range map[string]struct {
		travels uint32
		bytes   int
		want    bool
	}{
		"all travel":   {0, stubBytes + 1, false},
		"its own does": {needed | 1, stubBytes + 1, false},
		"others do":    {1, stubBytes + 1, true},
		"it is small":  {1, stubBytes, false},
	} {
		s := &tapStream{travels: c.travels}
		if got := s.leaves(&Packet{Payload: make([]byte, c.bytes), Layering: codec.Layering{Needed: needed}}); got != c.want {
			t.Errorf("%s: a stub %v", name, got)
		}
	}
}

func TestWhatIsToldToTravel(t *testing.T) {
	for _, c := range []struct{ came, goes, want uint32 }{
		{0, 0, 0},
		{0, 3, 3},
		{6, 0, 6},
		{6, 3, 2},
		{6, 1, 6}, // soon what is wanted: this node wants what its far ends do
	} {
		s := &tapStream{travels: c.goes}
		if got := s.travelsWith(&Packet{Travels: c.came}); got != c.want {
			t.Errorf("%x came, %x goes: told %x, want %x", c.came, c.goes, got, c.want)
		}
	}
}

func TestWantedLayersOnTheWire(t *testing.T) {
	tap := &Tap{}
	for id := range uint32(3) {
		e := newEncoding()
		e.id = 10 + id
		tap.streams = append(tap.streams, newTapStream(e))
	}
	told := func(words ...uint32) []byte {
		var b []byte
		for _, w := range words {
			b = binary.BigEndian.AppendUint32(b, w)
		}
		return b
	}
	for name, c := range map[string]struct {
		list []byte
		want [3]uint32
	}{
		"nothing":        {nil, [3]uint32{codec.AllLayers, codec.AllLayers, codec.AllLayers}},
		"two":            {told(12, 5, 10, 1), [3]uint32{1, codec.AllLayers, 5}},
		"no layer":       {told(11, 0), [3]uint32{codec.AllLayers, codec.AllLayers, codec.AllLayers}},
		"half a word":    {told(11, 7, 12, 9)[:12], [3]uint32{codec.AllLayers, 7, codec.AllLayers}},
		"another stream": {told(13, 7), [3]uint32{codec.AllLayers, codec.AllLayers, codec.AllLayers}},
	} {
		tap.wantedLayers(c.list)
		for i, s := range tap.streams {
			if s.want != c.want[i] {
				t.Errorf("%s: %x is wanted of stream %d, want %x", name, s.want, i, c.want[i])
			}
		}
	}
}
