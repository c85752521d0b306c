package forwarder

import "math"

// A packetGroup is what was sent within groupTime: what delay and loss are told of.
type packetGroup struct {
	first    uint64 // number of its first packet
	start    int64  // when that was sent, µs
	arrived  int64  // when the last of those that did arrived, µs of the receiver's clock
	delay    int32  // the least, µs, see delayTrend; noDelay: none arrived
	excess   int32  // the least beyond what its backlog explains, µs
	delays   int32  // sum of all, delaySums
	atLosses int32  // sum of those seen last before packets that are missing, delaySums
	sent     uint32 // bytes
	lost     uint32 // bytes known to be missing
	here     uint16 // packets that arrived
	missing  uint16
	behind   uint16 // of those missing, how many were behind a burst of their own
	probe    bool   // some were sent as a probe
}

const (
	groupTime = 50_000 // µs: some packets of each frame rate, and soon over
	noDelay   = math.MaxInt32
	delaySums = 64 // µs
)

// packetGroups is a ring of the last groups. They are counted from 0 on.
type packetGroups struct {
	ring  [groupMost]packetGroup
	count int // groups begun
	hint  int // the group found last
}

func (g *packetGroups) at(i int) *packetGroup { return &g.ring[i&(groupMost-1)] }

// oldest is the first group that is kept.
func (g *packetGroups) oldest() int { return max(0, g.count-groupMost) }

// add counts a packet that is sent.
func (g *packetGroups) add(number uint64, now int64, size int, probe bool) {
	if g.count == 0 || now-g.at(g.count-1).start >= groupTime {
		*g.at(g.count) = packetGroup{first: number, start: now, delay: noDelay, excess: noDelay}
		g.count++
	}
	p := g.at(g.count - 1)
	p.sent += uint32(size)
	p.probe = p.probe || probe
}

// find returns the group that a packet is of; nil if it is forgotten. Packets are looked
// for in order, most of the time.
func (g *packetGroups) find(number uint64) *packetGroup {
	i := max(min(g.hint, g.count-1), g.oldest())
	for i > g.oldest() && g.at(i).first > number {
		i--
	}
	for i+1 < g.count && g.at(i+1).first <= number {
		i++
	}
	g.hint = i
	if p := g.at(i); g.count > 0 && p.first <= number {
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
// receiver's clock, or as long as is known, up to group i; 0 if it is not known. What
// nothing was heard of counts as arrived.
func (g *packetGroups) arriving(i int, least int64) float64 {
	if g.at(i).delay == noDelay {
		return 0
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
