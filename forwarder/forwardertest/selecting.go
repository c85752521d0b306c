package forwardertest

import (
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A layer is what one packet of video belongs to.
type layer struct {
	publisher         uint16
	encoding          uint8
	spatial, temporal uint8
}

// selecting is what a subscriber wants and what it got.
type selecting struct {
	want forwarder.Selection
	cap  int64 // of the session, which may hold video back or exclude what is wanted; 0: none
	last forwarder.Choice
}

// leastSelect is the least time between two selections.
const leastSelect = 50 * time.Millisecond

// choose selects at random, again and again.
func (s *subscriber) choose() {
	w := s.w
	if s.left {
		return
	}
	w.after(leastSelect+w.upTo(w.opt.Select), s.choose)
	if w.calm {
		return
	}
	s.picks.want = s.randomSelection()
	s.core.Select(s.picks.want)
	s.limit()
	s.pull()
}

// limit caps the session so that none, some or all layers fit, or lifts the cap.
func (s *subscriber) limit() {
	w := s.w
	if !w.opt.Caps {
		return
	}
	bitrate := int64(0)
	if w.rnd.IntN(3) > 0 {
		bitrate = int64(w.opt.Bitrate)/16 + w.rnd.Int64N(int64(w.opt.Bitrate)*3/2)
	}
	s.picks.cap = bitrate
	s.core.SetCap(bitrate)
}

// randomSelection is one layer, one encoding, bounds, or nothing: the automatic choice.
func (s *subscriber) randomSelection() forwarder.Selection {
	w := s.w
	sel := forwarder.Selection{}
	o := &w.opt
	spatial, temporal := uint8(w.rnd.IntN(o.Layers.Spatial)), uint8(w.rnd.IntN(o.Layers.Temporal))
	switch w.rnd.IntN(8) {
	case 0:
		return sel
	case 1:
		sel.RID = rid(w.rnd.IntN(o.Encodings))
	case 2:
		sel.MaxSpatial, sel.MaxTemporal = &spatial, &temporal
	case 3:
		sel.MaxWidth = 1280 >> w.rnd.IntN(o.Encodings+o.Layers.Spatial)
	default:
		sel.Exact, sel.RID, sel.Spatial, sel.Temporal = true, rid(w.rnd.IntN(o.Encodings)), &spatial, &temporal
	}
	return sel
}

// note counts switches of what the core says it sends.
func (s *subscriber) note() {
	now := s.core.Choice()
	last := &s.picks.last
	same := now.Encoding == last.Encoding && now.Spatial == last.Spatial && now.Temporal == last.Temporal
	if !same && now.Encoding != nil && last.Encoding != nil && !last.Encoding.Ended() {
		s.w.switches++
	}
	*last = now
}

// becalm lets all stand still for a while: networks lose nothing, nothing vanishes,
// nobody selects.
func (w *World) becalm() {
	w.calm, w.calmAt = true, w.now
	w.after(calmFor, func() {
		for _, s := range w.subs {
			s.checkCalm()
		}
		w.calm = false
		w.after(w.around(w.opt.Calm), w.becalm)
	})
}

const (
	// arriveWithin is how soon what was selected must be there once all is calm.
	arriveWithin = 2 * time.Second

	// calmFor is how long it stays so: what was on its way must have come, and what
	// is there is watched for a second.
	calmFor = arriveWithin + lateBy + time.Second
)

// checkCalm holds what a subscriber got in the last second of a calm against what it
// selected.
func (s *subscriber) checkCalm() {
	w := s.w
	p := w.pub
	quiet := w.now.Sub(w.calmAt)
	if p.gone || p.core.Ended() || p.first.IsZero() || w.now.Sub(p.first) < quiet || w.now.Sub(s.joined) < quiet || s.wasBlocked() {
		return
	}
	want, exact := s.expected()
	if want == nil {
		return
	}
	got := s.seenSince(w.now.Add(-time.Second))
	if got == nil {
		w.fail("liveness: subscriber %d is sent nothing in a calm", s.index)
		return
	}
	if exact && *got != *want || !exact && !s.alike(got, want) {
		w.fail("liveness: subscriber %d gets %+v, selected is %+v of %+v", s.index, *got, *want, s.picks.want)
	}
}

// alike tells whether two layers have the same size and frame rate.
func (s *subscriber) alike(a, b *layer) bool {
	wa, _ := s.w.pub.stream(a.encoding).size(int(a.spatial))
	wb, _ := s.w.pub.stream(b.encoding).size(int(b.spatial))
	return wa == wb && a.temporal == b.temporal
}

// seenSince returns the highest layer sent of late, nil if there is none.
func (s *subscriber) seenSince(since time.Time) *layer {
	var top *layer
	for l, at := range s.seen {
		if at.Before(since) {
			continue
		}
		switch {
		case top == nil || l.encoding < top.encoding || l.publisher > top.publisher:
			top = &l
		case l.encoding == top.encoding:
			top.spatial, top.temporal = max(top.spatial, l.spatial), max(top.temporal, l.temporal)
		}
	}
	return top
}

// expected is the layer that was selected; nil if there is no such one now, or if the
// network's estimate or caps have a say in it. exact tells that no other one will do.
func (s *subscriber) expected() (want *layer, exact bool) {
	o, sel := &s.w.opt, &s.picks.want
	if sel.RID != "" && s.w.pub.named(sel.RID).paused || s.picks.cap > 0 || o.TransportCC && !sel.Exact {
		return nil, false
	}
	for i := range o.Encodings {
		u := s.w.pub.stream(uint8(i))
		if u.paused || sel.RID != "" && u.rid != sel.RID {
			continue
		}
		if l := s.within(u); l != nil && s.better(l, want) {
			want = l
		}
	}
	return want, sel.Exact
}

// better tells whether a is a larger picture than b, which may be nil.
func (s *subscriber) better(a, b *layer) bool {
	if b == nil {
		return true
	}
	wa, _ := s.w.pub.stream(a.encoding).size(int(a.spatial))
	wb, _ := s.w.pub.stream(b.encoding).size(int(b.spatial))
	return wa > wb
}

// within returns the highest layer of an encoding that a selection allows, nil if there
// is none.
func (s *subscriber) within(u *upstream) *layer {
	o, sel := &s.w.opt, &s.picks.want
	l := layer{u.pub.id, uint8(u.index), uint8(u.ladder.active - 1), uint8(o.Layers.Temporal - 1)}
	if !o.tellsLayers() {
		return &l
	}
	if o.Codec == codec.AV1 && !s.negotiated[subDescriptorID] {
		l.spatial = 0 // nothing tells it where another layer's frame ends
	}
	if sel.Exact {
		if *sel.Spatial > l.spatial || *sel.Temporal > l.temporal {
			return nil
		}
		l.spatial, l.temporal = *sel.Spatial, *sel.Temporal
	}
	if sel.MaxSpatial != nil {
		l.spatial, l.temporal = min(l.spatial, *sel.MaxSpatial), min(l.temporal, *sel.MaxTemporal)
	}
	for sel.MaxWidth > 0 {
		width, _ := u.size(int(l.spatial))
		if width <= sel.MaxWidth {
			break
		}
		if l.spatial == 0 {
			return nil
		}
		l.spatial--
	}
	return &l
}

// named returns the encoding with a RID.
func (p *publisher) named(rid string) *upstream {
	for _, s := range p.streams {
		if s.kind == codec.Video && s.rid == rid {
			return s
		}
	}
	return nil
}

// checkFallback sees to it that whoever was on an encoding that vanished, or on its spatial
// layers from one on, gets another one in time, if there is one all that time and no other
// vanishes, but where caps may hold video back.
func (p *publisher) checkFallback(gone *upstream, spatial int) {
	w := p.w
	if w.opt.Caps {
		return
	}
	since, unheard, changes := w.now, p.unheard, gone.changes
	steady := func() bool {
		if spatial > 0 {
			return !gone.paused && !gone.since.After(since) && gone.changes == changes
		}
		return gone.paused && p.steady(gone, since)
	}
	within := fallbackWithin + w.opt.Up.Delay + w.opt.Up.Jitter
	if w.opt.Up.Late > 0 {
		within += lateBy // its last packet
	}
	var check func()
	check = func() {
		if p.gone || p.core.Ended() || w.pub != p || !steady() {
			return
		}
		if left := fallbackWithin - w.now.Sub(gone.lastCame); left > 0 && spatial == 0 {
			w.after(left, check) // what was sent again, and was late too: it did not seem to vanish before
			return
		}
		if p.unheard > unheard {
			unheard++
			w.after(askAgain, check)
			return
		}
		for _, s := range w.subs {
			if w.now.Sub(s.joined) >= fallbackWithin && !s.wasBlocked() && !s.seenBeside(gone.index, spatial, since) {
				w.fail("liveness: subscriber %d got nothing else %v after layers from %d of encoding %d vanished", s.index, fallbackWithin, spatial, gone.index)
			}
		}
	}
	w.after(within, check)
}

// seenBeside tells whether anything but the spatial layers of an encoding from one on was sent
// since.
func (s *subscriber) seenBeside(index, spatial int, since time.Time) bool {
	for l, at := range s.seen {
		if (int(l.encoding) != index || int(l.spatial) < spatial) && at.After(since) {
			return true
		}
	}
	return false
}

// fallbackWithin is how soon another encoding takes the place of one that vanished, and
// askAgain how much later where a request for its keyframe was lost.
const (
	fallbackWithin = 2 * time.Second
	askAgain       = 500 * time.Millisecond
)
