package tree_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay/tree"
)

// What a search costs in the simulation, as relay/link has it.
const (
	roundTrip   = 20 * time.Millisecond // of a question, and a tick
	noAnswer    = 500 * time.Millisecond
	noticed     = 2 * time.Second // a parent stops naming a child that died; children miss their parent
	searchLasts = 5 * time.Second
	retryLeast  = 100 * time.Millisecond
	retryMost   = 2 * time.Second
)

// A swarm is a forest whose orphans search at the same time, a question a tick.
type swarm struct {
	*forest
	t        *testing.T
	rnd      *rand.Rand
	now      time.Duration
	dead     map[string]time.Duration // since when
	seeking  map[*node]*search
	joins    int
	asked    int // questions of all searches
	longest  int // of one search that found a parent
	failures int // searches that found none
}

type search struct {
	way    *tree.Descent
	seeker tree.Seeker
	begun  time.Duration
	due    time.Duration // the next step
	asked  int
	failed int
}

func newSwarm(t *testing.T, most int, seed uint64) *swarm {
	return &swarm{forest: newForest(most), t: t, rnd: rand.New(rand.NewPCG(seed, 4)), dead: map[string]time.Duration{}, seeking: map[*node]*search{}}
}

func (w *swarm) join() {
	n := &node{Candidate: tree.Candidate{ID: fmt.Sprint("n", w.joins), Load: w.rnd.Float64()}}
	w.joins++
	w.nodes[n.ID] = n
	w.seeking[n] = &search{due: w.now}
}

// kill lets a node die: its parent and its children notice later.
func (w *swarm) kill(n *node) {
	w.dead[n.ID] = w.now
	delete(w.nodes, n.ID)
	delete(w.seeking, n)
}

func (w *swarm) tick() {
	w.now += roundTrip
	for id, at := range w.dead {
		if w.now-at >= noticed {
			w.bury(id)
		}
	}
	all := make([]*node, 0, len(w.seeking))
	for i := range w.joins {
		if n := w.nodes[fmt.Sprint("n", i)]; n != nil && w.seeking[n] != nil {
			all = append(all, n)
		}
	}
	w.rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for _, n := range all {
		if s := w.seeking[n]; s != nil && w.now >= s.due {
			w.step(n, s)
		}
	}
}

// bury lets those around a dead node know.
func (w *swarm) bury(id string) {
	delete(w.dead, id)
	for i := range w.joins {
		n := w.nodes[fmt.Sprint("n", i)]
		if n != nil && n.parent != nil && n.parent.ID == id {
			n.parent = nil
			w.seeking[n] = &search{due: w.now}
		}
	}
	for _, p := range w.nodes {
		for i, c := range p.children {
			if c.ID == id {
				p.children = append(p.children[:i:i], p.children[i+1:]...)
				break
			}
		}
	}
}

func (w *swarm) step(n *node, s *search) {
	if s.way == nil {
		s.seeker = tree.Seeker{ID: n.ID, Children: len(n.children) > 0, Depth: n.Depth}
		s.way = tree.NewDescent(s.seeker, w.view(w.nodes["origin"]))
		s.begun, s.asked = w.now, 0
	}
	batch := s.way.Next()
	s.due = w.now + roundTrip
	for _, c := range batch {
		s.asked++
		w.asked++
		p := w.nodes[c.ID]
		if p == nil {
			s.due = w.now + noAnswer
			continue
		}
		if s.seeker.MayTake(w.view(p)) {
			n.parent, n.Depth = p, p.Depth+1
			p.children = append(p.children, n)
			n.tell()
			w.longest = max(w.longest, s.asked)
			delete(w.seeking, n)
			return
		}
		var all []tree.Candidate
		for _, child := range p.children {
			c := child.Candidate
			c.Depth, c.Room = p.Depth+1, 1
			all = append(all, c)
		}
		s.way.Refused(tree.Refer(all, s.seeker))
	}
	if len(batch) > 0 && w.now-s.begun < searchLasts {
		return
	}
	w.failures++
	s.way = nil
	if s.seeker.Children {
		for _, c := range n.children {
			if w.nodes[c.ID] == c {
				c.parent = nil
				w.seeking[c] = &search{due: w.now + roundTrip}
			}
		}
		n.children = nil
		return
	}
	pause := min(retryLeast<<min(s.failed, 10), retryMost)
	s.failed++
	s.due = w.now + pause/2 + time.Duration(w.rnd.Int64N(int64(pause)))
}

// settle lets time pass until nobody seeks, and returns how long that took.
func (w *swarm) settle(most time.Duration) time.Duration {
	w.t.Helper()
	begun := w.now
	for w.now-begun < most {
		w.tick()
		if len(w.seeking) == 0 && len(w.dead) == 0 {
			return w.now - begun
		}
	}
	w.t.Errorf("%d nodes have no parent after %v", len(w.seeking), most)
	return most
}

// TestASwarmHeals: 1,000 nodes come, at once or one after the other, then a tenth dies at once.
func TestASwarmHeals(t *testing.T) {
	for _, c := range []struct {
		nodes, links, deepest, questions int
		each                             time.Duration
	}{{1000, 16, 4, 20, 0}, {1000, 16, 4, 20, roundTrip}, {1000, 4, 7, tree.MaxAsked, 0}, {1000, 4, 7, tree.MaxAsked, roundTrip}, {200, 2, 9, tree.MaxAsked, roundTrip}} {
		w := newSwarm(t, c.links, uint64(c.links+1*100))
		for range c.nodes {
			w.join()
			if c.each > 0 {
				w.tick()
			}
		}
		w.wantSettled("all have come", 2*time.Second, c.deepest, c.questions)
		for range c.nodes / 10 {
			w.kill(w.any())
		}
		w.wantSettled("a tenth died", noticed+2*time.Second, c.deepest, c.questions)
	}
}

// TestNobodyIsLeftOut: with two links each, a thousand nodes all find a parent, and those that are left
// after a tenth died, and after another.
func TestNobodyIsLeftOut(t *testing.T) {
	for seed := range uint64(2) {
		for _, each := range []time.Duration{0, roundTrip} {
			w := newSwarm(t, 2, 100+seed)
			for range 1000 {
				w.join()
				if each > 0 {
					w.tick()
				}
			}
			w.wantSettled("all have come", time.Second, tree.MaxDepth-2, tree.MaxAsked)
			for range 2 {
				for range 100 {
					w.kill(w.any())
				}
				w.wantSettled("a tenth died", noticed+3*time.Second, tree.MaxDepth-2, tree.MaxAsked)
			}
		}
	}
}

// any returns a node that lives.
func (w *swarm) any() *node {
	for {
		if n := w.nodes[fmt.Sprint("n", w.rnd.IntN(w.joins))]; n != nil {
			return n
		}
	}
}

// wantSettled wants everybody to have a parent soon, in a shallow tree, after few questions.
func (w *swarm) wantSettled(after string, most time.Duration, deepest, questions int) {
	w.t.Helper()
	w.asked, w.longest, w.failures = 0, 0, 0
	took := w.settle(most)
	deep := w.check(w.t)
	w.t.Logf("%d links, %s: %v, %d deep, %d questions, %d at most, %d searches in vain", w.most, after, took, deep, w.asked, w.longest, w.failures)
	if deep > deepest {
		w.t.Errorf("%d deep, want at most %d", deep, deepest)
	}
	if w.longest > questions {
		w.t.Errorf("%d questions of one search, want at most %d", w.longest, questions)
	}
}
