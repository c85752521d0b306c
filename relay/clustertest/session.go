package clustertest

import (
	"context"
	"errors"
	"sort"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// publish lets an encoder publish on a node, and again until it may.
func (w *world) publish(s *stream, n *node) {
	if n.dead {
		w.publish(s, w.living())
		return
	}
	w.claim(s, n, 0, false)
}

// claim claims a stream. waited: the lease in the way has been waited for.
func (w *world) claim(s *stream, n *node, over int64, waited bool) {
	w.after(n.toDirectory(), func() {
		l, err := n.dir.Claim(context.Background(), relay.Claim{Stream: s.name, Node: n.name, URL: n.name, Over: over})
		w.changed(s)
		w.after(n.toDirectory(), func() { w.claimed(s, n, l, err, waited) })
	})
}

func (w *world) claimed(s *stream, n *node, l relay.Lease, err error, waited bool) {
	var held *relay.HeldError
	switch {
	case n.dead:
		w.after(claimAgainAfter, func() { w.publish(s, w.living()) })
	case err == nil:
		n.leases = append(n.leases, l)
		n.sessions++
		n.become(s, l.Holder)
	case errors.As(err, &held) && !waited: // its node is asked, which is dead, until its lease ends
		w.got.requests++
		w.after(max(askTimeout, held.Left+waitSlack), func() { w.claim(s, n, 0, true) })
	default:
		w.after(claimAgainAfter, func() { w.publish(s, w.living()) })
	}
}

// wanted is the stream that the next subscriber wants.
func (w *world) wanted() *stream {
	at := w.rnd.Float64() * w.popular[len(w.popular)-1]
	return w.streams[sort.SearchFloat64s(w.popular, at)]
}

// entrance is the node that a subscriber asks first: one of those that are near most of the
// stream's audience, or of the crowded twentieth.
func (w *world) entrance(s *stream) *node {
	if w.rnd.Float64() < w.cfg.Crowded {
		if n := w.nodes[w.rnd.IntN(max(1, len(w.nodes)/20))]; !n.dead {
			return n
		}
	}
	for range 10 {
		if n := w.nodes[w.order[(s.i*7919+w.rnd.IntN(s.near))%len(w.nodes)]]; !n.dead {
			return n
		}
	}
	return w.living()
}

// arrive lets subscribers come, one after the other.
func (w *world) arrive(left int, every time.Duration) {
	if left == 0 {
		return
	}
	s := w.wanted()
	w.join(w.entrance(s), s)
	w.after(every, func() { w.arrive(left-1, every) })
}

// join places a subscriber.
func (w *world) join(n *node, s *stream) {
	w.got.joins++
	if relay.Keeps(n.load(), s.origin != nil && s.origin.node == n) {
		n.take(s, 0)
		return
	}
	w.after(n.toDirectory(), func() {
		h, err := n.dir.Lookup(context.Background(), s.name)
		if err != nil {
			h = relay.Holder{}
		}
		w.got.placements++
		w.after(n.toDirectory(), func() {
			to := n
			if p := relay.Place(n.name, h.Node, false, n.listed, w.rnd.Uint32()); p != nil {
				to = w.byName[p.ID]
				w.got.redirected++
			}
			if to.dead {
				to = w.living()
			}
			to.take(s, 1)
		})
	})
}

// take takes a subscriber, for whom so much was asked of the directory until now.
func (n *node) take(s *stream, asked int) {
	w := n.w
	if n.sessions >= w.cfg.Sessions {
		w.got.refused++
		return
	}
	n.sessions++
	e := n.feeds[s]
	cold := e == nil
	if cold {
		e = n.enter(s)
		e.asked += asked
		e.opener = asked
	} else {
		w.got.perJoin.add(asked)
	}
	e.subscribers++
	if w.cfg.fault == lookUpEach && !cold {
		_, _ = n.dir.Lookup(context.Background(), s.name)
	}
}
