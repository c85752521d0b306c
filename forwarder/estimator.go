package forwarder

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// EstimatorConfig bounds an [Estimator]. All bitrates are bits per second on the wire;
// a zero field has its default.
type EstimatorConfig struct {
	Start int64 // what is assumed at first
	Min   int64 // the least estimate
	Max   int64 // the greatest
}

// A Limit says what bounds an estimate.
type Limit uint8

// What may bound an estimate.
const (
	LimitUnknown     Limit = iota // nothing was measured yet
	LimitNone                     // the greatest estimate the configuration allows
	LimitApplication              // more was never sent, so that more is not known to fit
	LimitDelay                    // a queue grew where more was sent
	LimitLoss                     // packets were lost where more was sent
	LimitReceiver                 // the subscriber asked for no more (REMB)
)

// An Estimator says what a subscriber's network carries, from what was sent to it and
// what it reports. It is pure: the time is an argument, in order, and of what steps
// back the latest seen is taken. It is not safe for concurrent use.
type Estimator struct {
	cfg   EstimatorConfig
	epoch time.Time
	now   int64 // µs since epoch

	sent    estimatedSent
	groups  packetGroups
	arrival arrivalClock
	delay   delayTrend
	loss    lossModel
	rate    rateControl
	probe   prober
	backlog float64 // bits ahead at a bottleneck as fast as the estimate, at backAt
	backAt  int64   // µs
	perBit  float64 // backlogUnits a bit takes at the estimate
	highest uint64  // number of the newest packet that arrived
	heard   int64
	rtt     int64 // µs, 0: unknown
	late    int
	lateAt  int64
}

// NewEstimator returns an estimator that knows nothing yet.
func NewEstimator(cfg EstimatorConfig) *Estimator {
	if cfg.Min <= 0 {
		cfg.Min = leastBitrate
	}
	if cfg.Max <= 0 {
		cfg.Max = mostBitrate
	}
	if cfg.Start <= 0 {
		cfg.Start = startBitrate
	}
	e := &Estimator{cfg: cfg}
	e.setRate(float64(cfg.Start))
	return e
}

func (e *Estimator) setRate(r float64) {
	r = min(max(r, float64(e.cfg.Min)), float64(e.cfg.Max))
	e.rate.estimate = r
	e.perBit = 1e6 / backlogUnit / r / 1.05
}

func (e *Estimator) step(now time.Time) {
	if e.epoch.IsZero() {
		e.epoch = now
	}
	e.now = max(e.now, int64(now.Sub(e.epoch)/time.Microsecond))
}

// Sent says ...
func (e *Estimator) Sent(now time.Time, number uint16, size int, probe bool) {
	e.step(now)
	size = min(size, packetSize)
	if size <= 0 {
		return
	}
	e.backlog = max(0, e.backlog-float64(e.now-e.backAt)*1e-6*e.rate.estimate*1.05) + float64(size*8)
	e.backAt = e.now
	units := min(e.backlog*e.perBit, 250_000/backlogUnit)
	if !e.sent.put(number, estimatedPacket{uint32(e.now), uint16(units), uint16(size)}) {
		return
	}
	n := e.sent.next - 1
	e.groups.add(n, e.now, size)
	if n == 1<<16+uint64(number) && e.probe.starts == 0 && e.groups.count == 1 {
		e.startProbe(false)
	}
	if probe {
		e.groups.at(e.groups.count - 1).probing = true
	}
	if e.probe.c.running {
		e.probe.c.note(n, e.now, size)
	}
}

// Feedback takes
func (e *Estimator) Feedback(now time.Time, body []byte) bool {
	f, ok := parseTransportFeedback(body)
	if !ok {
		return false
	}
	e.step(now)
	e.heard = e.now
	if number, ok := e.sent.extend(f.base); ok {
		e.report(&f, number)
		e.evaluate()
	}
	return true
}

