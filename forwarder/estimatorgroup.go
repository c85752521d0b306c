package forwarder

import "math"

// A packetGroup is what was sent within groupTime: what delay and loss are told of.
type packetGroup struct {
	first   uint64 // number of its first packet
	start   int64  // when that was sent, µs of the estimator's clock
	arrived int64  // when the last of those that did arrived, µs of the receiver's clock
	low     int32  // the least delay beyond the backlog's, see delayTrend; noDelay: none arrived
	raw     int32  // the least delay
	atLoss  int32  // sum of the delays before packets that are missing, 1/16 ms beyond the base
	atAll   int32  // sum of all
	sent    uint32 // bytes
	lost    uint32 // bytes known to be missing
	packets uint16
	missing uint16
	here    uint16 // packets that arrived
	excused uint16
	probing bool
}

const (
	groupTime = 50_000 // µs
	groupMost = 64     // a power of two: more than three seconds
	noDelay   = math.MaxInt32
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
func (g *packetGroups) add(number uint64, now int64, size int) {
	if g.count == 0 || now-g.at(g.count-1).start >= groupTime {
		*g.at(g.count) = packetGroup{first: number, start: now, low: noDelay, raw: noDelay}
		g.count++
	}
	p := g.at(g.count - 1)
	p.sent += uint32(size)
	p.packets++
}

// find returns the group that a packet is of; nil if it is forgotten.
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

// span returns how many bytes of the groups behind from up to to arrived, in how long,
// µs of the receiver's clock; both must have packets that arrived. What nothing is
// known of counts as arrived.
func (g *packetGroups) span(from, to int) (bytes int64, elapsed int64) {
	for i := from + 1; i <= to; i++ {
		p := g.at(i)
		bytes += int64(p.sent) - int64(p.lost)
	}
	return bytes, g.at(to).arrived - g.at(from).arrived
}
