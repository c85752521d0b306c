package forwarder

import "math"

// lossModel tells loss that comes of sending too much from loss that is there anyway.
//
// Loss comes of congestion if the packets before those missing waited in a queue, or if
// it depends on the bitrate: what was sent and lost in the last intervals is then more
// likely with a limit, all above which is lost, than without. Else it is inherent, and
// the estimate stays where it is.
type lossModel struct {
	ring  [lossMemory]lossInterval
	count int // intervals that ended
	done  int // groups counted
	since int64
	now   lossTally
	mass  massLoss

	// massSince is since's for mass loss: a small step down before does not hide it.
	massSince int64

	// Sums over the last intervals, older ones count less: of the delays of all packets
	// that arrived, and of those before packets that are missing, delaySums.
	all, here, atLosses, losses float64

	lossy    int     // intervals in a row with more than is inherent
	lossAt   int64   // when more than is inherent was lost last
	massAt   int64   // when mass loss was believed last, and less was not seen since; 0: never
	recent   float64 // of the last interval, 0 to 1
	inherent float64
}

// A lossInterval is what became of the packets sent in one interval.
type lossInterval struct {
	bitrate       float32
	packets, lost uint16
}

// A lossTally is an interval that goes on.
type lossTally struct {
	start               int64 // of its first group, moved by what is left out
	packets, lost, here int
	behind, lacking     int // see packetGroup
	bytes               int64
	delays, atLosses    int64   // sums, delaySums
	least               float64 // sum of groups' least, ms
	groups              int
}

const (
	lossLag     = 2         // groups behind the newest that may still change
	lossTime    = 300_000   // µs
	lossLonger  = 1_500_000 // µs, where fewer than lossPackets are sent
	lossPackets = 20
	lossFade    = 0.88 // weight of an interval, relative to the one behind it

	// ownShare of the estimate, or less, is what an application sends that is not
	// bounded by it: what is lost behind its bursts does not tell of the bitrate.
	ownShare = 0.8
	ownLoss  = 0.3 // of all packets, or more, is not left at that
)

// counts tells whether loss of the group at i says something: what probes lose is theirs
// to tell.
func (m *lossModel) counts(g *packetGroups, i int) bool {
	p := g.at(i)
	if p.start < m.since || p.probe || i > g.oldest() && g.at(i-1).probe {
		m.now.start += groupTime
		return false
	}
	return true
}

// add counts the group at i; true if an interval is full. base is what delays are
// compared with, estimate the current one.
func (m *lossModel) add(g *packetGroups, i int, t *delayTrend, estimate float64) bool {
	p, n := g.at(i), &m.now
	if n.packets == 0 {
		n.start = p.start
	}
	n.add(p, t)
	elapsed := g.end(i) - n.start
	if elapsed < lossTime || n.packets < lossPackets && elapsed < lossLonger {
		return false
	}
	rate := bitrate(n.bytes, elapsed)
	if rate < ownShare*estimate {
		few := n.packets-n.behind < lossPackets/2
		if few && elapsed < lossLonger && float64(n.lost) > ownLoss*float64(n.packets) {
			return false // too much for a short queue alone: what else was lost?
		}
		n.packets -= n.behind
		n.lost -= n.lacking
		if few {
			*n = lossTally{}
			return false
		}
	}
	m.ring[m.count%lossMemory] = lossInterval{float32(rate), uint16(min(n.packets, math.MaxUint16)), uint16(min(n.lost, math.MaxUint16))}
	m.count++
	m.recent = float64(n.lost) / float64(max(1, n.packets))
	return true
}

func (n *lossTally) add(p *packetGroup, t *delayTrend) {
	n.packets += int(p.here) + int(p.missing)
	n.here += int(p.here)
	n.lost += int(p.missing)
	n.behind += int(p.behind)
	n.lacking += int(p.lacking)
	n.bytes += int64(p.sent)
	n.delays += int64(p.delays)
	n.atLosses += int64(p.atLosses)
	if p.delay != noDelay {
		n.least += float64(t.beyond(p.delay)) / 1000
		n.groups++
	}
}

// A massLoss is a run of groups that lost half or more of what was sent in each, while
// something arrived all the time: a burst of losses ends soon, and so does an outage.
type massLoss struct{ groups, packets, lost int }

const (
	massGroups     = 4             // of which something arrived, at least
	massRest       = 2 * groupTime // in which what had to be sent is lost too
	massDeviations = 3.5           // that more is lost than by chance where every other packet is
)

// add counts a group; true if what arrives is all that the network carries.
func (m *massLoss) add(p *packetGroup) bool {
	missing, all := int(p.missing), int(p.here)+int(p.missing)
	if 2*missing < all {
		*m = massLoss{}
		return false
	}
	if p.here > 0 {
		m.groups++
	}
	m.packets += all
	m.lost += missing
	more := float64(2*m.lost - m.packets)
	return m.groups >= massGroups && more > massDeviations*math.Sqrt(float64(m.packets))
}

const (
	burstLosses = 5   // losses that a mean is of, at least
	waitFade    = 0.8 // weight of an interval, relative to the one behind it
	burstFactor = 1.5 // how much longer packets before losses wait than others, if a queue overflows
	burstLeast  = 4.0 // ms
)

