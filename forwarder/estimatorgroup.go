package forwarder

import "math"

// A packetGroup is what was sent within groupTime: what delay and loss are told of.
type packetGroup struct {
	start    int64  // when its first packet was sent, µs
	arrived  int64  // when the last of those that did arrived, µs of the receiver's clock
	delay    int32  // the least, µs, see delayTrend; noDelay: none arrived
	excess   int32  // the least beyond what its backlog explains, µs
	delays   int32  // sum of all, delaySums
	atLosses int32  // sum of those seen last before packets that are missing, delaySums
	sent     uint32 // bytes
	lost     uint32 // bytes known to be missing
	first    uint32 // number of its first packet, its low bits
	here     uint16 // packets that arrived
	missing  uint16
	behind   uint16 // packets that were behind a burst of their own
	lacking  uint16 // of those, how many are missing
	probe    bool   // some were sent as a probe
}

const (
	groupTime = 50_000 // µs: some packets of each frame rate, and soon over
	noDelay   = math.MaxInt32
	delaySums = 64 // µs
)

// packetGroups is a ring of a power of two of the last groups, which grows while there
// are many that nothing was heard of. They are counted from 0 on.
type packetGroups struct {
	ring  []packetGroup
	count int // groups begun
	hint  int // the group found last
}

func (g *packetGroups) at(i int) *packetGroup { return &g.ring[i&(len(g.ring)-1)] }

// oldest is the first group that is kept.
func (g *packetGroups) oldest() int { return max(0, g.count-len(g.ring)) }

// add counts a packet that is sent. waiting is how many groups were not heard of yet.
func (g *packetGroups) add(number uint64, now int64, size int, probe bool, waiting int) {
	if g.count == 0 || now-g.at(g.count-1).start >= groupTime {
		g.begin(waiting)
		*g.at(g.count) = packetGroup{first: uint32(number), start: now, delay: noDelay, excess: noDelay}
		g.count++
	}
	p := g.at(g.count - 1)
	p.sent += uint32(size)
	p.probe = p.probe || probe
}

// begin makes room for a group.
func (g *packetGroups) begin(waiting int) {
	switch {
	case g.ring == nil:
		g.ring = make([]packetGroup, groupLeast)
	case len(g.ring) < groupMost && waiting > len(g.ring)/2:
		old := *g
		g.ring = make([]packetGroup, groupMost)
		for i := old.oldest(); i < old.count; i++ {
			*g.at(i) = *old.at(i)
		}
	}
}

// after tells whether the group is behind a number.
func (p *packetGroup) after(number uint64) bool { return int32(p.first-uint32(number)) > 0 }

// find returns the group that a packet is of; nil if it is forgotten. Packets are looked
// for in order, most of the time.
func (g *packetGroups) find(number uint64) *packetGroup {
	if g.count == 0 {
		return nil
	}
	i := max(min(g.hint, g.count-1), g.oldest())
	for i > g.oldest() && g.at(i).after(number) {
		i--
	}
	for i+1 < g.count && !g.at(i+1).after(number) {
		i++
	}
	g.hint = i
	if p := g.at(i); !p.after(number) {
		return p
	}
	return nil
}

// end is when the group at i ended: when the next began.
func (g *packetGroups) end(i int) int64 {
	if i+1 < g.count {
		return g.at(i + 1).start
	}
	return g.at(i).start + groupTime
}

// sending returns the bitrate sent at over at least so long, up to group i; 0 if it is
// not known.
func (g *packetGroups) sending(i int, least int64) float64 {
	bytes := uint32(0)
	for j := i; j >= g.oldest(); j-- {
		bytes += g.at(j).sent
		if elapsed := g.end(i) - g.at(j).start; elapsed >= least {
			return bitrate(int64(bytes), elapsed)
		}
	}
	return 0
}

// arriving returns the bitrate packets arrived at over at least so long of the
// receiver's clock, or as long as is known, up to group i or the last before of which
// something arrived; 0 if it is not known. What nothing was heard of counts as arrived.
func (g *packetGroups) arriving(i int, least int64) float64 {
	for g.at(i).delay == noDelay {
		if i--; i < g.oldest() {
			return 0
		}
	}
	best, bytes := 0.0, int64(0)
	for j := i - 1; j >= g.oldest(); j-- {
		bytes += int64(g.at(j+1).sent) - int64(g.at(j+1).lost)
		if g.at(j).delay == noDelay {
			continue
		}
		elapsed := g.at(i).arrived - g.at(j).arrived
		if elapsed <= 0 {
			continue
		}
		if best = bitrate(bytes, elapsed); elapsed >= least {
			break
		}
	}
	return best
}

func bitrate(bytes, micros int64) float64 { return float64(bytes*8) * 1e6 / float64(micros) }