func (e *Estimator) report(f *transportFeedback, number uint64) {
	at := e.arrival.time(f.reference)
	deltas := f.deltas
	left := int(f.count)
	for chunks := f.chunks; len(chunks) > 0; chunks = chunks[2:] {
		c := binary.BigEndian.Uint16(chunks)
		k, _, _ := chunkSize(c, left)
		left -= k
		if c>>13 == 0 {
			lo := max(number, e.sent.next-min(e.sent.next, uint64(len(e.sent.records))))
			for n := lo; n < min(number+uint64(k), e.sent.next); n++ {
				e.missing(n)
			}
			number += uint64(k)
			continue
		}
		for i := range k {
			_, s := statusChunk(c, uint16(i))
			switch s {
			case notReceived:
				e.missing(number)
			case smallDelta:
				at += int64(deltas[0]) * deltaTime
				deltas = deltas[1:]
				e.arrived(number, at)
			case largeDelta:
				at += int64(int16(binary.BigEndian.Uint16(deltas))) * deltaTime
				deltas = deltas[2:]
				e.arrived(number, at)
			}
			number++
		}
	}
}

func (e *Estimator) missing(n uint64) {
	r := e.sent.get(n)
	if r == nil || r.size&^packetSize != 0 {
		return
	}
	if g := e.groups.find(n); g != nil {
		g.missing++
		if r.backlog > 40_000/backlogUnit {
			g.excused++
		}
		if r.backlog > 10_000/backlogUnit {
			e.probe.hintQ += float64(r.backlog) * backlogUnit / 1000
		}
		g.atLoss += (e.delay.last - e.delay.least()) >> 6
		g.lost += uint32(r.size)
	}
	if e.probe.c.covers(n) {
		e.probe.c.gone += int(r.size)
	}
	r.size |= packetMissing
}

func (e *Estimator) arrived(n uint64, at int64) {
	r := e.sent.get(n)
	if r == nil || r.size&packetArrived != 0 {
		return
	}
	size := r.size & packetSize
	if r.size&packetMissing != 0 && e.probe.c.covers(n) {
		e.probe.c.gone -= int(size)
	}
	g := e.groups.find(n)
	if g != nil {
		if r.size&packetMissing != 0 {
			if r.backlog > 40_000/backlogUnit {
				g.excused--
			}
			g.atLoss -= g.atLoss / int32(g.missing)
			e.late = min(max(e.late, e.delay.done-e.groups.hint+1), 6)
			e.lateAt = e.now
			g.missing--
			g.lost -= uint32(size)
		}
		g.here++
	}
	r.size = size | packetArrived
	sent := e.now - int64(uint32(e.now)-r.at)
	d := e.delay.delay(sent, at)
	if g != nil {
		g.low = min(g.low, d-int32(r.backlog)*backlogUnit)
		g.raw = min(g.raw, d)
		if r.backlog > 10_000/backlogUnit {
			e.probe.hintB += float64(r.backlog) * backlogUnit / 1000
			e.probe.hintQ += float64(d-e.delay.least()) / 1000
		}
		g.atAll += (d - e.delay.least()) >> 6
		g.arrived = max(g.arrived, at)
	}
	e.highest = max(e.highest, n)
	if rtt := e.now - sent; e.rtt == 0 || rtt < e.rtt {
		e.rtt = rtt
	}
	if c := &e.probe.c; c.covers(n) {
		c.heard(sent, at, d, int(size))
	}
}

type arrivalClock struct {
	started   bool
	reference int32
	at        int64
}

func (c *arrivalClock) time(reference int32) int64 {
	if c.started {
		c.at += int64((reference-c.reference)<<8>>8) * referenceTime
	}
	c.started, c.reference = true, reference
	return c.at
}

func (e *Estimator) evaluate() {
	for e.delay.done+1 < e.groups.count && e.groups.at(e.delay.done+1).first <= e.highest {
		i := e.delay.done
		e.delay.done++
		if i < e.groups.oldest() {
			continue
		}
		e.delay.evaluate(&e.groups, i)
		e.probe.hint(e.now)
		if e.late > 0 && e.now-e.lateAt > 10_000_000 {
			e.late--
			e.lateAt = e.now
		}
		e.adjust(i)
		for j := e.loss.done; j <= i-2-e.late; j++ {
			e.loss.done = j + 1
			if j >= e.groups.oldest() && e.loss.add(&e.groups, j, e.delay.least(), e.rate.estimate) {
				e.judge(i)
			}
		}
	}
	c := &e.probe.c
	if c.waiting && (e.highest > c.last || e.now-c.end > max(2*e.rtt, 500_000)) {
		e.concluded()
	}
}

