package forwarder

// A cut is a run of incoming numbers that a segment dropped: all that follows moves
// down, so that the subscriber sees no hole.
type cut struct {
	first, end uint64 // the numbers from first up to end have no outgoing one
	dropped    uint64 // numbers dropped so far, these included
	pictures   uint16 // pictures dropped so far
}

// A cutList is the cuts of one segment, the oldest first. It is a pointer in the
// segment's mapping, nil until something is dropped, and goes with it when that is
// kept for resends. Cuts beyond maxCuts are forgotten with all numbers before them:
// what comes so late is not sent, what was sent so long ago not sent again.
type cutList struct {
	cuts     []cut
	floor    uint64 // lower incoming numbers are forgotten
	dropped  uint64 // before the first cut
	pictures uint16
}

// drop adds the numbers from first up to end, which are above all that were dropped
// before; picture says that a picture is dropped with them that was not counted yet.
func (l *cutList) drop(first, end uint64, picture bool) {
	n := len(l.cuts)
	if n == 0 || l.cuts[n-1].end != first {
		l.append(first)
	}
	c := &l.cuts[len(l.cuts)-1]
	c.dropped += end - c.end
	c.end = end
	if picture {
		c.pictures++
	}
}

// append adds an empty cut at first.
func (l *cutList) append(first uint64) {
	if len(l.cuts) == maxCuts {
		half := l.cuts[maxCuts/2-1]
		l.floor, l.dropped, l.pictures = half.end, half.dropped, half.pictures
		l.cuts = l.cuts[:copy(l.cuts, l.cuts[maxCuts/2:])]
	}
	dropped, pictures := l.dropped, l.pictures
	if n := len(l.cuts); n > 0 {
		dropped, pictures = l.cuts[n-1].dropped, l.cuts[n-1].pictures
	}
	l.cuts = append(l.cuts, cut{first, first, dropped, pictures})
}

// at returns how many numbers and pictures before in were dropped; false if in was
// dropped itself or is forgotten.
func (l *cutList) at(in uint64) (dropped uint64, pictures uint16, ok bool) {
	for i := len(l.cuts) - 1; i >= 0; i-- {
		c := &l.cuts[i]
		if in >= c.end {
			return c.dropped, c.pictures, true
		}
		if in >= c.first {
			return 0, 0, false
		}
	}
	return l.dropped, l.pictures, in >= l.floor
}

// source returns the incoming number that stands n behind the segment's base when
// dropped ones are left out; false if it is forgotten.
func (l *cutList) source(base, n uint64) (in uint64, ok bool) {
	for i := len(l.cuts) - 1; i >= 0; i-- {
		c := &l.cuts[i]
		if in = base + n + c.dropped; in >= c.end {
			return in, true
		}
	}
	in = base + n + l.dropped
	return in, in >= l.floor
}
