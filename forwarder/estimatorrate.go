package forwarder

import "time"

// rateControl is the estimate, as delay, loss and probes move it.
type rateControl struct {
	estimate   float64
	known      bool
	limit      Limit
	acked      float64 // what arrived in about the last second
	sent       float64 // what was sent in the same time
	capacity   float64 // what arrived when the network was last seen busy; 0: it never was
	capacityAt int64
	carried    float64    // what arrived when the estimate was last lowered
	carriedAt  int64      // when that was; 0: never
	most       [2]float64 // that arrived in this mostTime and the one before
	turn       int64      // when the next begins
	narrow     float64    // what arrived when more was sent; 0: it never was
	narrowAt   int64
	aloneAt    int64   // when a probe showed that nobody else uses the bottleneck; 0: never
	before     float64 // the estimate before it was lowered for a queue that stays long
	proven     int64   // when the estimate was last tried
	full       fullQueue
	congested  int64 // when a queue last grew
	raised     int64 // up to which groups the estimate was raised
}

const (
	ackedTime = 800_000 // µs
	busyTime  = 200_000 // µs that the bitrate of a busy bottleneck is measured over

	// A growing queue lowers the estimate to busyShare of what arrives; to
	// fullShare if less than fullExcess more was sent: the link is just full, unless a
	// decrease before the last in vain takes it for others'. Where
	// less than mildExcess more was sent, it is lowered by no more than mildStep.
	busyShare  = 0.9
	fullShare  = 0.95
	fullExcess = 1.05
	mildExcess = 1.15
	mildStep   = 0.8

	// leftShare of what arrived in the last second is left by one such decrease: a burst of
	// somebody else fills a queue as fast as a bottleneck that became far narrower, which busy
	// runs and losses tell.
	leftShare = 0.5

	// Without congestion the estimate rises by growFast a second; by growSlow
	// between nearLow and nearHigh of the capacity that was seen, by growFull from
	// nearFull on, and not above that at all while that is younger than fullLife.
	// More than ackedFactor times what arrived is not known to fit.
	growFast    = 0.10
	growSlow    = 0.03
	growFull    = 0.003
	nearLow     = 0.85
	nearFull    = 0.97
	nearHigh    = 1.3
	fullLife    = 20_000_000 // µs
	ackedFactor = 1.5
	ackedSpare  = 10_000 // bits per second

	// provenTime without a queue that grows shows that all that arrived in it fits.
	provenTime = 1_000_000 // µs

	// lightShare of the most that arrived in the last mostTime or two makes no queue.
	lightShare = 0.15
	mostTime   = 15_000_000 // µs

	// vainCuts decreases that do not shorten a queue show that it is others'. narrowCuts do
	// where little is sent, but more than narrowShare of what arrived of more in the last
	// narrowLife: a link may have become a tenth of what it was.
	vainCuts    = 2
	narrowCuts  = 1
	narrowShare = 0.9
	narrowLife  = 5_000_000 // µs

	// A probe of more than aloneMore times what arrived before, of which no more than aloneGain
	// times that arrives, shows for aloneLife that nobody else uses the bottleneck.
	aloneMore = 1.3
	aloneGain = 1.25
	aloneLife = 15_000_000 // µs

	// A queue that lowered the estimate is waited for fullMost at most.
	fullMost = 500_000 // µs

	// For lastingTime after the estimate was lowered fullShare of what arrived then is known to
	// last: by its end the queue is short, or the estimate was lowered again.
	lastingTime = 3_000_000 // µs

	growStep = 200_000 // µs that it rises for at once, at most

	// Capacities seen within sameLife and nearer than sameLow to sameHigh times
	// each other are averaged.
	sameLife = 60_000_000 // µs
	sameLow  = 0.8
	sameHigh = 1.25
)

// adjust moves the estimate by what the delay of the group at i says.
func (e *Estimator) adjust(i int, c congestion) {
	p := e.groups.at(i)
	if p.delay == noDelay {
		return
	}
	r := &e.rate
	r.acked, r.sent = e.groups.arriving(i, ackedTime), e.groups.sending(i, ackedTime)
	if p.start-e.groups.at(e.groups.oldest()).start >= ackedTime { // over less, a keyframe's burst seems a bitrate
		r.remember(p.start)
	}
	if c == congestionGrowing {
		r.congested = p.start
	}
	switch c {
	case congestionGrowing:
		e.lower(i)
	case congestionNone:
		if !e.delay.contended && e.delay.cuts == 0 {
			r.before = 0 // the queue is short
		}
		e.raise(p.start)
	case congestionQueued:
		r.raised = p.start
	case congestionVain:
		e.set(max(r.estimate, r.regain(e.now)))
	}
}

// remember notes what arrived by now.
func (r *rateControl) remember(now int64) {
	if now > r.turn {
		r.most, r.turn = [2]float64{0, r.most[0]}, now+mostTime
	}
	r.most[0] = max(r.most[0], r.acked)
}

// light is a bitrate so far below what arrived lately that no queue comes of it.
func (r *rateControl) light() float64 { return lightShare * max(r.most[0], r.most[1]) }

// lower takes the estimate below what a busy bottleneck delivers.
func (e *Estimator) lower(i int) {
	r := &e.rate
	if e.delay.cuts <= 1 {
		r.before = r.estimate
	}
	over := int64(busyTime)
	if e.delay.cuts > 0 {
		over = ackedTime // the queue was as long all the while, and some pictures are large
	}
	arriving, sent := e.groups.arriving(i, over), e.groups.sending(i, over)
	target := busyShare * arriving
	if sent < fullExcess*arriving && e.delay.cuts < vainCuts {
		target = fullShare * arriving
	}
	if sent < mildExcess*arriving {
		target = max(target, mildStep*r.estimate)
	}
	target = max(target, leftShare*r.acked)
	e.delay.since = e.now
	r.overfilled(arriving, sent, e.now)
	e.cut(target, arriving, LimitDelay)
}

