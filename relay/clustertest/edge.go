package clustertest

import (
	"context"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// An edge is one stream at one node: as relay/link has it, or the origin itself.
type edge struct {
	node        *node
	stream      *stream
	origin      bool
	subscribers int

	changed  <-chan struct{} // the directory's watch; nil: the origin has none
	resting  uint64          // counts rests, so that one that was ended is known; 0: it does not rest
	rests    uint64
	search   *search // that goes on; nil: none
	linked   bool
	holder   relay.Holder
	parent   *edge
	depth    int
	children []*edge
	failed   int

	// What it took until it was linked first.
	born, lit time.Duration
	done      bool
	asked     int // of the directory
	opener    int // of that, for the placement of who came first
	requests  int // to other nodes
}

// enter begins to look for a stream.
func (n *node) enter(s *stream) *edge {
	e := &edge{node: n, stream: s, born: n.w.now}
	n.feeds[s] = e
	s.edges = append(s.edges, e)
	e.changed, _ = n.dir.Watch(s.name)
	e.asked++
	n.w.after(2*n.toDirectory(), e.read)
	e.step()
	return e
}

// become makes a node the origin.
func (n *node) become(s *stream, h relay.Holder) {
	e := n.feeds[s]
	if e == nil {
		e = &edge{node: n, stream: s, born: n.w.now}
		n.feeds[s] = e
		s.edges = append(s.edges, e)
	}
	e.detach()
	e.letGo()
	e.search, e.resting = nil, 0
	e.origin, e.linked, e.depth, e.holder, e.done = true, true, 0, h, true
	s.origin = e
}

// changed tells those who watch a stream, as soon as the word has come.
func (w *world) changed(s *stream) {
	for _, e := range s.edges {
		if !e.node.dead && e.changed != nil {
			w.after(e.node.toDirectory(), e.read)
		}
	}
}

// read reads the watch, where the edge does so: while it rests, or has a link.
func (e *edge) read() {
	if e.node.dead || e.origin || e.search != nil || !e.linked && e.resting == 0 {
		return
	}
	select {
	case <-e.changed:
	default:
		return
	}
	if !e.linked {
		e.step()
		return
	}
	e.lookup(func(h relay.Holder, err error) {
		e.settled()
		if e.linked && err == nil && !h.Same(e.holder) {
			e.detach()
			e.failed = 0
			e.step()
		}
	})
}

// settled notes what the first link took.
func (e *edge) settled() {
	if e.done || !e.linked {
		return
	}
	e.done = true
	e.node.w.got.cold(e)
}

func (e *edge) lookup(then func(relay.Holder, error)) {
	n := e.node
	e.asked++
	n.w.after(n.toDirectory(), func() {
		h, err := n.dir.Lookup(context.Background(), e.stream.name)
		n.w.after(n.toDirectory(), func() {
			if !n.dead && !e.origin {
				then(h, err)
			}
		})
	})
}

// step looks for the stream once.
func (e *edge) step() {
	e.resting = 0
	at := &search{edge: e}
	e.search = at
	e.lookup(func(h relay.Holder, err error) {
		switch {
		case e.search != at:
		case err != nil:
			e.failed = 0
			e.letGo()
			e.rest(lookupInterval)
		default:
			e.attach(h)
		}
	})
}

// rest waits until there is reason to look again.
func (e *edge) rest(d time.Duration) {
	e.search = nil
	e.rests++
	mine := e.rests
	e.resting = mine
	e.node.w.after(d, func() {
		if e.resting == mine && !e.node.dead && !e.origin {
			e.step()
		}
	})
	e.read()
}

// backOff rests after one more attempt in vain.
func (e *edge) backOff() {
	d := min(retryLeast<<min(e.failed, 10), retryMost)
	e.failed++
	e.rest(d/2 + e.node.w.chance(d))
}

func (e *edge) seeker() tree.Seeker {
	return tree.Seeker{ID: e.node.name, Children: len(e.children) > 0, Depth: e.depth}
}

// attach finds a parent. Where no node may take this one because of its children, those go.
func (e *edge) attach(h relay.Holder) {
	e.find(h, func(noParent bool) {
		if !noParent || len(e.children) == 0 {
			e.backOff()
			return
		}
		e.letGo()
		e.find(h, func(bool) { e.backOff() })
	})
}

// opened begins with a link's media.
func (e *edge) opened(p *edge, depth int, h relay.Holder) {
	if h.Epoch != e.holder.Epoch {
		e.letGo() // of the publisher that was before
	}
	e.search, e.linked, e.parent, e.depth, e.holder, e.failed = nil, true, p, depth+1, h, 0
	if e.lit == 0 {
		e.lit = e.node.w.now
	}
	e.tell()
	e.read()
}

// tell lets those below know that this node is nearer to the origin than it was.
func (e *edge) tell() {
	for _, c := range e.children {
		if c.depth > e.depth+1 {
			at := e.depth
			e.node.w.after(probeInterval+e.node.delay(c.node), func() { c.follow(e, at) })
		}
	}
}

// follow notes what a parent has told.
func (e *edge) follow(p *edge, depth int) {
	if e.linked && e.parent == p && !e.node.dead && depth+1 < e.depth {
		e.depth = depth + 1
		e.tell()
	}
}

// letGo ends the links that this node feeds.
func (e *edge) letGo() {
	for _, c := range e.children {
		e.node.w.after(e.node.delay(c.node), func() { c.ended(e) })
	}
	e.children = nil
}

// ended notes that a parent has closed its link, or says nothing any more.
func (e *edge) ended(p *edge) {
	if e.node.dead || !e.linked || e.parent != p || p.feeds(e) && !p.node.dead {
		return
	}
	e.linked, e.parent = false, nil
	e.step()
}

func (e *edge) feeds(c *edge) bool {
	for _, x := range e.children {
		if x == c {
			return true
		}
	}
	return false
}

// detach closes the link.
func (e *edge) detach() {
	p := e.parent
	if p == nil {
		return
	}
	e.linked, e.parent = false, nil
	e.node.w.after(e.node.delay(p.node), func() { p.forget(e) })
}

// forget removes a child that has gone, unless it has come again.
func (e *edge) forget(c *edge) {
	if c.parent == e && c.linked && !c.node.dead || c.search != nil && c.search.granted == e && !c.node.dead {
		return
	}
	for i, x := range e.children {
		if x == c {
			e.children = append(e.children[:i:i], e.children[i+1:]...)
			return
		}
	}
}
