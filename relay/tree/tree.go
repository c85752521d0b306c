// Package tree decides which node of a cluster takes a stream from which: the rules alone,
// without clock, network or lock.
//
// The nodes that have one publisher's media are a tree. Its root, the origin, has depth 0,
// a child its parent's depth at that time + 1. A node that feeds others attaches only to nodes of less depth
// than its own, so its depth never grows, and a child's depth is always greater
// than its parent's: no loop can be. A child whose parent has come nearer to the origin is told so, and
// counts from there: else places far down would be taken for too deep, though they are not. A node without children attaches anywhere; while it
// looks for a parent it takes no children itself, or two could take each other.
//
// Who looks for a parent makes a [Descent], which begins at the origin. A node that is full
// refers to its children.
package tree

import (
	"cmp"
	"hash/fnv"
	"io"
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

// Busy tells whether a node should be taken only where no other has room.
func (c Candidate) Busy() bool { return c.Load >= busy }

// Refer returns whom of its children a node names to a seeker, at most MaxReferrals: the
// nearest to the origin first, of those the ones with room, then those that are not busy. Among equals
// each seeker gets an order of its own, so that many do not all ask the same. The argument
// is left as it is.
func Refer(children []Candidate, s Seeker) []Candidate {
	var all []Candidate
	for _, c := range children {
		if s.Allowed(c) {
			all = append(all, c)
		}
	}
	s.sort(all)
	return all[:min(len(all), MaxReferrals)]
}

func (s Seeker) sort(all []Candidate) {
	slices.SortFunc(all, func(a, b Candidate) int {
		return cmp.Or(
			cmp.Compare(a.Depth, b.Depth), cmp.Compare(worth(a), worth(b)),
			cmp.Compare(s.mix(a.ID), s.mix(b.ID)), cmp.Compare(a.ID, b.ID),
		)
	})
}

// worth returns 0 for a node that has room, 1 for one that is busy, 2 for a full one.
func worth(c Candidate) int {
	switch {
	case c.Room <= 0:
		return 2
	case c.Busy():
		return 1
	}
	return 0
}

// mix returns a number that is the seeker's own for each node: FNV-1a, and what spreads its last
// bytes over all bits (the finalizer of SplitMix64). Without that names that differ in the end only
// come in almost the same order for everybody: a thousand seekers then ask the same nodes, and with two
// links a node some ask in vain for ever.
func (s Seeker) mix(id string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s.ID)
	_, _ = h.Write([]byte{0})
	_, _ = io.WriteString(h, id)
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // the constants of SplitMix64
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A Descent is one seeker's way from the origin to a parent:
//
//	for batch := d.Next(); len(batch) > 0; batch = d.Next() {
//		ask them all at once; attach to one that may take the seeker, and stop;
//		d.Refused(children) for each of the others
//	}
//
// It asks every node once, at most MaxAsked of them, and at most atLevel of each depth before
// it goes deeper: however full the nodes near the origin are, it gets to where there is
// room, since nodes without children have some. What is left of MaxAsked then goes to the
// nodes nearest to the origin. It is not safe for concurrent use.
type Descent struct {
	seeker  Seeker
	waiting [MaxDepth][]Candidate // by depth
	asked   [MaxDepth]int
	all     int // sum of asked
	known   map[string]bool
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
	var batch []Candidate
	for _, first := range []bool{true, false} {
		for depth := range d.waiting {
			batch = d.take(batch, depth, first)
		}
		if len(batch) > 0 {
			break
		}
	}
	return batch
}

// take moves nodes of a depth to the batch. first: as many as may be asked before deeper ones are.
func (d *Descent) take(batch []Candidate, depth int, first bool) []Candidate {
	n := min(len(d.waiting[depth]), MaxAtOnce-len(batch), MaxAsked-d.all)
	if first {
		n = min(n, atLevel-d.asked[depth], MaxAsked-d.all-MaxAtOnce*(MaxDepth-1-depth))
	}
	if n <= 0 {
		return batch
	}
	d.seeker.sort(d.waiting[depth])
	batch = append(batch, d.waiting[depth][:n]...)
	d.waiting[depth] = d.waiting[depth][n:]
	d.asked[depth] += n
	d.all += n
	return batch
}

// Refused notes the children that a node named which did not take the seeker.
func (d *Descent) Refused(children []Candidate) { d.add(children[:min(len(children), MaxReferrals)]) }

func (d *Descent) add(all []Candidate) {
	for _, c := range all {
		if !d.known[c.ID] && d.seeker.Allowed(c) {
			d.known[c.ID] = true
			d.waiting[c.Depth] = append(d.waiting[c.Depth], c)
		}
	}
}
