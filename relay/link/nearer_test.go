package link

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay/tree"
)

func TestDepthIsToldAFewTimes(t *testing.T) {
	s := &served{known: 5}
	for _, c := range []struct{ depth, times int }{{5, 0}, {3, depthTellings}, {4, 0}, {2, depthTellings}} {
		told := 0
		for range 100 {
			if s.mustTell(c.depth) {
				told++
			}
		}
		if told != c.times {
			t.Errorf("depth %d is told %d times, want %d", c.depth, told, c.times)
		}
	}
}

func TestDepthOnTheWire(t *testing.T) {
	for depth, good := range map[int]bool{0: true, 7: true, tree.MaxDepth - 1: true, tree.MaxDepth: false, 1 << 31: false} {
		if got, ok := nearerOf(nearer(depth)); ok != good || ok && got != depth {
			t.Errorf("%d: %d, %t", depth, got, ok)
		}
	}
	for _, other := range [][]byte{nil, moving[:], nearer(1)[:12], append(nearer(1), 0, 0, 0, 0)} {
		if _, ok := nearerOf(other); ok {
			t.Errorf("% x is taken for a depth", other)
		}
	}
}

// TestOnlyALesserDepthIsTaken, of the parent there is, and not while the node looks for another: what it
// says in a search must hold until that is over.
func TestOnlyALesserDepthIsTaken(t *testing.T) {
	parent, other := &dialed{}, &dialed{}
	for name, c := range map[string]struct {
		from    *dialed
		linked  bool
		looking bool
		above   int
		want    int
	}{
		"nearer":     {parent, true, false, 2, 3},
		"as near":    {parent, true, false, 6, 7},
		"farther":    {parent, true, false, 9, 7},
		"of another": {other, true, false, 2, 7},
		"no parent":  {parent, false, false, 2, 7},
		"looking":    {parent, true, true, 2, 7},
	} {
		e := &Edges{}
		x := newEdge(e, "cam")
		x.linked, x.looking, x.depth, x.parent = c.linked, c.looking, 7, parentOf(parent)
		c.from.nearer.Store(&c.above)
		x.follows(c.from)
		if x.depth != c.want {
			t.Errorf("%s: depth %d, want %d", name, x.depth, c.want)
		}
	}
}

func parentOf(d *dialed) parent { return parent{tree.Candidate{ID: "p", Depth: 6}, d, time.Time{}} }
