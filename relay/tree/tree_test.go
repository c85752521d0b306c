package tree_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/whippet-media/whippet/relay/tree"
)

// A forest is a tree of nodes that attach and die.
type forest struct {
	nodes map[string]*node
	most  int // links of each
}

type node struct {
	tree.Candidate
	parent   *node
	children []*node
}

// tell lets those below a node know how near to the origin it is now.
func (n *node) tell() {
	for _, c := range n.children {
		if c.parent == n && c.Depth > n.Depth+1 {
			c.Depth = n.Depth + 1
			c.tell()
		}
	}
}

func newForest(most int) *forest {
	f := &forest{nodes: map[string]*node{}, most: most}
	f.nodes["origin"] = &node{Candidate: tree.Candidate{ID: "origin"}}
	return f
}

func (f *forest) view(n *node) tree.Candidate {
	c := n.Candidate
	if c.ID == "origin" || n.parent != nil {
		c.Room = f.most - len(n.children)
	}
	return c
}

// attach looks for a parent as an edge does; where children are in the way they go first.
func (f *forest) attach(n *node) bool {
	if f.descend(n) {
		return true
	}
	for _, c := range n.children {
		c.parent = nil
	}
	n.children = nil
	return f.descend(n)
}

func (f *forest) descend(n *node) bool {
	s := tree.Seeker{ID: n.ID, Children: len(n.children) > 0, Depth: n.Depth}
	d := tree.NewDescent(s, f.view(f.nodes["origin"]))
	for batch := d.Next(); len(batch) > 0; batch = d.Next() {
		for _, c := range batch {
			p := f.nodes[c.ID]
			if s.MayTake(f.view(p)) {
				n.parent, n.Depth = p, p.Depth+1
				p.children = append(p.children, n)
				n.tell()
				return true
			}
			var all []tree.Candidate
			for _, child := range p.children {
				all = append(all, f.view(child))
			}
			d.Refused(tree.Refer(all, s))
		}
	}
	return false
}

func (f *forest) kill(n *node) {
	delete(f.nodes, n.ID)
	if n.parent != nil {
		n.parent.children = slices.DeleteFunc(n.parent.children, func(c *node) bool { return c == n })
	}
	for _, c := range n.children {
		c.parent = nil
	}
}

// check walks from every node to its root.
func (f *forest) check(t *testing.T) (deepest int) {
	t.Helper()
	for _, n := range f.nodes {
		steps := 0
		for at := n; at.parent != nil; at = at.parent {
			if at.parent.Depth >= at.Depth {
				t.Fatalf("%s of depth %d is fed by %s of depth %d", at.ID, at.Depth, at.parent.ID, at.parent.Depth)
			}
			if steps++; steps > len(f.nodes) {
				t.Fatalf("a loop above %s", n.ID)
			}
		}
		if len(n.children) > f.most {
			t.Fatalf("%s feeds %d", n.ID, len(n.children))
		}
		deepest = max(deepest, steps)
	}
	return deepest
}

func TestDepthIsLogarithmic(t *testing.T) {
	for _, c := range []struct{ nodes, most, depth int }{{200, 16, 2}, {1000, 16, 3}, {15, 2, 4}, {30, 4, 3}} {
		f := newForest(c.most)
		for i := range c.nodes {
			n := &node{Candidate: tree.Candidate{ID: fmt.Sprint(i)}}
			f.nodes[n.ID] = n
			if !f.attach(n) {
				t.Fatalf("no parent for node %d", i)
			}
		}
		if d := f.check(t); d > c.depth {
			t.Errorf("%d nodes of %d links each are %d deep, want at most %d", c.nodes, c.most, d, c.depth)
		}
	}
}

// TestNoLoops: whatever dies and attaches, nobody is fed by itself, and all have a parent in the end.
func TestNoLoops(t *testing.T) {
	for seed := range uint64(200) {
		rnd, f, next := rand.New(rand.NewPCG(seed, 1)), newForest(2+int(seed%3)), 0
		pick := func() *node {
			all := []string{}
			for id := range f.nodes {
				if id != "origin" {
					all = append(all, id)
				}
			}
			if len(all) == 0 {
				return nil
			}
			slices.Sort(all)
			return f.nodes[all[rnd.IntN(len(all))]]
		}
		for range 300 {
			n := pick()
			switch {
			case n == nil || rnd.IntN(3) == 0 && len(f.nodes) < 30:
				n = &node{Candidate: tree.Candidate{ID: fmt.Sprint(next)}}
				next++
				f.nodes[n.ID] = n
			case n.parent == nil:
				f.attach(n)
			case rnd.IntN(4) == 0:
				f.kill(n)
			}
			f.check(t)
		}
		for range 200 {
			for _, n := range f.nodes {
				if n.ID != "origin" && n.parent == nil {
					f.attach(n)
				}
			}
		}
		for _, n := range f.nodes {
			if n.ID != "origin" && n.parent == nil {
				t.Errorf("seed %d: %s has no parent", seed, n.ID)
			}
		}
		f.check(t)
	}
}

func TestWhoMayTakeWhom(t *testing.T) {
	leaf, inner := tree.Seeker{ID: "a"}, tree.Seeker{ID: "a", Children: true, Depth: 2}
	for _, c := range []struct {
		s    tree.Seeker
		c    tree.Candidate
		want bool
	}{
		{leaf, tree.Candidate{ID: "b", Depth: 7, Room: 1}, true},
		{leaf, tree.Candidate{ID: "b", Depth: 7}, false},
		{leaf, tree.Candidate{ID: "a", Room: 1}, false},
		{leaf, tree.Candidate{ID: "b", Depth: tree.MaxDepth, Room: 1}, false},
		{inner, tree.Candidate{ID: "b", Depth: 1, Room: 1}, true},
		{inner, tree.Candidate{ID: "b", Depth: 2, Room: 1}, false},
	} {
		if got := c.s.MayTake(c.c); got != c.want {
			t.Errorf("%+v to %+v: %v", c.s, c.c, got)
		}
	}
}

func TestADescentIsBounded(t *testing.T) {
	d, asked := tree.NewDescent(tree.Seeker{ID: "a"}, tree.Candidate{ID: "o"}), 0
	for batch := d.Next(); len(batch) > 0; batch = d.Next() {
		if len(batch) > tree.MaxAtOnce {
			t.Fatalf("%d at once", len(batch))
		}
		for range batch {
			asked++
			var more []tree.Candidate
			for i := range 1000 {
				more = append(more, tree.Candidate{ID: fmt.Sprint(asked, "-", i), Depth: 1})
			}
			d.Refused(more)
		}
	}
	if asked != tree.MaxAsked {
		t.Errorf("%d asked, want %d", asked, tree.MaxAsked)
	}
}

func TestReferralsAreBounded(t *testing.T) {
	all := make([]tree.Candidate, 100)
	for i := range all {
		all[i] = tree.Candidate{ID: fmt.Sprint(i), Depth: 1, Room: i % 2}
	}
	got := tree.Refer(all, tree.Seeker{ID: "1"})
	if len(got) != tree.MaxReferrals || got[0].Room != 1 || got[0].ID == "1" {
		t.Errorf("%d, first %+v", len(got), got[0])
	}
}
