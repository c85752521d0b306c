package forwarder

import (
	"encoding/binary"
	"time"
)

// Feedback takes the body of transport-wide feedback, which it does not keep: what is
// behind its RTCP header. It is false if it was malformed; then it was passed over.
// Packets it does not know of are passed over too.
func (e *Estimator) Feedback(now time.Time, body []byte) bool {
	f, ok := parseTransportFeedback(body)
	if !ok {
		return false
	}
	e.step(now)
	e.told = true // what is sent from now on is remembered long enough
	number, ok := e.sent.extend(f.base)
	if !ok || number+uint64(f.count) <= e.sent.oldest() {
		return true // all of it is forgotten: it says nothing, not even that somebody hears what is sent now
	}
	e.hear()
	e.report(&f, number)
	e.evaluate()
	return true
}

// report takes what feedback says of each packet, the first of which is number.
func (e *Estimator) report(f *transportFeedback, number uint64) {
	at, deltas := e.arrival.time(f.reference), f.deltas
	left := int(f.count)
	for chunks := f.chunks; len(chunks) > 0; chunks = chunks[2:] {
		chunk := binary.BigEndian.Uint16(chunks)
		n, size, _ := chunkSize(chunk, left)
		left -= n
		if size == 0 {
			e.missingRun(number, number+uint64(n))
			number += uint64(n)
			continue
		}
		for i := range n {
			switch _, symbol := statusChunk(chunk, uint16(i)); symbol {
			case notReceived:
				e.missing(number)
			case smallDelta:
				at += int64(deltas[0]) * deltaTime
				deltas = deltas[1:]
				e.arrived(number, at)
			default:
				at += int64(int16(binary.BigEndian.Uint16(deltas))) * deltaTime
				deltas = deltas[2:]
				e.arrived(number, at)
			}
			number++
		}
	}
}

// missingRun takes that the packets from one number up to another did not arrive. Only
// what is remembered is looked at, however long the run.
func (e *Estimator) missingRun(from, to uint64) {
	for n := max(from, e.sent.oldest()); n < min(to, e.sent.next); n++ {
		e.missing(n)
	}
}

// burstBacklog is how much must be ahead of a packet for its loss to say that a queue
// is short, not that too much is sent.
const burstBacklog = 40_000 / backlogUnit

// missing takes that a packet did not arrive, or not yet.
func (e *Estimator) missing(number uint64) {
	p := e.sent.get(number)
	if p == nil || p.size > packetSize {
		return
	}
	e.probe.lose(number, p)
	if g := e.groups.find(number); g != nil {
		g.missing++
		g.lost += uint32(p.size)
		g.atLosses += e.delay.beyond(e.delay.last) / delaySums
		if p.backlog > burstBacklog {
			g.behind++
			g.lacking++
		}
	}
	p.size |= packetMissing
}

// found takes back that a packet of a group is missing.
func (e *Estimator) found(number uint64, p *estimatedPacket, g *packetGroup) {
	e.probe.find(number, p)
	if g == nil || g.missing == 0 {
		return
	}
	g.atLosses -= g.atLosses / int32(g.missing)
	g.missing--
	g.lost -= uint32(p.size & packetSize)
	if p.backlog > burstBacklog {
		g.behind--
		g.lacking--
	}
	e.late = min(max(e.late, e.judged-e.groups.hint+1), lateMost)
	e.lateAt = e.now
}

// arrived takes when a packet arrived on the receiver's clock.
func (e *Estimator) arrived(number uint64, at int64) {
	p := e.sent.get(number)
	if p == nil || p.size&packetArrived != 0 {
		return
	}
	g := e.groups.find(number)
	if p.size&packetMissing != 0 {
		e.found(number, p, g)
	}
	p.size = p.size&packetSize | packetArrived
	sent := e.now - int64(uint32(e.now)-p.at)
	d := e.delay.of(sent, at)
	if number >= e.highest {
		e.highest, e.rtt = number, e.now-sent
	}
	if g != nil {
		g.here++
		if p.backlog > burstBacklog {
			g.behind++
		}
		g.delay = min(g.delay, d)
		g.excess = min(g.excess, d-int32(p.backlog)*backlogUnit)
		g.delays += e.delay.beyond(d) / delaySums
		g.arrived = max(g.arrived, at)
	}
	e.follow(number, p, at, d)
	e.probe.receive(number, p, sent, at, d, e.delay.beyond(d))
}

// lateMost bounds how many groups loss waits for packets that come out of order.
const lateMost = 6

// lateLife is how soon less is waited once none do any more.
const lateLife = 10_000_000 // µs

// evaluate looks at the groups that are complete: those behind which a packet arrived.
func (e *Estimator) evaluate() {
	for e.judged+1 < e.groups.count && !e.groups.at(e.judged+1).after(e.highest) {
		i := e.judged
		e.judged++
		if i < e.groups.oldest() {
			continue
		}
		e.congested = e.delay.evaluate(&e.groups, i, e.loss.inherent, &e.rate)
		e.adjust(i, e.congested)
		e.probe.compare(e.now)
		e.judgeLoss(i)
		if e.late > 0 && e.now-e.lateAt > lateLife {
			e.late, e.lateAt = e.late-1, e.now
		}
	}
	c := &e.probe.cluster
	if c.running && e.now >= c.end {
		e.endCluster() // nobody asked for its bytes
	}
	switch {
	case !c.waiting:
	case e.highest > c.last || e.highest == c.last && e.sent.next == c.last+1 || e.now-c.end > max(2*e.rtt, resultTime):
		e.conclude() // all of it was heard of, whether something was sent behind it or not
	case !e.rate.known && c.burst():
		e.anticipate()
	}
}

// An arrivalClock turns reference times, which wrap, to µs since the first.
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
