// Package tree decides which node of a cluster takes a stream from which: the rules alone,
// without clock, network or lock.
//
// The nodes that have one publisher's media are a tree. Its root, the origin, has depth 0,
// a child its parent's depth at that time + 1. A node that feeds others attaches only to nodes of less depth
// than its own, so its depth never grows, and a child's depth is always greater
// than its parent's: no loop can be. A node without children attaches anywhere; while it
// looks for a parent it takes no children itself, or two could take each other.
//
// Who looks for a parent makes a [Descent], which begins at the origin. A node that is full
// refers to its children.
package tree

import (
	"cmp"
	"slices"
)

// A Seeker is a node that looks for a parent.
type Seeker struct {
	ID       string
	Children bool // it feeds others
	Depth    int  // its own, 1 to MaxDepth; without children it means nothing
}

// A Candidate is what is known of a node that may be a parent.
type Candidate struct {
	ID, URL string
	Depth   int     // 0: the origin
	Room    int     // links it can give; 0: it is full, drains, or has no parent now
	Load    float64 // of the node, 0 to 1
}

// Allowed tells whether c may be the seeker's parent as far as no loop arises, whether or
// not it has room.
func (s Seeker) Allowed(c Candidate) bool {
	return c.ID != s.ID && c.Depth >= 0 && c.Depth < MaxDepth && (!s.Children || c.Depth < s.Depth)
}

// MayTake tells whether c can take the seeker now.
func (s Seeker) MayTake(c Candidate) bool { return c.Room > 0 && s.Allowed(c) }

// Refer returns whom of its children a node names to a seeker, at most MaxReferrals: the
// nearest to the origin first, of those the ones with room, then those with less load, then by id. The
// argument is left as it is.
func Refer(children []Candidate, s Seeker) []Candidate {
	var all []Candidate
	for _, c := range children {
		if s.Allowed(c) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, order)
	return all[:min(len(all), MaxReferrals)]
}

func order(a, b Candidate) int {
	return cmp.Or(cmp.Compare(a.Depth, b.Depth), cmp.Compare(full(a), full(b)), cmp.Compare(a.Load, b.Load), cmp.Compare(a.ID, b.ID))
}

func full(c Candidate) int {
	if c.Room > 0 {
		return 0
	}
	return 1
}

// A Descent is one seeker's way from the origin to a parent:
//
//	for batch := d.Next(); len(batch) > 0; batch = d.Next() {
//		ask them all at once; attach to the first that may take the seeker, and stop;
//		d.Refused(children) for each of the others
//	}
//
// It asks every node once, at most MaxAsked of them. It is not safe for concurrent use.
type Descent struct {
	seeker  Seeker
	waiting []Candidate
	known   map[string]bool
	asked   int
}

// NewDescent begins at the origin.
func NewDescent(s Seeker, origin Candidate) *Descent {
	d := &Descent{seeker: s, known: map[string]bool{}}
	d.add([]Candidate{origin})
	return d
}

// Next returns whom to ask now: the origin alone, then up to MaxAtOnce nodes, those with room first.
// None: there is no parent to be had.
func (d *Descent) Next() []Candidate {
	slices.SortFunc(d.waiting, func(a, b Candidate) int { return cmp.Or(cmp.Compare(full(a), full(b)), order(a, b)) })
	n := min(len(d.waiting), MaxAtOnce, MaxAsked-d.asked)
	batch := slices.Clone(d.waiting[:n])
	d.waiting = d.waiting[n:]
	d.asked += n
	return batch
}

// Refused notes the children that a node named which did not take the seeker.
func (d *Descent) Refused(children []Candidate) { d.add(children[:min(len(children), MaxReferrals)]) }

func (d *Descent) add(all []Candidate) {
	for _, c := range all {
		if !d.known[c.ID] && d.seeker.Allowed(c) {
			d.known[c.ID] = true
			d.waiting = append(d.waiting, c)
		}
	}
}
