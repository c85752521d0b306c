package clustertest

import (
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// A search is one way of an edge from the origin to a parent. Answers to one that has ended
// are let go.
type search struct {
	edge    *edge
	holder  relay.Holder
	seeker  tree.Seeker
	way     *tree.Descent
	failed  func(noParent bool)
	waiting int // questions without an answer
	answers []reply
	dialing bool
	granted *edge // that has given a link, which is not open yet
}

// A reply is a node's answer to a request for a link, or to a question.
type reply struct {
	from     *node
	ok       bool  // it is an answer that helps
	absent   bool  // the node has not got the stream
	parent   *edge // that gives a link; nil: none
	self     tree.Candidate
	children []tree.Candidate
}

// find descends from the origin.
func (e *edge) find(h relay.Holder, failed func(noParent bool)) {
	w := e.node.w
	root := tree.Candidate{ID: h.Node, URL: h.URL}
	s := &search{edge: e, holder: h, seeker: e.seeker(), failed: failed}
	s.way = tree.NewDescent(s.seeker, root)
	s.way.Next()
	e.search = s
	w.after(descentTimeout, func() { s.fail(true) })
	s.dial(root, func(r reply) {
		switch {
		case r.absent:
			e.letGo()
			s.fail(false)
		case !r.ok:
			s.fail(false)
		case r.parent == nil:
			s.way.Refused(r.children)
			s.next()
		}
	})
}

// fail ends a search.
func (s *search) fail(noParent bool) {
	if s.edge.search != s || s.granted != nil || s.edge.node.dead {
		return
	}
	s.edge.search = nil
	s.failed(noParent)
}

// next asks some nodes at once whether they have room.
func (s *search) next() {
	batch := s.way.Next()
	if len(batch) == 0 {
		s.fail(true)
		return
	}
	s.waiting, s.answers = len(batch), nil
	for _, c := range batch {
		s.call(c, false, func(r reply) {
			s.waiting--
			s.answers = append(s.answers, r)
			s.take()
		})
	}
}

// take goes through the answers there are: the first that has room is asked for a link.
func (s *search) take() {
	for !s.dialing && len(s.answers) > 0 {
		r := s.answers[0]
		s.answers = s.answers[1:]
		switch {
		case !r.ok:
		case s.seeker.MayTake(r.self):
			s.dial(r.self, func(again reply) {
				if !again.ok {
					again = r
				}
				if again.parent == nil {
					s.way.Refused(again.children)
					s.take()
				}
			})
		default:
			s.way.Refused(r.children)
		}
	}
	if !s.dialing && s.waiting == 0 {
		s.next()
	}
}

// dial asks for a link.
func (s *search) dial(c tree.Candidate, then func(reply)) {
	s.dialing = true
	s.call(c, true, func(r reply) {
		s.dialing = false
		if r.parent != nil {
			s.open(r)
		}
		then(r)
	})
}

// open waits for the link that was given to carry media.
func (s *search) open(r reply) {
	e, p := s.edge, r.parent
	w := e.node.w
	s.granted = p
	w.after(handshakes*2*e.node.delay(p.node), func() {
		if e.search != s || e.node.dead {
			return
		}
		if p.node.dead || !p.feeds(e) {
			w.after(connectTimeout, func() { s.granted = nil; s.fail(false) })
			return
		}
		e.opened(p, r.self.Depth, s.holder)
	})
}

// call carries a request to a node and its answer back. A dead node says nothing.
func (s *search) call(c tree.Candidate, link bool, then func(reply)) {
	e := s.edge
	w, to := e.node.w, e.node.w.byName[c.ID]
	e.requests++
	w.got.requests++
	there := e.node.delay(to)
	w.after(there, func() {
		if to.dead {
			d := requestTimeout
			if !link {
				d = questionTimeout
			}
			w.after(d-there, func() { s.back(reply{}, then) })
			return
		}
		r := to.answer(s, link)
		w.after(to.delay(e.node), func() { s.back(r, then) })
	})
}

// back brings an answer, unless nobody waits for it. A link that nobody waits for stays for
// a while.
func (s *search) back(r reply, then func(reply)) {
	e := s.edge
	if e.search == s && !e.node.dead && s.granted == nil {
		then(r)
		return
	}
	if p := r.parent; p != nil {
		e.node.w.after(acceptTimeout, func() { p.forget(e) })
	}
}

// answer is what a node says to a request for a link, or to a question.
func (n *node) answer(s *search, link bool) reply {
	p := n.feeds[s.edge.stream]
	if p == nil || !p.linked {
		return reply{absent: true}
	}
	room := p.room(s.edge)
	self := tree.Candidate{ID: n.name, URL: n.name, Depth: p.depth, Room: max(room, 0), Load: n.load()}
	if link && room > 0 {
		if !p.origin && !s.seeker.Allowed(self) {
			return reply{}
		}
		if !p.feeds(s.edge) {
			p.children = append(p.children, s.edge)
		}
		return reply{from: n, ok: true, parent: p, self: self}
	}
	var children []tree.Candidate
	for _, c := range p.children {
		if c != s.edge {
			children = append(children, tree.Candidate{ID: c.node.name, URL: c.node.name, Depth: p.depth + 1, Room: 1})
		}
	}
	return reply{from: n, ok: true, self: self, children: tree.Refer(children, s.seeker)}
}

// room is how many more links there may be, if one is to be for c.
func (e *edge) room(c *edge) int {
	others := len(e.children)
	if e.feeds(c) {
		others--
	}
	if e.node.w.cfg.fault == ignoreLinks {
		others = 0
	}
	return e.node.w.cfg.Links - others
}

// kill ends a node without a word.
func (n *node) kill() {
	w := n.w
	n.dead = true
	for _, s := range w.streams { // in an order that does not change
		e := n.feeds[s]
		if e == nil {
			continue
		}
		if e.origin {
			s.origin = nil
			w.after(time.Second+w.chance(2*time.Second), func() { w.publish(s, w.living()) })
		}
		if p := e.parent; p != nil {
			w.after(silentAfter, func() { p.forget(e) })
		}
		for _, c := range e.children {
			w.after(deadAfter+w.chance(probeInterval), func() { c.ended(e) })
		}
	}
}
