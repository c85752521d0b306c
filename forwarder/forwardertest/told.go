package forwardertest

import (
	"slices"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// told is what a receiver was told by Dependency Descriptors, and the checks that it
// is true.
type told struct {
	q         *sequence
	off       bool // it is told nothing
	structure codec.DependencyStructure
	lost      bool   // a structure may have been lost
	since     uint32 // timestamp of the packet that had the last one
	active    uint32
	before    uint32 // active, at the packet of media before
	number    uint16 // the last frame number
	offset    uint16 // of frame numbers to the publisher's
	begun     bool
	sets      *sentRecord // the last packet, if it was of parameter sets
	setsOf    uint16      // the frame it is told to be of
}

func (t *told) start(q *sequence) {
	t.q = q
	t.off = !q.o.s.negotiated[subDescriptorID] || !q.o.s.w.opt.Descriptor
}

// packet takes the next packet, of media or not.
func (t *told) packet(r *sentRecord) {
	if t.off || len(r.payload) == 0 {
		return
	}
	t.lost = t.lost || t.headless(r)
	d, err := t.structure.Parse(r.descriptor)
	if err != nil {
		if r.media && !t.lost {
			t.q.fail("wire: dependency descriptor: %v", err)
		}
		return
	}
	if d.NewStructure {
		t.lost, t.since = false, r.timestamp
	}
	t.before = t.active
	if d.HasActive {
		t.active = d.Active
	}
	from := t.q.o.s.w.original(&r.content)
	t.lead(r, &d)
	if r.media && from != nil {
		t.same(&d, from, &r.content)
		t.numbered(&d, r, from)
		t.mask(&r.content, from)
	}
}

// headless tells whether a keyframe begins with this packet though another one, which
// has the structure, should have come before it and did not.
func (t *told) headless(r *sentRecord) bool {
	c := &r.content
	if !r.media || !c.key || t.q.prev != nil && !r.fresh(t.q.prev) || t.since == r.timestamp && t.begun {
		return false
	}
	from := t.q.o.s.w.original(c)
	if from == nil || t.q.holes > 0 {
		return true
	}
	first := t.q.o.s.w.stream(c).sent[from.frame.first]
	return first == nil || first.came == 0 || first.came > from.came
}

// lead checks that parameter sets are told to be of the frame they go before.
func (t *told) lead(r *sentRecord, d *codec.Dependency) {
	switch {
	case !r.media:
		t.sets = r
		t.setsOf = d.FrameNumber
		if d.End {
			t.q.fail("wire: dependency descriptor: parameter sets end a frame")
		}
	case t.sets != nil && t.sets.timestamp == r.timestamp && t.setsOf != d.FrameNumber:
		t.q.fail("wire: parameter sets are of frame %d, not %d", t.setsOf, d.FrameNumber)
	}
	if r.media {
		t.sets = nil
	}
}

// same holds what the descriptor says against what the publisher's said.
func (t *told) same(d *codec.Dependency, from *original, c *content) {
	f := from.frame
	switch want := &f.dependency; {
	case d.Start != (c.part == 0 && !f.sets) || d.End != c.ends():
		t.q.fail("wire: dependency descriptor: frame start %v, end %v", d.Start, d.End)
	case d.Spatial != f.spatial || d.Temporal != f.temporal,
		!slices.Equal(d.References[:d.ReferenceCount], want.diffs),
		!slices.Equal(d.Indications[:d.Targets], want.indications),
		!slices.Equal(d.ChainDiffs[:d.Chains], want.chains):
		t.q.fail("wire: dependency descriptor is not what the publisher sent")
	}
}

// numbered checks the frame number: it keeps its distance to the publisher's, and
// takes another one, always higher than the last, only where a keyframe begins.
func (t *told) numbered(d *codec.Dependency, r *sentRecord, from *original) {
	offset := d.FrameNumber - from.frame.number
	begins := r.content.key && (t.q.prev == nil || r.fresh(t.q.prev))
	switch {
	case !t.begun:
	case begins && int16(d.FrameNumber-t.number) <= 0:
		t.q.fail("wire: frame number %d does not rise from %d", d.FrameNumber, t.number)
	case !begins && offset != t.offset:
		t.q.fail("wire: frame number %d does not keep its distance to what it needs", d.FrameNumber)
	}
	if !t.begun || begins || int16(d.FrameNumber-t.number) > 0 {
		t.number = d.FrameNumber
	}
	t.begun, t.offset = true, offset
}

// mask checks the active decode targets: what is sent belongs to one of them, what is
// left out to none, and the publisher makes them all.
func (t *told) mask(c *content, from *original) {
	if t.lost || t.q.o.s.w.stream(c).unclear(c.picture) {
		return
	}
	if !from.frame.in(t.active) {
		t.q.fail("wire: active targets %b have no use for layer %d/%d", t.active, c.spatial, c.temporal)
	}
	if t.active&^from.frame.dependency.active != 0 && t.heard(c, from) {
		t.q.fail("wire: active targets %b, the publisher makes %b", t.active, from.frame.dependency.active)
	}
	p := t.q.prev
	if p == nil || t.q.holes > 0 || c.key || !p.content.sameEncoding(c) {
		return
	}
	s := t.q.o.s.w.stream(c)
	for at := p.content.frame().place + 1; at < c.frame().place; at++ {
		if f := s.frames[at]; f != nil && f.in(t.active&^s.entered(c.picture)) && f.in(t.before) && !s.unclear(f.picture.number) {
			t.q.fail("wire: active targets %b need picture %d layer %d/%d, which is left out", t.active, f.picture.number, f.spatial, f.temporal)
		}
	}
}

// in tells whether one of a set of targets needs the frame.
func (f *layerFrame) in(targets uint32) bool {
	for i, ind := range f.dependency.indications {
		if targets>>i&1 == 1 && ind != codec.NotPresent {
			return true
		}
	}
	return false
}

// entered are the targets that may be entered with a picture: who left one may be back.
func (s *upstream) entered(picture uint32) uint32 {
	var targets uint32
	for spatial := range uint8(s.ladder.layers.Spatial) {
		f := s.frames[place(picture, spatial)]
		if f == nil {
			continue
		}
		for i, ind := range f.dependency.indications {
			if ind == codec.Switch {
				targets |= 1 << i
			}
		}
	}
	return targets
}

// heard tells whether the packet in which the publisher told its active targets came
// in time to be passed on.
func (t *told) heard(c *content, from *original) bool {
	s := t.q.o.s.w.stream(c)
	f := from.frame
	for at := c.frame().place; at > 0; at-- {
		g := s.frames[at]
		if g == nil {
			continue
		}
		if g.dependency.active != from.frame.dependency.active {
			break
		}
		f = g
	}
	o := s.sent[f.first]
	return o != nil && o.came != 0 && o.came <= from.came && !t.q.excused(f.frame())
}
