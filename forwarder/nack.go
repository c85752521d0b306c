package forwarder

import (
	"slices"
	"time"
)

// A nacker keeps the holes in one encoding's sequence and says which to ask the
// publisher for. It waits out reordering, retries with the round trip, and gives
// up on encodings that never answer: of OBS's layers only the top one does.
type nacker struct {
	holes    []hole // by rising number, at most nackHoles
	highest  uint64
	started  bool
	vain     int       // holes given up in a row
	deadTill time.Time // no asking before; zero: alive
}

type hole struct {
	seq    uint64
	missed time.Time
	asked  time.Time
	tries  int
}

// packet notes that seq arrived at now.
func (n *nacker) packet(seq uint64, now time.Time) {
	if !n.started {
		n.started, n.highest = true, seq
		return
	}
	if seq <= n.highest {
		n.fill(seq)
		return
	}
	if seq-n.highest > nackHoles {
		n.holes = n.holes[:0] // a gap this wide is not repaired but waited out
	} else {
		for s := n.highest + 1; s < seq; s++ {
			n.open(s, now)
		}
	}
	n.highest = seq
}

func (n *nacker) open(seq uint64, now time.Time) {
	if len(n.holes) == nackHoles {
		n.holes = slices.Delete(n.holes, 0, 1)
	}
	n.holes = append(n.holes, hole{seq: seq, missed: now})
}

func (n *nacker) fill(seq uint64) {
	i, found := slices.BinarySearchFunc(n.holes, seq, compareHole)
	if !found {
		return
	}
	if n.holes[i].tries > 0 {
		n.vain, n.deadTill = 0, time.Time{}
	}
	n.holes = slices.Delete(n.holes, i, i+1)
}

func compareHole(h hole, seq uint64) int {
	switch {
	case h.seq < seq:
		return -1
	case h.seq > seq:
		return 1
	}
	return 0
}

// due appends to out the numbers to ask for now, at most nackBatch.
func (n *nacker) due(now time.Time, rtt time.Duration, out []uint16) []uint16 {
	if now.Before(n.deadTill) {
		n.holes = n.holes[:0]
		return out
	}
	retry := max(nackRetry, rtt+rtt/4)
	kept := n.holes[:0]
	for _, h := range n.holes {
		if h.tries == nackTries {
			n.giveUp(now)
			continue
		}
		if len(out) < nackBatch && n.ripe(h, now, retry) {
			h.tries, h.asked = h.tries+1, now
			out = append(out, uint16(h.seq))
		}
		kept = append(kept, h)
	}
	n.holes = kept
	return out
}

func (n *nacker) ripe(h hole, now time.Time, retry time.Duration) bool {
	if h.tries > 0 {
		return now.Sub(h.asked) >= retry
	}
	return now.Sub(h.missed) >= nackDelay || n.highest-h.seq >= nackReorder
}

func (n *nacker) giveUp(now time.Time) {
	if n.vain++; n.vain >= nackDead {
		n.vain, n.deadTill = nackDead-1, now.Add(nackProbe)
	}
}

// revive forgets what was asked for in vain.
func (n *nacker) revive() {
	n.vain, n.deadTill = 0, time.Time{}
	for i := range n.holes {
		n.holes[i].tries, n.holes[i].asked = 0, time.Time{}
	}
}

// dead tells whether the encoding proved never to answer.
func (n *nacker) dead() bool { return !n.deadTill.IsZero() }

// pending tells whether due must be called again soon.
func (n *nacker) pending() bool { return len(n.holes) > 0 }
