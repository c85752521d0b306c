package forwarder

import (
	"cmp"
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A rung is something a subscriber may get: a layer of an encoding.
type rung struct {
	enc     *Encoding
	layer   layerID
	bitrate int64 // of what a receiver gets, in bits per second of payload
	pixels  int   // 0: unknown
	width   int
	height  int
}

// A ladder is everything a publisher's video can be had as, the worst first. Quality is
// measured: pixels, then pictures per second, then bitrate; a RID means nothing. No rung
// takes as much as a better one.
type ladder []rung

// newLadder makes the ladder of a publisher's video encodings. Pictures are left out of
// the smallest only: a small picture that moves is better than a large one that stutters.
func newLadder(now time.Time, encodings []*Encoding) ladder {
	var l ladder
	for _, e := range encodings {
		if e.Active(now) && e.decodable() {
			l = e.appendRungs(l)
		}
	}
	slices.SortStableFunc(l, func(a, b rung) int {
		return cmp.Or(cmp.Compare(a.pixels, b.pixels), cmp.Compare(a.layer.temporal(), b.layer.temporal()), cmp.Compare(a.bitrate, b.bitrate))
	})
	if len(l) == 0 {
		return nil
	}
	smallest := l[0].pixels
	l = slices.DeleteFunc(l, func(r rung) bool {
		top := r.enc.topTemporal(r.layer.spatial())
		return r.pixels > smallest && r.layer.temporal() < top
	})
	return l.withoutDominated()
}

// withoutDominated leaves out what takes as much as something better.
func (l ladder) withoutDominated() ladder {
	kept := len(l) - 1
	for i := len(l) - 2; i >= 0; i-- {
		if l[i].bitrate < l[kept].bitrate {
			kept--
			l[kept] = l[i]
		}
	}
	return l[kept:]
}

func (e *Encoding) appendRungs(l ladder) ladder {
	all := e.Layers()
	if len(all) == 0 {
		w, h := e.Size()
		return append(l, rung{e, topLayer, e.Bitrate(), w * h, w, h})
	}
	for _, s := range all {
		if s.Bitrate > 0 {
			l = append(l, rung{e, layerOf(s.Spatial, s.Temporal), s.Bitrate, s.Width * s.Height, s.Width, s.Height})
		}
	}
	return l
}

// topTemporal is the highest temporal layer of a spatial one that is sent.
func (e *Encoding) topTemporal(spatial uint8) uint8 {
	var top uint8
	for _, s := range e.Layers() {
		if s.Spatial == spatial && s.Bitrate > 0 {
			top = max(top, s.Temporal)
		}
	}
	return top
}

// within returns the rungs that a selection allows; all of them if it allows none, since
// what does not exist any more must not leave a subscriber without a picture.
func (l ladder) within(sel *Selection) ladder {
	if *sel == (Selection{}) {
		return l
	}
	var some ladder
	for _, r := range l {
		if sel.allows(&r) {
			some = append(some, r)
		}
	}
	if some == nil {
		return l
	}
	return some
}

func (s *Selection) allows(r *rung) bool {
	spatial, temporal := r.layer.spatial(), r.layer.temporal()
	over := func(v uint8, most *uint8) bool { return most != nil && v > *most }
	switch {
	case s.RID != "" && r.enc.rid != s.RID:
	case s.Spatial != nil && *s.Spatial != spatial, s.Temporal != nil && *s.Temporal != temporal:
	case over(spatial, s.MaxSpatial), over(temporal, s.MaxTemporal):
	case s.MaxWidth > 0 && r.width > s.MaxWidth, s.MaxHeight > 0 && r.height > s.MaxHeight:
	default:
		return true
	}
	return false
}

// exact tells whether the subscriber fixed a layer, whatever its network carries.
func (s *Selection) fixed() bool { return s.Exact || s.Spatial != nil || s.Temporal != nil }

// fit returns the best rung that takes at most limit, -1 if none does.
func (l ladder) fit(limit int64) int {
	best := -1
	for i := range l {
		if l[i].cost() <= limit {
			best = i
		}
	}
	return best
}

// cost is what the rung takes of a network: payload, and what is around it.
func (r *rung) cost() int64 { return r.bitrate + r.bitrate/videoOverhead }

// find returns where an encoding's layer stands, -1 if nowhere.
func (l ladder) find(e *Encoding, layer layerID) int {
	return slices.IndexFunc(l, func(r rung) bool { return r.enc == e && r.layer == layer })
}

// ladderOf returns the publisher's ladder of video; nil while there is nothing.
func (p *Publisher) ladderOf() ladder {
	if l := p.ladder.Load(); l != nil {
		return *l
	}
	return nil
}

// climb renews the ladder of video.
func (p *Publisher) climb(now time.Time) {
	l := newLadder(now, p.Encodings(codec.Video))
	p.ladder.Store(&l)
}
