package forwardertest

import "math/rand/v2"

// pattern makes an encoding's pictures: the temporal layer of each, and which others
// it needs.
//
// Two temporal layers alternate (0 1), three come as 0 2 1 2. A picture of layer 0
// needs the last one of layer 0. One of an upper layer needs what is newest of the
// layers below it; unless the pattern is fixed it may also need an older picture of
// its own layer, or of a lower one that is not the newest, so that one cannot step up
// everywhere.
type pattern struct {
	rnd     *rand.Rand
	layers  Layers
	phase   int // in the period, of the next picture
	number  uint32
	newest  [3]uint32 // the newest picture of each temporal layer
	extra   [4]extra  // by phase, of this period
	periods int
}

// syncPeriods is after how many periods there is one in which one may step up anywhere.
const syncPeriods = 6

// An extra is what a picture needs beside the newest one below it.
type extra uint8

const (
	nothing   extra = iota
	sameLayer       // the one of its layer before
	lowerLast       // the one of layer 1 before: of layer 2 only
)

// A picture is what the pattern says of one.
type picture struct {
	number   uint32
	temporal uint8
	key      bool
	needs    []uint32 // numbers of pictures

	baseOnly bool    // needs pictures of layer 0 only, or none
	enters   bool    // needs pictures of lower layers only, and no later one of its layer needs one before this that is of it
	up       bool    // no later picture of a higher layer needs one before this that is of a higher layer
	switches [3]bool // by temporal layer of a target: decodable from here on, if this picture is
}

func newPattern(rnd *rand.Rand, l Layers) pattern { return pattern{rnd: rnd, layers: l} }

// temporals are the layers of the pictures of a period.
func (g *pattern) temporals() []uint8 {
	return [][]uint8{{0}, {0, 1}, {0, 2, 1, 2}}[g.layers.Temporal-1]
}

// next makes the next picture; a keyframe begins the period anew.
func (g *pattern) next(key bool) picture {
	if key {
		g.phase = 0
	}
	if g.phase == 0 {
		g.plan(key)
	}
	p := picture{number: g.number, temporal: g.temporals()[g.phase], key: key}
	if !key {
		p.needs = g.needs(p.temporal)
	}
	p.baseOnly = key || p.temporal == 0 || len(p.needs) == 1 && p.needs[0] == g.newest[0]
	p.enters = p.temporal > 0 && g.extra[g.phase] != sameLayer
	p.switches = g.switches(p.temporal)
	p.up = g.mayStepUp(&p)
	g.newest[p.temporal] = p.number
	g.number++
	g.phase = (g.phase + 1) % len(g.temporals())
	return p
}

// plan draws what the pictures of a period need more than they must.
func (g *pattern) plan(key bool) {
	g.extra = [4]extra{}
	g.periods++
	if g.layers.Fixed || g.periods%syncPeriods == 0 {
		return
	}
	for phase, t := range g.temporals() {
		first := phase == 0 || t == 2 && phase == 1 || t == 1 // of its layer in this period
		switch {
		case t == 0 || key && first || g.rnd.IntN(3) == 0:
		case t == 2 && phase == 1 && g.rnd.IntN(2) == 0:
			g.extra[phase] = lowerLast
		default:
			g.extra[phase] = sameLayer
		}
	}
}

// needs lists what a picture of temporal layer t needs, if it is the next.
func (g *pattern) needs(t uint8) []uint32 {
	below := g.newest[0]
	if t == 2 {
		below = max(below, g.newest[1])
	}
	out := []uint32{below}
	switch g.extra[g.phase] {
	case sameLayer:
		out = append(out, g.newest[t])
	case lowerLast:
		out = append(out, g.newest[1])
	}
	return out
}

// switches says from which targets on all later pictures are decodable if the next
// one, of layer t, is.
func (g *pattern) switches(t uint8) [3]bool {
	free := func(phase int) bool { return g.extra[phase] == nothing }
	s := [3]bool{true, true, true}
	switch {
	case g.layers.Temporal == 2 && t == 0:
		s[1] = free(1)
	case g.layers.Temporal == 3 && t == 0:
		s[1], s[2] = free(2), free(1) && free(2)
	case g.layers.Temporal == 3 && t == 1:
		s[2] = free(3)
	case g.layers.Temporal == 3 && g.phase == 1:
		s[2] = free(2) || !free(1)
	}
	return s
}

// mayStepUp is VP9's switching up point (RFC 9628 §4.2, U): nothing higher that comes
// later needs anything higher from before. Of the highest layer it says nothing, and
// encoders set it or not.
func (g *pattern) mayStepUp(p *picture) bool {
	if int(p.temporal) == g.layers.Temporal-1 {
		return g.layers.Fixed || g.rnd.IntN(2) == 0
	}
	return p.key || p.switches[g.layers.Temporal-1]
}