// throughput over at least elapsed µs of arrival up to group i
func (e *Estimator) throughput(i int, least int64, since int64) float64 {
	g := &e.groups
	to := i
	if g.at(to).low == noDelay {
		return 0
	}
	best := 0.0
	for j := to - 1; j >= g.oldest(); j-- {
		if g.at(j).low == noDelay {
			continue
		}
		b, el := g.span(j, to)
		if el <= 0 {
			continue
		}
		best = float64(b*8) / float64(el) * 1e6
		if el >= least {
			break
		}
	}
	return best
}

// sending is the rate that was sent at over the same.
func (e *Estimator) sending(i int, least int64) float64 {
	g := &e.groups
	bytes := int64(0)
	end := g.at(i).start + groupTime
	if i+1 < g.count {
		end = g.at(i + 1).start
	}
	for j := i; j >= g.oldest(); j-- {
		bytes += int64(g.at(j).sent)
		if el := end - g.at(j).start; el >= least {
			return float64(bytes*8) / float64(el) * 1e6
		}
	}
	return 0
}

func (e *Estimator) adjust(i int) {
	p := e.groups.at(i)
	if p.low == noDelay {
		return
	}
	r := &e.rate
	r.acked = e.throughput(i, 800_000, 0)
	switch e.delay.usage {
	case usageOver:
		a := e.throughput(i, 200_000, 0)
		if e.delay.cuts <= 1 {
			r.before = r.estimate
		}
		r.busy(a, e.now)
		n := 0.9 * a
		sent := e.sending(i, 200_000)
		if sent < 1.05*a {
			n = 0.95 * a
		}
		if sent < 1.15*a {
			n = max(n, 0.8*r.estimate)
		}
		if n < r.estimate {
			e.setRate(n)
			r.limit = LimitDelay
		}
		r.known = true
		r.decreased = e.now
		r.increased = e.now
		e.delay.since = e.now
		e.probe.lowered(e.now, e.rate.estimate, e.delay.contended)
	case usageNormal:
		if r.increased == 0 {
			r.increased = p.start
		}
		dt := float64(min(max(p.start-r.increased, 0), 200_000)) / 1e6
		r.increased = max(r.increased, p.start)
		if !r.known && !e.probe.c.running && !e.probe.c.waiting {
			r.known = true
		}
		f := 1 + 0.1*dt
		if r.capacity > 0 && r.estimate > 0.85*r.capacity && r.estimate < 1.3*r.capacity {
			f = 1 + 0.03*dt
			if r.estimate > 0.97*r.capacity && !e.delay.contended && e.now-r.capacityAt < 20_000_000 {
				f = 1 + 0.003*dt
				if r.estimate > r.capacity {
					f = 1
				}
			}
		}
		if n := min(r.estimate*f, 1.5*r.acked+10_000); n > r.estimate && r.known {
			e.setRate(n)
		}
	case usageVain:
		e.setRate(max(r.estimate, r.before))
	case usageHigh:
		r.increased = p.start
	}
}

