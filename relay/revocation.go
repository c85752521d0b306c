package relay

import (
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A Revocation is a revocation, or what is left of one that was taken back, as the nodes of
// a cluster tell it each other. Two about the same can be joined, in any order and however
// often: nodes that were apart agree when they have heard the same.
type Revocation struct {
	// Revocation has microseconds. If it was taken back, Until is how long that must be
	// remembered: until no node can have it in force any more.
	auth.Revocation

	// Made is when it was last made and Back when it was last taken back, in microseconds
	// of the cluster's clock, below 2^53; Back is 0 if it never was. Both only grow.
	Made, Back int64
}

// InForce tells whether it was not taken back since it was made.
func (r Revocation) InForce() bool { return r.Made >= r.Back }

// A subject is what a revocation is about.
type subject struct{ issuer, id, subject, stream string }

func (r Revocation) about() subject { return subject{r.Issuer, r.ID, r.Subject, r.Stream} }

// normal leaves out what cannot be told or does not matter.
func (r Revocation) normal() Revocation {
	r.Before, r.Until = fromMicros(micros(r.Before)), fromMicros(micros(r.Until))
	if !r.InForce() {
		r.Before = time.Time{}
	}
	return r
}

// same tells whether both say the same of the same.
func (r Revocation) same(o Revocation) bool {
	return r.about() == o.about() && r.Made == o.Made && r.Back == o.Back &&
		micros(r.Before) == micros(o.Before) && micros(r.Until) == micros(o.Until)
}

// join makes one of two about the same. What was made before the last taking back counts no
// more; of the rest nothing that either refuses is allowed.
func (r Revocation) join(o Revocation) Revocation {
	back := max(r.Back, o.Back)
	mine, others := r.Made >= back, o.Made >= back
	joined := r
	switch {
	case mine == others:
		joined.Before = wider(r.Before, o.Before)
		if o.Until.After(r.Until) {
			joined.Until = o.Until
		}
	case others:
		joined = o
	}
	joined.Made, joined.Back = max(r.Made, o.Made), back
	return joined.normal()
}

// wider returns which of two spares fewer tokens. The zero time spares none.
func wider(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && b.After(a) {
		return b
	}
	return a
}

// micros is a time as it is told, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

// A ledger is what is known of revocations. It is not safe for concurrent use; the zero
// ledger is empty.
type ledger struct{ all map[subject]Revocation }

// put joins what is known with r, and returns what is known then, whether that is news, and
// what was forgotten because there were too many.
func (l *ledger) put(r Revocation, now time.Time) (known Revocation, news bool, dropped []Revocation) {
	about := r.about()
	old, ok := l.all[about]
	known = r.normal()
	if ok && old.Until.After(now) {
		known = old.join(known)
	}
	if !known.Until.After(now) || ok && known.same(old) {
		return known, false, nil
	}
	if l.all == nil {
		l.all = map[subject]Revocation{}
	}
	l.all[about] = known
	return known, true, l.bound(now)
}

// bound forgets what is over, and then, while there are still too many, what is least
// needed.
func (l *ledger) bound(now time.Time) (dropped []Revocation) {
	if len(l.all) <= maxRevocations {
		return nil
	}
	for about, r := range l.all {
		if !r.Until.After(now) {
			delete(l.all, about)
		}
	}
	for len(l.all) > maxRevocations {
		least := l.least()
		delete(l.all, least.about())
		dropped = append(dropped, least)
	}
	return dropped
}

// least returns what ends first of those that were taken back, or else of all: that nobody
// may be let in too early matters more than that somebody is let in again.
func (l *ledger) least() (least Revocation) {
	first := true
	for _, r := range l.all {
		if first || r.lessNeeded(least) {
			least, first = r, false
		}
	}
	return least
}

func (r Revocation) lessNeeded(o Revocation) bool {
	if r.InForce() != o.InForce() {
		return o.InForce()
	}
	return r.Until.Before(o.Until)
}
