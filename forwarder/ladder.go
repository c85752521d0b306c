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
	bitrate int64 // of what a receiver gets, in bits per second of payload; 0: nothing is known yet
	usual   int64 // the same over a longer time
	most    int64 // the same where it was highest of late
	begins  bool  // its first keyframe is all there was, or most: it seems larger than it is
	pixels  int   // 0: unknown
	width   int
	height  int
}

// A ladder is what a publisher's video can be had as, the worst first. Quality is
// measured: pixels, then pictures per second, then bitrate; a RID means nothing.
type ladder []rung

// ladders are all rungs a publisher's video has, and those the automatic choice uses.
type ladders struct{ all, sensible ladder }

// newLadders makes those of a publisher's video encodings.
func newLadders(now time.Time, encodings []*Encoding) *ladders {
	var l ladder
	for _, e := range encodings {
		if e.Active(now) && e.decodable() {
			l = e.appendRungs(now, l)
		}
	}
	slices.SortStableFunc(l, func(a, b rung) int {
		return cmp.Or(cmp.Compare(a.pixels, b.pixels), cmp.Compare(a.layer.temporal(), b.layer.temporal()), cmp.Compare(a.bitrate, b.bitrate))
	})
	return &ladders{l, l.sensible()}
}

// sensible returns what to choose from by bandwidth. Pictures are left out of the
// smallest only: a small picture that moves is better than a large one that stutters. No
// rung takes as much as a better one.
func (l ladder) sensible() ladder {
	if len(l) == 0 {
		return nil
	}
	var some ladder
	for i := range l {
		if l[i].pixels == l[0].pixels || l[i].layer.temporal() == l.topTemporal(&l[i]) {
			some = append(some, l[i])
		}
	}
	return some.withoutDominated()
}

// withoutDominated leaves out what takes as much as something better, as far as that is known.
func (l ladder) withoutDominated() ladder {
	kept, least := len(l), int64(noLimit)
	for i := len(l) - 1; i >= 0; i-- {
		if rate := l[i].bitrate; rate < least {
			kept--
			l[kept] = l[i]
			if rate > 0 {
				least = rate
			}
		}
	}
	return l[kept:]
}

// newRung makes one of a layer that takes the same all the time.
func newRung(e *Encoding, l layerID, bitrate int64, width, height int) rung {
	return rung{enc: e, layer: l, bitrate: bitrate, usual: bitrate, most: bitrate, pixels: width * height, width: width, height: height}
}

// appendRungs appends the encoding's. Only its writer may call it.
func (e *Encoding) appendRungs(now time.Time, l ladder) ladder {
	all := e.Layers()
	if len(all) == 0 {
		return append(l, e.whole(now))
	}
	lately := e.lately.Load()
	for _, s := range all {
		if s.Bitrate > 0 {
			r := newRung(e, layerOf(s.Spatial, s.Temporal), s.Bitrate, s.Width, s.Height)
			if lately != nil {
				of := lately[r.layer]
				r.usual, r.most = cmp.Or(of.usual, r.usual), cmp.Or(of.most, r.most)
			}
			l = append(l, r)
		}
	}
	return l
}

// whole is all of an encoding whose layers are not known yet.
func (e *Encoding) whole(now time.Time) rung {
	w, h := e.Size()
	if e.Bitrate() > 0 {
		return newRung(e, topLayer, e.Bitrate(), w, h)
	}
	r := newRung(e, topLayer, e.rate.soFar(now), w, h)
	r.begins = true
	return r
}

// topTemporal is the highest temporal layer there is of r's encoding and spatial layer.
func (l ladder) topTemporal(r *rung) uint8 {
	var top uint8
	for i := range l {
		if l[i].enc == r.enc && l[i].layer.spatial() == r.layer.spatial() {
			top = max(top, l[i].layer.temporal())
		}
	}
	return top
}

// within returns the rungs that a selection leaves a subscriber, who has negotiated the
// Dependency Descriptor or not: of those it fixes all there are, else the sensible ones.
// Bounds hold in any case: where nothing is within them, the least there is. A layer it
// fixes that is not there, or not within them, counts for nothing, since what does not exist
// any more must not leave a subscriber without a picture.
func (l *ladders) within(sel *Selection, described bool) ladder {
	all, sensible := l.all.playable(described), l.sensible
	all = all.noLarger(sel.LimitWidth, sel.LimitHeight).noLarger(sel.MaxWidth, sel.MaxHeight).upTo(sel)
	if len(all) < len(l.all) {
		sensible = all.sensible()
	}
	if !sel.names() {
		return sensible
	}
	some := all.where(sel.is)
	switch {
	case some == nil:
		return sensible
	case sel.fixed():
		return some
	}
	return some.sensible()
}

