package forwardertest

import (
	"math/rand/v2"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// ladder makes an encoding's layer frames: the pattern's pictures, each in as many
// spatial layers as are active, and the numbers they carry.
type ladder struct {
	layers  Layers
	pattern pattern
	active  int // spatial layers sent now
	firstID uint16
	tl0     uint8
	number  uint16            // of the next layer frame in the Dependency Descriptor
	numbers map[uint64]uint16 // by place, of the last layer frames
	chains  [3]chain
}

// A chain is the newest layer frame of one, that a target cannot do without.
type chain struct {
	number uint16
	begun  bool
}

// A layerFrame is one spatial layer of a picture.
type layerFrame struct {
	content
	picture picture
	phase   int    // of the pattern
	id      uint16 // of the picture, not cut to its bits
	tl0     uint8
	number  uint16 // of the Dependency Descriptor
	below   bool   // needs the next lower spatial layer's frame
	above   bool   // the next higher one's needs it
	sets    bool   // parameter sets go before it, in a packet of their own
	first   uint32 // number of its first packet
	bytes   int    // its size, contents and headers aside where it is small

	dependency dependency
}

// A dependency is what the Dependency Descriptor says of a layer frame.
type dependency struct {
	indications []codec.Indication // by target
	diffs       []uint16           // of frame numbers, to what it needs
	chains      []uint8
	active      uint32 // targets
}

// keepNumbers is how many layer frames back numbers are kept: more than references go.
const keepNumbers = 64

func newLadder(rnd *rand.Rand, l Layers) *ladder {
	return &ladder{
		layers: l, pattern: newPattern(rnd, l), active: l.Spatial, numbers: map[uint64]uint16{},
		firstID: uint16(rnd.Uint32()), tl0: uint8(rnd.Uint32()), number: uint16(rnd.Uint32()),
	}
}

// next makes the layer frames of the next picture, the base layer first.
func (l *ladder) next(key bool) []*layerFrame {
	phase := l.pattern.phase
	p := l.pattern.next(key)
	if key {
		phase, l.chains = 0, [3]chain{}
	}
	if p.temporal == 0 {
		l.tl0++
	}
	var out []*layerFrame
	for s := range l.active {
		f := &layerFrame{picture: p, phase: phase, id: l.firstID + uint16(p.number), tl0: l.tl0}
		f.content.picture, f.content.key, f.temporal, f.spatial = p.number, key, p.temporal, uint8(s)
		f.last = s == l.active-1
		f.below = s > 0 && (key || !l.layers.KeyOnly)
		f.above = !f.last && (key || !l.layers.KeyOnly)
		l.depend(f)
		out = append(out, f)
	}
	return out
}

// depend fills in what f needs and what the Dependency Descriptor says of it.
func (l *ladder) depend(f *layerFrame) {
	for _, n := range f.picture.needs {
		f.refer(reference{uint8(f.picture.number - n), f.spatial})
	}
	if f.below {
		f.refer(reference{0, f.spatial - 1})
	}
	f.number = l.number
	l.number++
	at := place(f.content.picture, f.spatial)
	l.numbers[at] = f.number
	delete(l.numbers, at-4*keepNumbers)
	for _, need := range f.needs() {
		f.dependency.diffs = append(f.dependency.diffs, f.number-l.numbers[need.place])
	}
	f.dependency.indications = l.indications(f)
	f.dependency.active = l.activeTargets()
	l.link(f)
}

// link says where f's chains were last, and moves those on that it belongs to.
func (l *ladder) link(f *layerFrame) {
	for c := range l.layers.Spatial {
		diff := uint16(0)
		if ch := l.chains[c]; ch.begun && f.number-ch.number < 256 {
			diff = f.number - ch.number
		}
		f.dependency.chains = append(f.dependency.chains, uint8(diff))
		if f.temporal == 0 && l.inTarget(f, c, 0) {
			l.chains[c] = chain{f.number, true}
		}
	}
}

// target is the number of the decode target of a spatial and a temporal layer.
func (l *Layers) target(spatial, temporal int) int { return spatial*l.Temporal + temporal }

// inTarget tells whether a receiver of the target needs f.
func (l *ladder) inTarget(f *layerFrame, spatial, temporal int) bool {
	s := int(f.spatial)
	if int(f.temporal) > temporal || s > spatial {
		return false
	}
	return s == spatial || f.key || !l.layers.KeyOnly
}

func (l *ladder) indications(f *layerFrame) []codec.Indication {
	var out []codec.Indication
	for s := range l.layers.Spatial {
		for t := range l.layers.Temporal {
			out = append(out, l.indication(f, s, t))
		}
	}
	return out
}

func (l *ladder) indication(f *layerFrame, spatial, temporal int) codec.Indication {
	switch {
	case !l.inTarget(f, spatial, temporal):
		return codec.NotPresent
	case f.key:
		return codec.Switch
	case int(f.spatial) < spatial:
		return codec.Required
	case l.layers.Fixed && f.temporal > 0 && int(f.temporal) == temporal:
		return codec.Discardable
	case f.picture.switches[temporal]:
		return codec.Switch
	}
	return codec.Required
}

// activeTargets are those whose spatial layers are all sent.
func (l *ladder) activeTargets() uint32 { return 1<<l.layers.target(l.active, 0) - 1 }
