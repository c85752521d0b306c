package forwarder

import "math"

// delayTrend tells from the delays of groups whether a queue grows at the bottleneck.
//
// What a delay is compared with is the least of the last baseTime or two, which follows
// a receiver's clock that drifts. What the sent packets themselves explain, were the
// bottleneck as fast as the estimate, is subtracted: a keyframe or a probe is no
// congestion. Networks only ever add to a delay, so the least of a group tells of the
// queue, whatever the jitter; how much these least delays leave a straight line is the
// noise that a growing queue must stand out from.
type delayTrend struct {
	known  bool
	origin int64    // what delays are counted from, µs between the two clocks
	base   [2]int32 // the least of this time and the one before, µs
	turn   int64    // when the next time begins
	last   int32    // delay seen last, µs

	noise  float64 // ms
	queue  float64 // of the last group, ms beyond the base
	usual  float64 // mean of that over the last seconds, or longer while it is more, ms
	excess float64 // of it what its backlog does not explain, ms
	growth float64 // of the excess over the last groups, but for its greatest step, ms

	since      int64   // groups that were sent before tell of what was before
	standing   int64   // since when the queue is long; 0: it is not
	standingAt float64 // how long it was then, ms
	cuts       int     // decreases since that did not shorten it
	contended  bool    // others keep it long
	saw        sawtooth
}

// congestion is what delay says of the bottleneck.
type congestion uint8

const (
	congestionNone    congestion = iota // nobody waits there for long
	congestionQueued                    // there is a queue: not the time to send more
	congestionGrowing                   // a queue grows, or is long and does not shrink
	congestionVain                      // a queue is long whatever is sent: others keep it so
)

const (
	baseTime = 15_000_000 // µs: once in that time everything sent has been delivered

	// clockJump is how far delays jump only when the receiver's clock does.
	clockJump = 10_000_000 // µs

	// A queue grows if it does by growthLeast ms and noiseFactor times the noise
	// over at most trendGroups groups, without its greatest step: that alone is a
	// change of route. To this is added explainedDoubt of what a backlog explains,
	// or othersDoubt of the queue where it is others'.
	growthLeast    = 10.0
	noiseFactor    = 3.0
	trendGroups    = 8
	fullLosses     = 4
	fullLoss       = 0.1 // of packets beside what is inherent: a queue is full
	explainedDoubt = 0.15
	othersDoubt    = 0.3

	// noiseMost bounds what one group adds to the noise, in ms; noiseFade is the
	// share of each in it.
	noiseMost = 20
	noiseFade = 1.0 / 16

	// More than usualFactor times the usual and usualLeast ms are more than usual;
	// the weight of a group in that is usualFade, of one that is more usualRare.
	usualFactor = 1.25
	usualLeast  = 5.0
	usualFade   = 1.0 / 64
	usualRare   = 1.0 / 1024

	// A queue of more than shortQueue ms and the noise is there, one of longQueue
	// must get shorter, by standingStep within standingTime; within half of it where
	// it is more than veryLongQueue.
	shortQueue    = 15.0
	longQueue     = 40.0
	veryLongQueue = 150.0
	standingStep  = 30.0
	standingTime  = 1_000_000 // µs
)

// of takes when a packet was sent and arrived, each on its own clock, and returns its
// delay counted from the origin.
func (t *delayTrend) of(sent, arrived int64) int32 {
	d := arrived - sent - t.origin
	if jump := d - int64(t.last); !t.known || jump > clockJump || jump < -clockJump {
		t.known, t.origin, t.turn = true, arrived-sent, sent+baseTime
		t.base = [2]int32{0, noDelay}
		d = 0
	}
	if sent > t.turn {
		t.base, t.turn = [2]int32{int32(d), t.base[0]}, sent+baseTime
	}
	t.last = int32(d)
	t.base[0] = min(t.base[0], t.last)
	return t.last
}

// beyond is how far a delay is above the base, µs.
func (t *delayTrend) beyond(d int32) int32 { return max(0, d-min(t.base[0], t.base[1])) }

// evaluate looks at the group at i, which is complete.
func (t *delayTrend) evaluate(g *packetGroups, i int, inherent float64, r *rateControl) congestion {
	p := g.at(i)
	if p.delay == noDelay {
		return congestionNone
	}
	t.trend(g, i, inherent)
	t.queue = float64(t.beyond(p.delay)) / 1000
	t.usual += (t.queue - t.usual) * t.usualShare()
	t.rebase(g, i)
	noise := noiseFactor * t.noise
	sent := g.sending(i, ackedTime)
	t.saw.add(p, t, sent, r.estimate*t.drain())
	if t.queue < shortQueue+5+noise {
		t.contended, t.cuts = false, 0
	}
	t.contended = t.contended || t.saw.others(p.start)
	switch {
	case t.growth > growthLeast+noise+t.doubt():
		t.standing = 0
		return congestionGrowing
	case t.contended:
		t.standing = 0
		return congestionNone
	case t.queue > longQueue+noise:
		return t.stand(p.start, r.cutsFor(sent, p.start))
	case t.queue > shortQueue+noise:
		t.standing = 0
		return congestionQueued
	}
	t.standing = 0
	return congestionNone
}