// noLarger leaves out pictures that are larger, 0 for any size: all but the smallest, where
// none is so small.
func (l ladder) noLarger(width, height int) ladder {
	if width == 0 && height == 0 || len(l) == 0 {
		return l
	}
	some := l.where(func(r *rung) bool {
		return (width == 0 || r.width <= width) && (height == 0 || r.height <= height)
	})
	if some == nil {
		return l.where(func(r *rung) bool { return r.pixels == l[0].pixels })
	}
	return some
}

// upTo leaves out layers above the highest a subscriber wants: all but the least there is,
// where none is so low.
func (l ladder) upTo(sel *Selection) ladder {
	if sel.MaxSpatial == nil && sel.MaxTemporal == nil || len(l) == 0 {
		return l
	}
	over := func(v uint8, most *uint8) bool { return most != nil && v > *most }
	some := l.where(func(r *rung) bool {
		return !over(r.layer.spatial(), sel.MaxSpatial) && !over(r.layer.temporal(), sel.MaxTemporal)
	})
	if some == nil {
		return l[:1:1]
	}
	return some
}

// where returns the rungs for which f is true, nil: there are none.
func (l ladder) where(f func(*rung) bool) (some ladder) {
	for i := range l {
		if f(&l[i]) {
			some = append(some, l[i])
		}
	}
	return some
}

// names tells whether the subscriber wants one encoding or layer.
func (s *Selection) names() bool { return s.RID != "" || s.Spatial != nil || s.Temporal != nil }

// is tells whether the rung is what the subscriber names.
func (s *Selection) is(r *rung) bool {
	named := func(v uint8, id *uint8) bool { return id == nil || v == *id }
	return (s.RID == "" || r.enc.rid == s.RID) && named(r.layer.spatial(), s.Spatial) && named(r.layer.temporal(), s.Temporal)
}

// fixed tells whether the subscriber fixed a layer, whatever its network carries.
func (s *Selection) fixed() bool { return s.Exact || s.Spatial != nil || s.Temporal != nil }

// Plays tells whether a subscriber, who has negotiated the Dependency Descriptor or not, can
// decode a spatial layer of a codec: without it nothing tells where the frame of one of AV1
// ends.
func Plays(name codec.Name, spatial uint8, described bool) bool {
	return described || name != codec.AV1 || spatial == 0
}

// playable leaves out what a subscriber cannot decode.
func (l ladder) playable(described bool) ladder {
	if described || !slices.ContainsFunc(l, needsDescriptor) {
		return l
	}
	return slices.DeleteFunc(slices.Clone(l), needsDescriptor)
}

func needsDescriptor(r rung) bool {
	return r.layer != topLayer && !Plays(r.enc.format.Name, r.layer.spatial(), false)
}

// fit returns the best rung that takes at most limit, -1 if none does. What it takes is not
// known yet: it fits where nothing is known of the network either.
func (l ladder) fit(limit int64) int {
	best := -1
	for i := range l {
		if l[i].bitrate > 0 && l[i].cost() <= limit || limit == noLimit {
			best = i
		}
	}
	return best
}

// ample returns the best rung that took at most limit all the time of late, -1 if none did.
func (l ladder) ample(limit int64) int {
	best := -1
	for i := range l {
		if l[i].bitrate > 0 && onWire(l[i].most) <= limit {
			best = i
		}
	}
	return best
}

// onlyFaster tells whether the rung is another one's picture, more often.
func (r *rung) onlyFaster(than *rung) bool {
	return r.enc == than.enc && r.layer.spatial() == than.layer.spatial()
}

// cost is what the rung takes of a network: payload, and what is around it.
func (r *rung) cost() int64 { return onWire(r.bitrate) }

// onWire is what a bitrate of payload takes of a network.
func onWire(bitrate int64) int64 { return bitrate + bitrate/videoOverhead }

// find returns where an encoding's layer stands, -1 if nowhere. All of an encoding is its best
// rung once its layers are known.
func (l ladder) find(e *Encoding, layer layerID) int {
	found := -1
	for i := range l {
		if l[i].enc == e && (l[i].layer == layer || layer == topLayer) {
			found = i
		}
	}
	return found
}

// climb renews the ladders of video.
func (p *Publisher) climb(now time.Time) {
	p.ladders.Store(newLadders(now, p.Encodings(codec.Video)))
}
