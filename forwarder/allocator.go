package forwarder

import "time"

// An allocator chooses what a subscriber's video gets of what its network carries, once
// sound has its part. It steps down as soon as the network carries less than is sent, up
// when it carries more for a while, and later after each step up that did not last: on a
// steady line it must not swing. Where not even the least fits, video pauses and
// sound goes on.
type allocator struct {
	next    time.Time // when it looks again
	low     time.Time // since when the current rung does not fit; zero: it does
	high    time.Time // since when a better one fits
	starved time.Time // since when none fits
	up      time.Time // of the last step up
	down    time.Time // of the last step down, or pause
	over    time.Time // since when far more is sent than there is
	penalty time.Duration
	paused  bool
	blind   bool      // there are no probes
	waits   bool      // video waits for a keyframe, and nothing says that the network is full
	tried   time.Time // when a rung was tried without them; at first, when it began
	enc     *Encoding // the current rung's
	layer   layerID
}

// A budget is what there is for video, in bits per second.
type budget struct {
	limit int64 // what may be sent now
	keeps int64 // what a rung that is sent already may take: limit, or more where that is low for a moment
	spare int64 // what a better rung may take, with room left
}

// noLimit is a budget nobody reaches, while nothing is known; noBound is one that was measured.
const (
	noLimit = 1 << 40
	noBound = noLimit - 1
)

// choose returns the rung to send, -1 for none, and what would be needed for the best
// one, 0 if that is sent. l must not be empty.
func (a *allocator) choose(now time.Time, l ladder, fixed bool, b budget, sends int64) (i int, want int64) {
	limit := b.limit
	i = l.find(a.enc, a.layer)
	switch {
	case fixed:
		i = len(l) - 1
		a.paused = false
	case i < 0:
		if limit == noLimit {
			limit = firstEstimate
		}
		i = max(l.fit(limit), 0)
		a.low, a.high = time.Time{}, time.Time{}
	case !a.trying(now):
		i = a.move(now, l, i, b)
	}
	if !fixed && !a.trying(now) {
		a.starve(now, l, limit, sends)
	}
	if a.blind && !fixed {
		i = a.try(now, l, i)
	}
	a.enc, a.layer = l[i].enc, l[i].layer
	switch {
	case a.paused:
		return -1, l[0].cost()
	case i+1 < len(l) && !fixed:
		return i, l[len(l)-1].cost()
	}
	return i, 0
}

// move steps from rung i to the one that fits.
func (a *allocator) move(now time.Time, l ladder, i int, b budget) int {
	if i > 0 && a.tooMuch(now, &l[i], b.keeps) {
		a.low, a.high, a.down = time.Time{}, time.Time{}, now
		a.stumble(now, l[i].cost(), b.limit)
		return max(min(l.fit(b.limit), i-1), 0)
	}
	better := l.ample(b.spare)
	if !a.low.IsZero() || better <= i {
		a.high = time.Time{}
		return i
	}
	if a.high.IsZero() {
		a.high = now
	}
	if now.Sub(a.high) < stepUpHold+a.penalty {
		return i
	}
	a.high = time.Time{}
	a.up = now
	return better
}

// tooMuch tells whether a rung takes far more than there is, or for a while a little more. A
// few large pictures are not more for a while.
func (a *allocator) tooMuch(now time.Time, r *rung, keeps int64) bool {
	far := r.cost()-r.cost()/stepDownMargin > keeps
	if !far && onWire(r.usual) <= keeps {
		a.low = time.Time{}
		return false
	}
	if a.low.IsZero() {
		a.low = now
	}
	return far || now.Sub(a.low) >= stepDownHold
}

// trying tells whether what was tried last is still on trial.
func (a *allocator) trying(now time.Time) bool { return a.blind && now.Sub(a.tried) < tryGrace }

// try goes a rung up, or ends a pause, where nothing can tell beforehand whether that
// fits: without a stream of retransmissions there are no probes.
func (a *allocator) try(now time.Time, l ladder, i int) int {
	if a.tried.IsZero() {
		a.tried = now
	}
	since := a.tried
	if a.down.After(since) {
		since = a.down
	}
	if now.Sub(since) < tryInterval+a.penalty || !a.paused && i == len(l)-1 {
		return i
	}
	a.tried, a.up, a.low, a.starved = now, now, time.Time{}, time.Time{}
	if a.paused {
		a.paused = false
		return 0
	}
	return i + 1
}

// stumble lengthens the wait for the next step up if the last one did not last: what it cost
// is over the limit. Where that fell far below after a while, the network is another one, and
// the step was right.
func (a *allocator) stumble(now time.Time, cost, limit int64) {
	switch lasted := now.Sub(a.up); {
	case a.up.IsZero():
	case !a.blind && lasted >= stepHeld && limit < cost-cost/abruptMargin:
	case lasted < stepLasts || a.blind && lasted < tryGrace+stepLasts:
		a.penalty = min(max(2*a.penalty, leastPenalty), mostPenalty)
	case lasted > penaltyMemory:
		a.penalty = 0
	}
}

// starve pauses video where not even the least fits for a while, and ends the pause
// once it fits with some to spare.
func (a *allocator) starve(now time.Time, l ladder, limit, sends int64) {
	least := l[0].cost()
	if a.paused {
		a.paused = limit < least+least/stepUpMargin
		return
	}
	if limit >= least-least/starveMargin || a.waits {
		a.starved = time.Time{}
		return
	}
	if a.starved.IsZero() {
		a.starved = now
	}
	hold := starveHold
	switch {
	case limit < least/2 && sends > floodFactor*limit:
		hold = 0 // most of it is lost, and of sound as much
	case limit < least/2:
		hold = starveShort // nothing will make it fit
	}
	if now.Sub(a.starved) >= hold {
		a.paused, a.starved, a.down = true, time.Time{}, now
	}
}

// squeeze tells whether video must stop until the track has reached its target: it has
// been sending far more than there is for a while, since the target's keyframe does
// not come, and sound would be lost with it.
func (a *allocator) squeeze(now time.Time, sends, target, limit int64) bool {
	if sends <= target || sends-sends/squeezeMargin <= limit {
		a.over = time.Time{}
		return false
	}
	if a.over.IsZero() {
		a.over = now
	}
	return now.Sub(a.over) >= squeezeHold || sends > floodFactor*limit
}

// forget lets go of what the last publisher sent.
func (a *allocator) forget() {
	a.enc, a.low, a.high, a.next = nil, time.Time{}, time.Time{}, time.Time{}
}