func (e *Estimator) judge(i int) {
	m := &e.loss
	f := m.recent
	n := float64(max(1, m.lastPackets))
	evidence := m.qLow > 5+2*e.delay.noise ||
		m.lastLost >= 3 && m.qLoss > max(1.5*m.qAll, m.qAll+4+e.delay.noise)
	m.evidence = evidence
	p := m.inherent
	if f <= p+0.02+2*math.Sqrt(p*(1-p)/n) {
		if !evidence || f < p {
			m.inherent += 0.2 * (f - p)
		}
		return
	}
	a := e.throughput(i, 300_000, 0)
	target := 0.0
	if evidence {
		target = 0.95 * a
	} else {
		none, q := m.likelihood(0)
		none += 4 - n*max(0, q-0.15)
		for _, c := range [...]float64{a, a * 0.95, 0.9 * a} {
			if ll, _ := m.likelihood(c); ll > none {
				none, target = ll, c
			}
		}
		if target == 0 {
			m.inherent += 0.3 * (f - p)
			return
		}
	}
	r := &e.rate
	least := min(0.85, max(0.4, 1-1.5*f))
	if target = max(target, least*r.estimate); target < r.estimate {
		e.setRate(target)
		r.limit = LimitLoss
		r.busy(a, e.now)
		r.decreased, r.increased = e.now, e.now
		e.probe.lowered(e.now, r.estimate, e.delay.contended)
	}
	m.since = e.now
}

// REMB takes
func (e *Estimator) REMB(now time.Time, bitrate int64) {}

// Reception takes
func (e *Estimator) Reception(now time.Time, fractionLost uint8, rtt time.Duration) {}

// Estimate returns
func (e *Estimator) Estimate() int64 {
	if !e.rate.known {
		return 0
	}
	r := e.rate.estimate
	if t := &e.delay; !t.contended && t.excess > 60 {
		r *= 1 - 0.3*min(1, (t.excess-60)/440)
	}
	return int64(max(r, float64(e.cfg.Min)))
}

// Limit says what bounds the estimate.
func (e *Estimator) Limit() Limit { return e.rate.limit }

// Want says
func (e *Estimator) Want(bitrate int64) { e.probe.want = float64(bitrate) }

// Probe returns
func (e *Estimator) Probe(now time.Time) (bytes int, ok bool) {
	e.step(now)
	p := &e.probe
	c := &p.c
	if c.running && e.now >= c.end {
		c.running, c.waiting = false, c.sent > 0
	}
	e.probeDue()
	if !c.running {
		return 0, false
	}
	due := int(c.rate/8*float64(e.now-c.start+5000)/1e6) - c.sent
	if due < 200 {
		return 0, false
	}
	return due, true
}

// Deadline returns
func (e *Estimator) Deadline() time.Time {
	p := &e.probe
	switch {
	case p.c.running:
		return e.epoch.Add(time.Duration(e.now+5000) * time.Microsecond)
	case p.c.waiting || p.want <= probeWorth*e.rate.estimate:
		return time.Time{}
	}
	return e.epoch.Add(time.Duration(max(p.next, e.now)) * time.Microsecond)
}

// Pace returns
func (e *Estimator) Pace(keyframe int) int64 {
	if !e.rate.known || e.rate.limit == LimitNone || e.rate.limit == LimitUnknown {
		return 0
	}
	r := 2.5 * e.rate.estimate
	if e.rate.limit != LimitDelay && e.rate.limit != LimitLoss {
		r = max(r, float64(keyframe)*8/0.04)
	}
	return int64(r)
}

// String returns the state in a line.
func (e *Estimator) String() string {
	p := &e.probe
	return fmt.Sprintf("est %5.0f lim %d ack %5.0f q %4.0f gr %4.0f nz %3.0f us %d con %d loss %.2f inh %.2f ev %d %.0f/%.0f/%.0f pr %v/%v/%v %.0f: %.0f>%.0f want %.0f cap %.0f fails %d hint %.0f/%.0f base %.0f", e.rate.estimate/1e3, e.rate.limit, e.rate.acked/1e3,
		e.delay.queue, e.delay.growth, e.delay.noise, e.delay.usage, b(e.delay.contended), e.loss.recent, e.loss.inherent, b(e.loss.evidence), e.loss.qLoss, e.loss.qAll, e.loss.qLow, b(p.c.running), b(p.c.waiting), b(p.c.short), p.c.rate/1e3, p.sendR/1e3, p.recvR/1e3, p.want/1e3, e.rate.capacity/1e3, p.fails, p.hintQ, p.hintB, float64(e.delay.least())/1000)
}

func b(x bool) int {
	if x {
		return 1
	}
	return 0
}
