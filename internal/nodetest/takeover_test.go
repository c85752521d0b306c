package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestALeafTakesChildrenBetweenSearches: a leaf whose parent drains takes none while it looks for
// another parent, for that could be below the child. Between two searches it does; then it looks nearer
// to the origin only, and nothing is lost.
func TestALeafTakesChildrenBetweenSearches(t *testing.T) {
	cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
		origin, draining, leaf, child := c.Nodes[0], c.Nodes[1], c.Nodes[2], c.Nodes[3]
		origin.Publish("studio")
		c.Run(time.Second)
		draining.Subscribe("studio", nodetest.Link{})
		c.Run(2 * time.Second)
		first := leaf.Subscribe("studio", nodetest.Link{})
		c.Run(2 * time.Second)
		wantParent(t, leaf, draining)

		origin.Slow(1500 * time.Millisecond) // so long takes the leaf's search
		gone := drained(t, draining)
		c.Run(600 * time.Millisecond) // it has begun
		origin.Slow(0)
		if !leaf.Parents()[0].Moving {
			t.Fatal("the leaf does not look for another parent")
		}
		second := child.Subscribe("studio", nodetest.Link{})
		c.Run(500 * time.Millisecond)
		if len(leaf.Children()) != 0 || len(child.Parents()) != 0 {
			t.Errorf("while it looks the leaf feeds %v", leaf.Children())
		}
		c.Run(2500 * time.Millisecond) // the origin has no room
		wantParent(t, child, leaf)
		wantParent(t, leaf, draining)
		c.Run(10 * time.Second)
		if !gone() {
			t.Error("the node waits for longer than it may")
		}
		draining.Kill()
		c.Run(8 * time.Second)
		wantParent(t, leaf, origin)
		wantParent(t, child, leaf)
		for _, s := range []*nodetest.Subscriber{first, second} {
			s.WantMedia(5 * time.Second)
			s.WantMissing(codec.Audio, 0)
		}
	}, fanOut(1))
}

// TestWhoIsBelowComesNearer: when the middle of a chain dies all that is below it is a link nearer to the
// origin, also who was far from the repair, and says so itself.
func TestWhoIsBelowComesNearer(t *testing.T) {
	cluster(t, 5, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		for _, m := range c.Nodes[1:] {
			m.Subscribe("studio", nodetest.Link{})
			c.Run(2 * time.Second)
		}
		if d := wantTree(t, c, 1); d != 4 {
			t.Fatalf("%d deep", d)
		}
		c.Nodes[1].Kill()
		c.Run(8 * time.Second)
		for i, m := range c.Nodes[2:] {
			if p := m.Parents(); len(p) != 1 || p[0].Depth != i+1 {
				t.Errorf("%s: %+v, want depth %d", m.ID, p, i+1)
			}
			if all := m.Children(); i < 2 && (len(all) != 1 || all[0].Depth != i+2) {
				t.Errorf("%s feeds %+v, want depth %d", m.ID, all, i+2)
			}
		}
	}, fanOut(1))
}
