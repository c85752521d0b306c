package forwarder

import "math"

const lossMemory = 24

type lossInterval struct {
	rate    float32
	packets uint16
	lost    uint16
}

type lossModel struct {
	ring                  [lossMemory]lossInterval
	count                 int
	done                  int // groups counted
	packets               int
	lost                  int
	bytes                 int
	start                 int64
	inherent              float64
	excused               int
	limit                 float64 // bits per second; 0: none
	recent                float64
	atLoss, atAll, here   int
	low                   float64
	lows                  int
	qLoss, qAll, qLow     float64
	since                 int64
	evidence              bool
	lastLost, lastPackets int
}

const (
	lossLag     = 5       // groups behind the newest, so that what is late is not lost
	lossTime    = 300_000 // µs
	lossPackets = 20
	lossFade    = 0.88
)

// add counts a group; true if an interval is full.
func (m *lossModel) add(g *packetGroups, i int, least int32, estimate float64) bool {
	p := g.at(i)
	if p.start < m.since || p.probing || i > g.oldest() && g.at(i-1).probing {
		if m.packets > 0 {
			m.start += groupTime
		}
		return false
	}
	m.atLoss += int(p.atLoss)
	m.atAll += int(p.atAll)
	m.here += int(p.here)
	if p.raw != noDelay {
		m.low += float64(p.raw-least) / 1000
		m.lows++
	}
	if m.packets == 0 {
		m.start = p.start
	}
	if p.here+p.missing > 0 {
		m.packets += int(p.here + p.missing)
		m.lost += int(p.missing)
		m.excused += int(p.excused)
	}
	m.bytes += int(p.sent)
	end := p.start + groupTime
	if i+1 < g.count {
		end = g.at(i + 1).start
	}
	elapsed := end - m.start
	if elapsed < lossTime || m.packets < lossPackets && elapsed < 1_500_000 {
		return false
	}
	if float64(m.bytes*8)/float64(elapsed)*1e6 < 0.8*estimate {
		m.packets -= m.excused
		m.lost -= m.excused
	}
	m.excused = 0
	*m.at(m.count) = lossInterval{float32(float64(m.bytes*8) / float64(elapsed) * 1e6), uint16(m.packets), uint16(m.lost)}
	m.count++
	m.recent = float64(m.lost) / float64(max(1, m.packets))
	m.qLoss = float64(m.atLoss) * 0.064 / float64(max(1, m.lost))
	m.qAll = float64(m.atAll) * 0.064 / float64(max(1, m.here))
	m.qLow = m.low / float64(max(1, m.lows))
	m.lastLost, m.lastPackets = m.lost, m.packets
	m.packets, m.lost, m.bytes = 0, 0, 0
	m.atLoss, m.atAll, m.here, m.low, m.lows = 0, 0, 0, 0, 0
	return true
}

func (m *lossModel) at(i int) *lossInterval { return &m.ring[i%lossMemory] }

// likelihood returns log likelihood of a limit with the best inherent loss.
func (m *lossModel) likelihood(limit float64) (ll, inherent float64) {
	var lost, room, w float64 = 0.02, 2, 1
	for i := m.count - 1; i >= max(0, m.count-lossMemory); i-- {
		o := m.at(i)
		x := excess(float64(o.rate), limit)
		n := float64(o.packets)
		lost += w * (float64(o.lost) - x*n)
		room += w * n * (1 - x)
		w *= lossFade
	}
	inherent = min(max(lost/room, 0.001), 0.5)
	w = 1
	for i := m.count - 1; i >= max(0, m.count-lossMemory); i-- {
		o := m.at(i)
		p := inherent + (1-inherent)*excess(float64(o.rate), limit)
		p = min(max(p, 0.001), 0.99)
		ll += w * (float64(o.lost)*math.Log(p) + float64(o.packets-o.lost)*math.Log(1-p))
		w *= lossFade
	}
	return ll, inherent
}

func excess(rate, limit float64) float64 {
	if limit <= 0 || rate <= limit {
		return 0
	}
	return 1 - limit/rate
}
