package forwarder

import "time"

// An allocator chooses what a subscriber's video gets of what its network carries, once
// sound has its part. It steps down as soon as the network carries less than is sent, up
// when it carries more for a while, and later after each step up that did not last: on a
// steady line it must not swing. Where not even the least fits, video pauses and
// sound goes on.
type allocator struct {
	next    time.Time // when it looks again
	low     spell     // the current rung does not fit
	high    spell     // a better one fits
	starved spell     // none fits
	over    spell     // far more is sent than there is
	up      time.Time // of the last step up
	down    time.Time // of the last step down, or pause
	tried   time.Time // when a rung was tried without probes; at first, when it began
	penalty time.Duration
	paused  bool
	enc     *Encoding // the current rung's
	layer   layerID
}

// A spell is for how long something has held on end. The zero spell: it does not hold.
type spell struct{ since time.Time }

// of notes whether it holds now, and returns for how long it has; below 0 if it does not.
func (s *spell) of(now time.Time, holds bool) time.Duration {
	switch {
	case !holds:
		s.since = time.Time{}
		return -1
	case s.since.IsZero():
		s.since = now
	}
	return now.Sub(s.since)
}

// A budget is what there is for video, in bits per second.
type budget struct {
	limit int64 // what may be sent now
	keeps int64 // what a rung that is sent already may take: limit, or more where that is low for a moment
	spare int64 // what a better rung may take, with room left
	sends int64 // what is sent now
	waits bool  // video waits for a keyframe, and nothing says that the network is full
	blind bool  // there are no probes
}

// noLimit is a budget nobody reaches, while nothing is known; noBound is one that was measured.
const (
	noLimit = 1 << 40
	noBound = noLimit - 1
)

// choose returns the rung to send, -1 for none, and what would be needed for the best
// one, 0 if that is sent. l must not be empty.
func (a *allocator) choose(now time.Time, l ladder, fixed bool, b budget) (i int, want int64) {
	limit := b.limit
	i = l.find(a.enc, a.layer)
	switch {
	case fixed:
		i = len(l) - 1
		a.paused = false
	case i < 0:
		if limit == noLimit && l[len(l)-1].bitrate > 0 {
			limit = firstEstimate
		}
		i = max(l.fit(limit), 0)
		a.low, a.high = spell{}, spell{}
	case !a.trying(now, b):
		i = a.move(now, l, i, b)
	}
	if !fixed && !a.trying(now, b) {
		a.starve(now, &l[0], b)
	}
	if b.blind && !fixed {
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
	if i == 0 {
		a.low = spell{} // there is nothing less
	} else if a.tooMuch(now, &l[i], b.keeps) {
		a.low, a.high, a.down = spell{}, spell{}, now
		a.stumble(now, l[i].cost(), b)
		return max(min(l.fit(b.limit), i-1), 0)
	}
	better := l.ample(b.spare)
	if better > i && now.Sub(a.down) < leftFor && l[better].onlyFaster(&l[i]) && l.ample(b.spare-b.limit/leftMargin) < better {
		better = i // it was just given up, and would be again
	}
	hold := stepUpHold + a.penalty
	if better > i && l[better].begins {
		hold = a.penalty // less fits: its first keyframe will do
	}
	if a.high.of(now, better > i && a.low == spell{}) < hold {
		return i
	}
	a.high, a.up = spell{}, now
	return better
}

// tooMuch tells whether a rung takes far more than there is, or for a while a little more. A
// few large pictures are not more for a while.
func (a *allocator) tooMuch(now time.Time, r *rung, keeps int64) bool {
	far := r.cost()-r.cost()/stepDownMargin > keeps
	low := a.low.of(now, far || onWire(r.usual) > keeps)
	return far || low >= stepDownHold
}

// trying tells whether what was tried last is still on trial.
func (a *allocator) trying(now time.Time, b budget) bool {
	return b.blind && now.Sub(a.tried) < tryGrace
}

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
	a.tried, a.up, a.low, a.starved = now, now, spell{}, spell{}
	if a.paused {
		a.paused = false
		return 0
	}
	return i + 1
}

// stumble lengthens the wait for the next step up if the last one did not last: what it cost
// is over the limit. Where that fell far below after a while, the network is another one, and
// the step was right.
func (a *allocator) stumble(now time.Time, cost int64, b budget) {
	switch lasted := now.Sub(a.up); {
	case a.up.IsZero():
	case !b.blind && lasted >= stepHeld && b.limit < cost-cost/abruptMargin:
	case lasted < stepLasts || b.blind && lasted < tryGrace+stepLasts:
		a.penalty = min(max(2*a.penalty, leastPenalty), mostPenalty)
	case lasted > penaltyMemory:
		a.penalty = 0
	}
}

// starve pauses video where not even the least rung fits for a while, and ends the pause
// once it fits with some to spare.
func (a *allocator) starve(now time.Time, r *rung, b budget) {
	least := r.cost()
	if a.paused {
		a.paused = least == 0 || b.limit < least+least/stepUpMargin
		return
	}
	hungry := b.limit < least-least/starveMargin && !b.waits
	if a.starved.of(now, hungry) >= starvesFor(least, b) {
		a.paused, a.starved, a.down = true, spell{}, now
	}
}

// starvesFor is how long video goes on that does not fit.
func starvesFor(least int64, b budget) time.Duration {
	switch {
	case b.limit >= least/2:
		return starveHold
	case b.sends > floodFactor*b.limit:
		return 0 // most of it is lost, and of sound as much
	}
	return starveShort // nothing will make it fit
}

// squeeze tells whether video must stop until the track has reached its target: it has
// been sending far more than there is for a while, since the target's keyframe does
// not come, and sound would be lost with it.
func (a *allocator) squeeze(now time.Time, target int64, b budget) bool {
	much := b.sends > target && b.sends-b.sends/squeezeMargin > b.limit
	return a.over.of(now, much) >= squeezeHold || much && b.sends > floodFactor*b.limit
}

// forget lets go of what the last publisher sent.
func (a *allocator) forget() {
	a.enc, a.low, a.high, a.next = nil, spell{}, spell{}, time.Time{}
}