// more is what the queue must be longer than to be more than usual, ms: jitter adds to
// the least delay of few packets too.
func (t *delayTrend) more() float64 { return usualFactor*t.usual + usualLeast + 2*t.noise }

// usualShare is the weight of a group in what is usual.
func (t *delayTrend) usualShare() float64 {
	if t.queue > t.more() {
		return usualRare
	}
	return usualFade
}

// doubt is how much of a growth may be there for other reasons than are known, ms.
func (t *delayTrend) doubt() float64 {
	if t.contended {
		return othersDoubt * t.queue
	}
	return explainedDoubt * max(0, t.queue-t.excess)
}

// stand looks at a long queue, of a group sent at now: does it get shorter? After so many
// decreases that did not shorten it, it is others'.
func (t *delayTrend) stand(now int64, most int) congestion {
	shorter := t.queue < t.standingAt-standingStep-2*t.noise
	if t.standing == 0 || shorter || now < t.since {
		t.standing, t.standingAt = now, t.queue
	}
	patience := int64(standingTime)
	if t.queue > veryLongQueue {
		patience = standingTime / 2
	}
	if now-t.standing <= patience {
		return congestionQueued
	}
	t.standing, t.standingAt = now, t.queue
	if most == 0 && t.explained() {
		return congestionQueued // a probe
	}
	if t.cuts++; t.cuts <= most {
		return congestionGrowing
	}
	t.contended, t.cuts = true, 0
	return congestionVain
}

// explained tells whether most of the queue is what was sent.
func (t *delayTrend) explained() bool { return t.excess < t.queue/2 }

// trend measures how much the excess grew up to the group at i, and the noise.
func (t *delayTrend) trend(g *packetGroups, i int, inherent float64) {
	p := g.at(i)
	y := float64(t.beyond(p.excess)) / 1000
	least, step, last, count := y, 0.0, y, 1
	missing, all := int(p.missing), int(p.missing)+int(p.here)
	var before [trendGroups]int32 // least delays of the groups before, the newest first
	for j := i - 1; j >= g.oldest() && count < trendGroups; j-- {
		q := g.at(j)
		if q.delay == noDelay {
			continue
		}
		v := float64(t.beyond(q.excess)) / 1000
		if before[count-1] = q.excess; count == 2 {
			bend := float64(p.excess-2*before[0]+q.excess) / 2000
			t.noise += (min(math.Abs(bend), noiseMost) - t.noise) * noiseFade
		}
		if q.start < t.since || p.start-q.start > 2*trendGroups*groupTime {
			break
		}
		step = max(step, last-v)
		least, last = min(least, v), v
		missing, all = missing+int(q.missing), all+int(q.missing)+int(q.here)
		count++
	}
	if missing >= fullLosses && float64(missing) > (inherent+fullLoss)*float64(all) {
		step = 0 // the queue filled at once, and is full
	}
	t.growth, t.excess = y-least-step, y
}

const (
	// A route changed if all of settledGroups groups are settledStep µs and more
	// later than all of as many before, and nothing was lost.
	settledGroups = 5
	settledStep   = 15_000
)

// rebase moves the base when the way got longer all at once.
func (t *delayTrend) rebase(g *packetGroups, i int) {
	var delays [2*settledGroups + 1]int32
	n := 0
	for j := i; j >= g.oldest() && n < len(delays); j-- {
		q := g.at(j)
		if q.missing > 0 {
			return
		}
		if q.delay != noDelay {
			delays[n] = q.delay
			n++
		}
	}
	if n < len(delays) {
		return
	}
	least, most := span(delays[:settledGroups])
	_, before := span(delays[settledGroups:])
	step := least - before
	if step < settledStep || most-least > step/3 {
		return
	}
	t.base[0] += step
	if t.base[1] != noDelay {
		t.base[1] += step
	}
}

func span(delays []int32) (least, most int32) {
	least, most = delays[0], delays[0]
	for _, d := range delays {
		least, most = min(least, d), max(most, d)
	}
	return least, most
}

const (
	// While the excess of a queue is over drainLeast ms the estimate is lowered,
	// by drainMost at drainAll ms more.
	drainLeast = 60.0
	drainAll   = 440.0
	drainMost  = 0.3
)

// drain is what part of the estimate lets a long queue get shorter.
func (t *delayTrend) drain() float64 {
	if t.contended || t.excess <= drainLeast {
		return 1
	}
	return 1 - drainMost*min(1, (t.excess-drainLeast)/drainAll)
}
