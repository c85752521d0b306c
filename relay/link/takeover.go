package link

import (
	"context"
	"errors"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// An edge whose parent drains takes the stream from another one before it lets go:
//
//	serving ── the parent says that it drains ──→ looking ── a node has room ──→ taking over
//	   ↑                                             │ nobody: again later          │
//	   └─────────────────────────────────────────────┴── the other one delivers ────┘
//
// There is one link that serves, and at most one that takes over: what both carry goes into
// the same histories, which take each number once. Where the node stands in the tree is said by
// the link that serves, until it is closed. So no loop arises: as long as the node
// looks, one without children takes none, and one with children is taken only by nodes
// nearer to the origin than it is.
type takeover struct {
	cancel context.CancelFunc // of the search under way; nil: there is none
	found  chan *dialed       // capacity 1: what it found; nil: nothing
	next   *dialed            // what takes over; nil: nothing does
	begun  time.Time          // when that was opened
	heard  bool               // it delivers: feedback goes to it
	again  time.Time          // not before that is another search made
}

// errTaken: another link carries the stream now.
var errTaken = errors.New("link: the node drains, and another one has taken over")

// moving is what a node says to those it feeds when it drains: RTCP APP, as the messages of
// the forwarder's taps are, of a type that they do not use. It is repeated.
var moving = [...]byte{2<<6 | movingType, 204, 0, 2, 0, 0, 0, 0, 'W', 'H', 'P', 'T'}

const movingType = 17

// turn does what is due: begins a search if the parent drains, and takes the other link as
// soon as it delivers. True: that one has carried everything for a while.
func (x *edge) turn(ctx context.Context, now time.Time, d *dialed, holder relay.Holder) (taken bool) {
	t := &x.takeover
	switch {
	case t.next == nil && t.cancel == nil && d.moving.Load() && !now.Before(t.again):
		x.moves(d, holder)
		x.search(ctx, holder)
	case t.next == nil:
	case t.heard:
		return true // a probeInterval ago: it has caught up
	case t.next.heard.Load() != 0:
		t.heard = true
		x.source.peer.Store(t.next.peer)
		x.pub.Resume()
	case t.next.silent(now, t.begun):
		x.mute = t.next.from.ID
		x.giveUp(now)
	default:
		t.next.probe()
	}
	return false
}

// search looks for another parent. Until it is found or not, x.pub and x.publisher stay.
func (x *edge) search(ctx context.Context, holder relay.Holder) {
	t := &x.takeover
	ctx, t.cancel = context.WithCancel(ctx)
	t.found = make(chan *dialed, 1)
	s := x.edges.look(x)
	x.edges.wg.Go(func() { t.found <- x.other(ctx, holder, s) })
}

// other opens a link to another parent and lets it feed the publication there is.
func (x *edge) other(ctx context.Context, holder relay.Holder, s tree.Seeker) *dialed {
	d, err := x.descend(ctx, holder, s)
	if err != nil {
		return nil
	}
	if d.answer.ID != x.publisher {
		d.close()
		return nil
	}
	d.feed.Store(x.intake)
	return d
}

// take notes what a search found.
func (x *edge) take(now time.Time, d *dialed) {
	t := &x.takeover
	t.cancel()
	t.cancel = nil
	if d == nil {
		x.giveUp(now)
		return
	}
	t.next, t.begun, t.heard = d, now, false
}

// giveUp stays with the parent there is, for now.
func (x *edge) giveUp(now time.Time) {
	t := &x.takeover
	if t.next != nil {
		t.next.close()
	}
	*t = takeover{again: now.Add(moveInterval)}
	x.edges.found(x)
}

// endTakeover ends what was under way when the serving link has ended. It returns the link
// that takes its place, if use allows one; nil: there is none.
func (x *edge) endTakeover(use bool) *dialed {
	t := &x.takeover
	if t.cancel != nil {
		t.cancel()
		t.next = <-t.found
	}
	d := t.next
	*t = takeover{}
	if d != nil && !use {
		d.close()
		d = nil
	}
	if d == nil {
		x.edges.found(x)
	}
	return d
}

// inherit makes a link that took over the one that serves.
func (x *edge) inherit(d *dialed, holder relay.Holder) {
	if x.source.peer.Swap(d.peer) != d.peer {
		x.pub.Resume()
	}
	x.edges.place(x, d)
	x.edges.count(x, true, d.answer.Formats())
	x.opened(d, holder, HowMoved)
}

// look is seeker for a node that has a parent: from now on it takes no children if it has none.
func (e *Edges) look(x *edge) tree.Seeker {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.looking = true
	return tree.Seeker{ID: e.cfg.Node, Children: x.children > 0, Depth: x.depth}
}

// found ends what look began.
func (e *Edges) found(x *edge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.looking = false
}
