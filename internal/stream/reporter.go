package stream

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// reportSlack is how late a publisher may hear what is due while nothing arrives at the
	// node. Else it is told on time: who serves does that in passing.
	reportSlack = 5 * time.Millisecond

	// longestSleep bounds how long the reporter looks away: as long as is between two
	// transport-wide feedbacks, which therefore never wake it.
	longestSleep = 80 * time.Millisecond

	// reportAgain is the least time between two looks at the same publisher.
	reportAgain = time.Millisecond
)

// A reporter tells the publishers of a registry what the core wants them to know, when it
// is due: reports, NACKs, requests for keyframes. A goroutine and a timer for each of
// them would wake up for each of those, which costs more than they do.
type reporter struct {
	wake   chan struct{} // capacity 1
	quit   chan struct{}
	done   sync.WaitGroup
	next   atomic.Int64 // when the first is due, Unix time in nanoseconds; far off: none is
	awakes atomic.Int64 // when the goroutine wakes by itself, likewise

	mu  sync.Mutex // guards due; taken last
	due deadlines[*Publication]

	running sync.Mutex // held for a round, by the goroutine or by who serves; guards out
	out     []byte
}

func newReporter() *reporter {
	r := &reporter{wake: make(chan struct{}, 1), quit: make(chan struct{})}
	r.noteLocked()
	r.done.Add(1)
	go r.run()
	return r
}

func (r *reporter) close() {
	close(r.quit)
	r.done.Wait()
}

// begin adds a publication, for which something is due at once.
func (r *reporter) begin(p *Publication) {
	r.mu.Lock()
	r.due.set(&p.due, time.Now())
	r.noteLocked()
	r.mu.Unlock()
	r.signal()
}

// end removes a publication. Its Source is not written to any more when end returns.
func (r *reporter) end(p *Publication) {
	r.running.Lock()
	defer r.running.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due.remove(&p.due)
	r.noteLocked()
}

// hurry brings a publication forward. Who delivered what made it hurry calls
// Registry.Serve, so nobody is woken unless nothing may arrive for too long.
func (r *reporter) hurry(p *Publication, at time.Time) {
	r.mu.Lock()
	if p.due.queued() && at.Before(p.due.at) {
		r.due.set(&p.due, at)
		r.noteLocked()
	}
	r.mu.Unlock()
	if at.Add(reportSlack).UnixNano() < r.awakes.Load() {
		r.signal()
	}
}

// noteLocked lets those who serve see whether there is anything to do.
func (r *reporter) noteLocked() {
	next := time.Now().Add(time.Hour)
	if len(r.due) > 0 {
		next = r.due[0].at
	}
	r.next.Store(next.UnixNano())
}

func (r *reporter) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) run() {
	defer r.done.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.quit:
			return
		case <-r.wake:
		case <-timer.C:
		}
		r.running.Lock()
		r.round()
		r.running.Unlock()
		timer.Reset(r.sleep())
	}
}

// sleep returns how long the goroutine may: those who serve come first.
func (r *reporter) sleep() time.Duration {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	d := time.Hour
	if len(r.due) > 0 {
		d = min(max(r.due[0].at.Sub(now), 0)+reportSlack, longestSleep)
	}
	r.awakes.Store(now.Add(d).UnixNano())
	return d
}

// serve makes a round if something is due, unless one is being made.
func (r *reporter) serve() {
	if time.Now().UnixNano() >= r.next.Load() && r.running.TryLock() {
		r.round()
		r.running.Unlock()
	}
}

// round tells everybody what is due. Called with running.
func (r *reporter) round() {
	now := time.Now()
	for p := r.take(now); p != nil; p = r.take(now) {
		rtt := p.src.RTT()
		var next time.Time
		r.out, next = p.tick(now, rtt, r.out[:0])
		if len(r.out) > 0 {
			_ = p.src.WriteRTCP(r.out) // lost feedback is sent again
		}
		if least := now.Add(reportAgain); next.Before(least) {
			next = least
		}
		r.hurry(p, next)
	}
}

// take returns a publication for which something is due, and puts it off.
func (r *reporter) take(now time.Time) *Publication {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.due) == 0 || r.due[0].at.After(now) {
		return nil
	}
	p := r.due[0].of
	r.due.set(&p.due, now.Add(time.Hour))
	r.noteLocked()
	return p
}
