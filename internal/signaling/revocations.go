package signaling

import (
	"errors"
	"sync"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// ErrTooManyRevocations refuses a revocation when the node keeps as many as it may. A
// retry helps once some of them are over.
var ErrTooManyRevocations = errors.New("signaling: too many revocations are in force")

// A revoked is what a revocation is about: "" stands for any.
type revoked struct{ issuer, id, subject, stream string }

// revocations are those in force at a node, in memory. The zero value has none.
type revocations struct {
	// mu guards the map.
	mu  sync.RWMutex
	all map[revoked]auth.Revocation
}

// add keeps a checked revocation. One about the same gives way, but nothing that it
// refused is allowed again before its time.
func (l *revocations) add(r auth.Revocation, now time.Time) error {
	key := keyOf(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	old, known := l.all[key]
	if !known && len(l.all) >= maxRevocations && l.sweepLocked(now) == 0 {
		return ErrTooManyRevocations
	}
	if l.all == nil {
		l.all = map[revoked]auth.Revocation{}
	}
	if known && now.Before(old.Until) {
		r = wider(r, old)
	}
	l.all[key] = r
	return nil
}

func keyOf(r auth.Revocation) revoked { return revoked{r.Issuer, r.ID, r.Subject, r.Stream} }

// remove forgets the one that is about the same, and reports whether there was one.
func (l *revocations) remove(r auth.Revocation) bool {
	key := keyOf(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.all[key]
	delete(l.all, key)
	return known
}

// wider joins two revocations about the same.
func wider(a, b auth.Revocation) auth.Revocation {
	if b.Until.After(a.Until) {
		a.Until = b.Until
	}
	if b.Before.IsZero() || !a.Before.IsZero() && b.Before.After(a.Before) {
		a.Before = b.Before
	}
	return a
}

// sweepLocked forgets what is over and returns how many that were.
func (l *revocations) sweepLocked(now time.Time) (swept int) {
	for key, r := range l.all {
		if !now.Before(r.Until) {
			delete(l.all, key)
			swept++
		}
	}
	return swept
}

// covers tells whether the grant may not be used for the stream any more: stream is ""
// for a use that is about none. It looks up what could be there, however many there are.
func (l *revocations) covers(g auth.Grant, stream string, now time.Time) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.all) == 0 {
		return false
	}
	for mask := range 16 {
		key := revoked{part(mask&1, g.Issuer), part(mask&2, g.ID), part(mask&4, g.Subject), part(mask&8, stream)}
		if r, ok := l.all[key]; ok && r.Covers(g, stream, now) {
			return true
		}
	}
	return false
}

func part(wanted int, s string) string {
	if wanted == 0 {
		return ""
	}
	return s
}

// list returns those in force, in no order.
func (l *revocations) list(now time.Time) []auth.Revocation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := make([]auth.Revocation, 0, len(l.all))
	for _, r := range l.all {
		if now.Before(r.Until) {
			list = append(list, r)
		}
	}
	return list
}
