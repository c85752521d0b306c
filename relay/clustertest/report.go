package clustertest

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/relay/relaytest"
)

// A Report is what came of a run.
type Report struct {
	Config Config

	Joins, Redirected, Refused int
	Placements                 int // look-ups of full nodes, which send sessions elsewhere
	Joining                    relaytest.Operations
	PerJoin, PerColdJoin       Numbers // operations of the directory
	Requests                   Numbers // to other nodes, of joins that opened a link
	Opened                     Times   // from such a join to the link

	Links    int
	FanOut   int // of any node, of one stream
	Origin   int // of any origin
	Depth    int
	Trees    []Tree  // of each stream
	Busiest  float64 // the greatest load
	Unlinked int     // edges without a link

	Publishers    int                  // that are there in the quiet minute
	Quiet         relaytest.Operations // in a minute
	QuietRequests int

	LostNodes, LostSubscribers int
	Dark                       int     // links without media after the loss
	Healed                     Times   // of those whose origin lived
	HealedOrigin               Times   // of those whose origin died
	StillDark                  int     // at the end
	Curve                      []Point // share of all links without media
	Healing                    relaytest.Operations
	HealingRequests            int
	HealedDepth, HealedFanOut  int
}

// Numbers describe a distribution of whole numbers.
type Numbers struct {
	Count     int
	Mean      float64
	P99, Most int
}

// Times describe one of durations.
type Times struct {
	Count          int
	P50, P99, Most time.Duration
}

// A Tree is one stream's.
type Tree struct {
	Nodes, Depth int
	Mean         float64 // depth
}

// A Point is a share at a time after the loss.
type Point struct {
	At    time.Duration
	Share float64
}

func numbers(c counts) Numbers { return Numbers{c.total(), c.mean(), c.quantile(0.99), c.most()} }

func times(all []time.Duration) Times {
	if len(all) == 0 {
		return Times{}
	}
	slices.Sort(all)
	at := func(share float64) time.Duration { return all[min(len(all)-1, int(share*float64(len(all))))] }
	return Times{len(all), at(0.5), at(0.99), all[len(all)-1]}
}

// measure looks at the cluster once everybody has come.
func (r *Report) measure(w *world) {
	t := &w.got
	r.Joins, r.Redirected, r.Refused, r.Placements = t.joins, t.redirected, t.refused, t.placements
	r.PerJoin, r.PerColdJoin, r.Requests = numbers(t.perJoin), numbers(t.coldJoins), numbers(t.asked)
	r.Opened = times(slices.Clone(t.took))
	for _, n := range w.nodes {
		r.Busiest = max(r.Busiest, n.load())
	}
	for _, s := range w.streams {
		r.Trees = append(r.Trees, r.tree(s))
	}
}

func (r *Report) tree(s *stream) Tree {
	var t Tree
	sum := 0
	for _, e := range s.edges {
		r.FanOut = max(r.FanOut, len(e.children))
		switch {
		case e.origin:
			r.Origin = max(r.Origin, len(e.children))
		case !e.linked:
			r.Unlinked++
		default:
			r.Links++
			t.Nodes++
			d := e.hops()
			sum += d
			t.Depth = max(t.Depth, d)
		}
	}
	r.Depth = max(r.Depth, t.Depth)
	t.Mean = float64(sum) / float64(max(1, t.Nodes))
	return t
}

// maxHops is more than any way up: a loop is as deep as that.
const maxHops = 1000

// hops is how many links are between an edge and the origin.
func (e *edge) hops() (n int) {
	for at := e; at.parent != nil && n < maxHops; at = at.parent {
		n++
	}
	return n
}

// deepest returns the depth of the deepest tree, and the most links of a node.
func (w *world) deepest() (depth, fanOut int) {
	for _, s := range w.streams {
		for _, e := range s.edges {
			if e.node.dead || !e.linked {
				continue
			}
			depth = max(depth, e.hops())
			living := 0
			for _, c := range e.children {
				if !c.node.dead {
					living++
				}
			}
			fanOut = max(fanOut, living)
		}
	}
	return depth, fanOut
}

// A healing watches the links that were there when nodes died.
type healing struct {
	w      *world
	all    int
	groups [2][]*edge // that have no media, by whether their origin died
	went   [2][]time.Duration
	curve  []Point
	dark   int
}

func newHealing(w *world) *healing {
	h := &healing{w: w}
	for _, s := range w.streams {
		lit, group := s.lit(), 0
		if s.origin == nil {
			group = 1
		}
		for _, e := range s.edges {
			if e.node.dead || e.origin {
				continue
			}
			h.all++
			if !lit[e] {
				h.groups[group] = append(h.groups[group], e)
			}
		}
	}
	h.dark = len(h.groups[0]) + len(h.groups[1])
	h.curve = []Point{{0, h.share()}}
	return h
}

func (h *healing) share() float64 {
	return float64(len(h.groups[0])+len(h.groups[1])) / float64(max(1, h.all))
}

// look notes which links have media again.
func (h *healing) look(at time.Duration) {
	for i, group := range h.groups {
		lit := map[*stream]map[*edge]bool{}
		h.groups[i] = slices.DeleteFunc(group, func(e *edge) bool {
			if lit[e.stream] == nil {
				lit[e.stream] = e.stream.lit()
			}
			if !e.origin && !lit[e.stream][e] {
				return false
			}
			h.went[i] = append(h.went[i], at)
			return true
		})
	}
	h.curve = append(h.curve, Point{at, h.share()})
}

func (h *healing) report(r *Report) {
	r.Dark, r.StillDark = h.dark, len(h.groups[0])+len(h.groups[1])
	r.Healed, r.HealedOrigin, r.Curve = times(h.went[0]), times(h.went[1]), h.curve
}

// lit are the edges that have media.
func (s *stream) lit() map[*edge]bool {
	all := map[*edge]bool{}
	if s.origin == nil {
		return all
	}
	next := []*edge{s.origin}
	for len(next) > 0 && len(all) <= len(s.edges) {
		e := next[0]
		next = next[1:]
		all[e] = true
		for _, c := range e.children {
			if !c.node.dead && c.linked && c.parent == e && c.holder.Same(e.holder) && !all[c] {
				next = append(next, c)
			}
		}
	}
	return all
}
