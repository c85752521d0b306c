package stream

import (
	"sync"
	"time"
)

const (
	// serveShare is the share of time, one in so many, that may go into serving on the
	// goroutine of a caller of Serve; serveSaved is how much unused time it may save up.
	serveShare = 4
	serveSaved = 10 * time.Millisecond
)

// Serve lets subscribers have what publishers pushed, and publishers what is due for
// them. Call it when all that arrived together has been pushed. A few subscribers are
// served right here: to wake a shard for them would cost more than they do. More of them,
// and any number once that takes a quarter of the time, are the shards'.
func (r *Registry) Serve() {
	r.serveSubscribers()
	r.reporter.serve()
}

func (r *Registry) serveSubscribers() {
	todo := int32(0)
	for _, s := range r.shards {
		todo += s.todo.Load()
	}
	if todo == 0 {
		return
	}
	here := todo <= crowd && r.inline.take()
	for _, s := range r.shards {
		if s.todo.Load() > 0 && !(here && s.serveNow()) {
			s.signal()
		}
	}
	if here {
		r.inline.give()
	}
}

// An allowance is time that callers may spend, one of them at a time.
type allowance struct {
	mu    sync.Mutex // held from take to give
	saved time.Duration
	since time.Time
}

// take tells whether there is time left; if so, give must follow.
func (a *allowance) take() bool {
	if !a.mu.TryLock() {
		return false
	}
	now := time.Now()
	a.saved = min(a.saved+now.Sub(a.since)/serveShare, serveSaved)
	a.since = now
	if a.saved <= 0 {
		a.mu.Unlock()
		return false
	}
	return true
}

// give ends what take began.
func (a *allowance) give() {
	now := time.Now()
	a.saved -= now.Sub(a.since)
	a.since = now
	a.mu.Unlock()
}
