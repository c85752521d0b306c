package clustertest

import (
	"math"
	"time"
)

// A Config says what is played.
type Config struct {
	Seed        uint64
	Nodes       int
	Subscribers int
	Streams     int
	Links       int           // of one stream that a node feeds at most
	Sessions    int           // of a node at most
	Zipf        float64       // the stream of rank r is wanted in proportion to 1/r^Zipf
	Spread      int           // for each so many subscribers of a stream there is one node that they ask first
	Crowded     float64       // share of the subscribers that ask one of a twentieth of all nodes first, whatever they want
	Arrival     time.Duration // in which all of them come
	Lost        float64       // share of the nodes that die at once

	fault fault // planted
}

// A fault is one that checks must find.
type fault uint8

const (
	noFault     fault = iota
	ignoreLinks       // nodes say that they have room whatever they feed
	lookUpEach        // each subscriber of a node asks the directory
)

func (c Config) share(rank int) float64 { return 1 / math.Pow(float64(rank+1), c.Zipf) }

// quietTime is the minute in which nothing happens.
const quietTime = time.Minute

// healStep is how often media is looked for after a loss, healTime for how long.
const (
	healStep = 100 * time.Millisecond
	healTime = 30 * time.Second
)

// Run plays a cluster: publishers come, then all subscribers; a minute passes; nodes die, and
// their clients come back through others.
func Run(cfg Config) *Report {
	w := newWorld(cfg)
	r := &Report{Config: cfg}
	for _, s := range w.streams {
		w.after(w.chance(time.Second), func() { w.publish(s, w.living()) })
	}
	w.run(2 * time.Second)
	before := w.operations()
	w.arrive(cfg.Subscribers, cfg.Arrival/time.Duration(cfg.Subscribers))
	w.run(cfg.Arrival + 20*time.Second)
	r.Joining = w.operations().Minus(before)
	r.measure(w)
	w.quiet(r)
	w.lose(r)
	return r
}

// quiet lets a minute pass in which nothing happens.
func (w *world) quiet(r *Report) {
	before, requests := w.operations(), w.got.requests
	w.run(quietTime)
	r.Quiet = w.operations().Minus(before)
	r.QuietRequests = w.got.requests - requests
	for _, s := range w.streams {
		if s.origin != nil {
			r.Publishers++
		}
	}
}

// lose kills nodes: half of those next to the first stream's origin, and more by chance.
func (w *world) lose(r *Report) {
	before, requests := w.operations(), w.got.requests
	left := int(float64(w.cfg.Nodes) * w.cfg.Lost)
	if o := w.streams[0].origin; o != nil {
		for _, c := range o.children[:len(o.children)/2] {
			if left > 0 {
				w.lost(c.node, r)
				left--
			}
		}
	}
	for left > 0 {
		if n := w.living(); w.streams[0].origin == nil || n != w.streams[0].origin.node {
			w.lost(n, r)
			left--
		}
	}
	h := newHealing(w)
	for at := healStep; at <= healTime; at += healStep {
		w.run(healStep)
		h.look(at)
	}
	h.report(r)
	r.Healing, r.HealingRequests = w.operations().Minus(before), w.got.requests-requests
	r.HealedDepth, r.HealedFanOut = w.deepest()
}

// lost kills a node, whose subscribers come back through others within three seconds.
func (w *world) lost(n *node, r *Report) {
	r.LostNodes++
	for _, s := range w.streams {
		if e := n.feeds[s]; e != nil {
			r.LostSubscribers += e.subscribers
			for range e.subscribers {
				w.after(time.Second+w.chance(2*time.Second), func() { w.join(w.entrance(s), s) })
			}
		}
	}
	n.kill()
}

// A tally is what is counted while it happens.
type tally struct {
	joins, redirected, refused int
	placements                 int // look-ups for these
	requests                   int
	perJoin                    counts // operations of each join that is over
	coldJoins                  counts // operations of those that opened a link
	asked                      counts // requests to other nodes of these
	took                       []time.Duration
}

// cold counts a join that opened its node's first link of a stream.
func (t *tally) cold(e *edge) {
	t.perJoin.add(e.asked)
	t.coldJoins.add(e.asked)
	t.asked.add(e.requests)
	t.took = append(t.took, e.lit-e.born)
}

// A counts says how often each number was counted.
type counts []int

func (c *counts) add(n int) {
	for len(*c) <= n {
		*c = append(*c, 0)
	}
	(*c)[n]++
}

func (c counts) total() (n int) {
	for _, x := range c {
		n += x
	}
	return n
}

func (c counts) mean() float64 {
	sum := 0
	for i, x := range c {
		sum += i * x
	}
	return float64(sum) / float64(max(1, c.total()))
}

func (c counts) most() int { return max(0, len(c)-1) }

// quantile is the number that a share of all does not exceed.
func (c counts) quantile(share float64) int {
	left := int(math.Ceil(share * float64(c.total())))
	for i, x := range c {
		if left -= x; left <= 0 {
			return i
		}
	}
	return c.most()
}