// queued tells whether packets of the interval that is full were lost where a queue was.
func (m *lossModel) queued(t *delayTrend) bool {
	n := &m.now
	m.all = m.all*waitFade + float64(n.delays)
	m.here = m.here*waitFade + float64(n.here)
	m.atLosses = m.atLosses*waitFade + float64(n.atLosses)
	m.losses = m.losses*waitFade + float64(n.lost)
	if n.least/float64(max(1, n.groups)) > t.more() {
		return true
	}
	const ms = delaySums / 1000.0
	all, atLosses := m.all*ms/max(1, m.here), m.atLosses*ms/max(1, m.losses)
	return m.losses >= burstLosses && atLosses > max(burstFactor*all, all+burstLeast+t.noise)
}

const (
	lossLeast     = 0.02 // beyond what is inherent: loss that repairs hide well
	lossyMuch     = 0.2  // beyond what is inherent: without a queue it says nothing yet
	lossyLeast    = 3    // unless so many intervals in a row had more than is inherent
	inherentSeen  = 0.2  // share of an interval in the inherent loss
	inherentFull  = 0.25 // the most that is believed
	inherentTaken = 0.3  // the same where the model decided that it is
)

// judgeLoss counts the groups that will not change any more, up to some before i.
func (e *Estimator) judgeLoss(i int) {
	m := &e.loss
	for ; m.done <= i-lossLag-e.late; m.done++ {
		if m.done < e.groups.oldest() {
			continue
		}
		if m.counts(&e.groups, m.done) && m.add(&e.groups, m.done, &e.delay, e.rate.estimate) {
			e.judge(i)
			m.now = lossTally{}
		}
		if p := e.groups.at(m.done); p.start >= m.massSince && !p.probe && m.mass.add(p) {
			e.collapse(i)
		}
	}
}

// collapse lowers the estimate to what arrives at once.
func (e *Estimator) collapse(i int) {
	m := &e.loss
	m.since, m.massAt, m.lossAt, m.now, m.mass = e.now+massRest, e.now, e.now, lossTally{}, massLoss{}
	m.massSince = m.since
	arriving := e.groups.arriving(i, lossTime)
	e.cut(fullShare*arriving, arriving, LimitLoss)
}

// judge looks at an interval that is full.
func (e *Estimator) judge(i int) {
	m := &e.loss
	queued, p := m.queued(&e.delay), m.inherent
	deviation := math.Sqrt(p * (1 - p) / float64(max(1, m.now.packets)))
	if m.recent <= p+lossLeast+2*deviation {
		if !queued || m.recent < p {
			m.inherent = min(p+inherentSeen*(m.recent-p), inherentFull)
		}
		m.lossy = 0
		return
	}
	sent := float64(m.ring[(m.count-1)%lossMemory].bitrate)
	if e.delay.contended && sent < ownShare*e.rate.estimate && m.recent < ownLoss {
		return // others overflow the queue, whatever is sent
	}
	m.massAt, m.lossAt = 0, e.now
	if m.lossy++; !queued && m.recent > p+lossyMuch && m.lossy < lossyLeast {
		return // a burst of losses ends soon
	}
	arriving := e.groups.arriving(i, lossTime)
	target := fullShare * arriving
	if !queued {
		target = m.likeliest(arriving)
	}
	if target == 0 {
		m.inherent += inherentTaken * (min(m.recent, inherentFull) - p)
		return
	}
	m.since = e.now
	if target = max(target, e.rate.estimate*lossStep(m.recent)); target < e.rate.estimate {
		e.cut(target, arriving, LimitLoss)
	}
}

// lossStep is what is left of an estimate at least after a loss.
func lossStep(loss float64) float64 { return min(0.85, max(0.4, 1-1.5*loss)) }

const (
	// inherentFirst is by how much loss without a limit is likelier beforehand, as
	// a logarithm: where nothing depends on the bitrate, the bitrate stays. Over
	// inherentMost that is taken back, by each packet: nobody watches such a link.
	inherentFirst = 4.0
	inherentMost  = 0.15
)

// likeliest returns the limit that explains the last intervals best, of some near what
// arrives; 0 if they are explained better without one.
func (m *lossModel) likeliest(arriving float64) float64 {
	best, inherent := m.likelihood(0)
	best += inherentFirst - float64(m.now.packets)*max(0, inherent-inherentMost)
	limit := 0.0
	for _, share := range [...]float64{1, 0.95, 0.9} {
		if l, _ := m.likelihood(share * arriving); l > best {
			best, limit = l, share*arriving
		}
	}
	return limit
}

// likelihood returns the logarithm of how likely the last intervals are with a limit (0:
// none) and the inherent loss that makes them most likely, and that loss.
func (m *lossModel) likelihood(limit float64) (log, inherent float64) {
	lost, passed := 0.02, 2.0 // so that it is never 0
	m.each(func(o *lossInterval, weight float64) {
		over, n := excess(float64(o.bitrate), limit), float64(o.packets)
		lost += weight * (float64(o.lost) - over*n)
		passed += weight * n * (1 - over)
	})
	inherent = min(max(lost/passed, 0.001), 0.5)
	m.each(func(o *lossInterval, weight float64) {
		p := inherent + (1-inherent)*excess(float64(o.bitrate), limit)
		p = min(p, 0.99)
		log += weight * (float64(o.lost)*math.Log(p) + float64(o.packets-o.lost)*math.Log(1-p))
	})
	return log, inherent
}

// each calls f with the last intervals, the newest first.
func (m *lossModel) each(f func(o *lossInterval, weight float64)) {
	weight := 1.0
	for i := m.count - 1; i >= max(0, m.count-lossMemory); i-- {
		f(&m.ring[i%lossMemory], weight)
		weight *= lossFade
	}
}

// excess is what share of a bitrate is over a limit.
func excess(bitrate, limit float64) float64 {
	if limit <= 0 || bitrate <= limit {
		return 0
	}
	return 1 - limit/bitrate
}