// A fullQueue is one that lowered the estimate.
type fullQueue struct {
	at     int64 // until when what had to be sent kept it full; 0: there was none
	length int64 // then, µs
}

// Wait returns how long it takes from now until the queue that lowered the estimate is half
// as long, where there is one: what is sent before that arrives no sooner, and may be lost.
func (e *Estimator) Wait(now time.Time) time.Duration {
	e.step(now)
	q := &e.rate.full
	if q.at == 0 || e.now-q.at > q.length+fullMost {
		return 0
	}
	sent := 0.0
	for i := e.groups.count - 1; i >= e.groups.oldest() && e.groups.at(i).start >= q.at; i-- {
		sent += float64(e.groups.at(i).sent * 8)
	}
	left := q.length/2 - (e.now - q.at) + int64(sent*1e6/e.rate.estimate)
	return time.Duration(min(max(left, 0), fullMost)) * time.Microsecond
}

// cut lowers the estimate to target, if it is above, since the network carries no more
// than capacity. Nothing is known to fit until what is sent from now on is heard of.
func (e *Estimator) cut(target, capacity float64, limit Limit) {
	r := &e.rate
	if e.probe.starved { // what is sent can be no less
		target = max(target, mildStep*r.estimate, r.acked)
	}
	if target < r.estimate {
		e.set(target)
		r.limit = limit
	}
	r.busy(capacity, e.now)
	if e.delay.queue > longQueue {
		r.full = fullQueue{e.now + groupTime, int64(1000 * e.delay.queue)}
	}
	r.carried, r.carriedAt = capacity, e.now
	r.known, r.raised, r.proven = true, e.now, e.now
	e.probe.lowered(e.now, r.estimate, e.delay.contended)
}

// raise lets the estimate rise up to a group sent at start.
func (e *Estimator) raise(start int64) {
	r := &e.rate
	elapsed := float64(min(max(start-r.raised, 0), growStep)) / 1e6
	if r.raised == 0 {
		elapsed = 0
	}
	r.raised = max(r.raised, start)
	if !r.known {
		if c := &e.probe.cluster; c.running || c.waiting {
			return // its result will be better
		}
		r.known, r.limit = true, LimitApplication
	}
	next := r.estimate * (1 + elapsed*e.growth())
	ended := e.loss.massAt > 0 && start-e.loss.massAt > provenTime                // mass loss did, so that it was none
	passed := start-e.loss.lossAt > provenTime && r.acked > mildExcess*r.estimate // loss did: a burst of somebody else
	if start-r.congested > provenTime && (r.limit != LimitLoss || ended || passed) {
		next = max(next, r.acked) // that much was carried and nobody waited
	}
	if next = min(next, ackedFactor*r.acked+ackedSpare); next > r.estimate {
		e.set(next)
	}
}

// growth is by how much the estimate rises in a second.
func (e *Estimator) growth() float64 {
	r := &e.rate
	near := r.capacity > 0 && nearLow*r.capacity < r.estimate && r.estimate < nearHigh*r.capacity
	switch {
	case !near:
		return growFast
	case r.estimate <= nearFull*r.capacity || e.delay.contended || e.now-r.capacityAt > fullLife:
		return growSlow
	case r.estimate <= r.capacity:
		return growFull
	}
	return 0
}

// cutsFor is how many decreases in vain show that a queue is others', while so much is sent:
// none where no queue comes of that, since far more arrived lately and a bottleneck that lets
// through less was not seen just before.
func (r *rateControl) cutsFor(sent float64, now int64) int {
	switch {
	case sent == 0 || sent >= r.light() || r.alone(now):
		return vainCuts
	case r.narrow > 0 && now-r.narrowAt < narrowLife && sent > narrowShare*r.narrow:
		return narrowCuts
	}
	return 0
}

// tried takes what came of a probe. A bottleneck that is ours alone lets through what it did
// before, one that others use too a larger share of more.
func (r *rateControl) tried(sent, arrived float64, now int64) {
	if sent > aloneMore*r.acked && arrived < aloneGain*r.acked {
		r.aloneAt = now
	}
}

// alone tells whether nobody else is known to use the bottleneck.
func (r *rateControl) alone(now int64) bool { return r.aloneAt > 0 && now-r.aloneAt < aloneLife }

// regain is what the estimate was before it was lowered in vain. What arrived before the
// bottleneck became ours alone, and far narrower, says nothing.
func (r *rateControl) regain(now int64) float64 {
	if r.alone(now) {
		return r.before
	}
	return max(r.before, r.light())
}

// overfilled notes that less arrives than is sent, if so.
func (r *rateControl) overfilled(arriving, sent float64, now int64) {
	if sent > mildExcess*arriving {
		r.narrow, r.narrowAt = arriving, now
	}
}

// busy notes what the network carried while it was busy.
func (r *rateControl) busy(bitrate float64, now int64) {
	if sameLow*r.capacity < bitrate && bitrate < sameHigh*r.capacity && now-r.capacityAt < sameLife {
		bitrate = (r.capacity + bitrate) / 2
	}
	r.capacity, r.capacityAt = bitrate, now
}
