package signaling

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// graveLife is how long a session that ended without a DELETE can still get one, see
// Reason.buried: OBS sends it right after DTLS was closed.
const graveLife = 5 * time.Second

// closers is how many sessions end at the same time when the node closes or tokens are
// revoked.
const closers = 32

// A table holds the sessions of a node: counts them, finds them by URL, and ends those
// that never connect.
type table struct {
	limits Limits
	sweep  sync.WaitGroup
	stop   chan struct{}

	// mu guards the fields below. It is taken after Session.mu, and never held while
	// a session ends.
	mu       sync.Mutex
	closed   bool
	live     map[string]*Session // by public id, reserved ones included
	ending   map[*Session]bool   // gone from live, what they hold not yet given back
	halfOpen map[*Session]bool   // of these, those not yet connected
	urls     map[string]*Session // those a URL finds, graves included
	graves   map[*Session]time.Time
	staying  int            // peers of ended sessions, see stays
	tally    map[string]int // live sessions by the key of their quotas
}

func newTable(l Limits) *table {
	t := &table{
		limits:   l,
		stop:     make(chan struct{}),
		live:     map[string]*Session{},
		ending:   map[*Session]bool{},
		halfOpen: map[*Session]bool{},
		urls:     map[string]*Session{},
		graves:   map[*Session]time.Time{},
		tally:    map[string]int{},
	}
	t.sweep.Go(t.sweepLoop)
	return t
}

// reserve counts the session against the caps, or returns a 503 or 429. Another one that
// is half-open may give way and end soon.
func (t *table) reserve(s *Session) error {
	t.mu.Lock()
	yielder, err := t.roomLocked(s)
	if err == nil {
		delete(t.halfOpen, yielder)
		t.live[s.public] = s
		t.halfOpen[s] = true
		t.countLocked(s)
	}
	t.mu.Unlock()
	if yielder != nil {
		yielder.End(Crowded)
	}
	return err
}

// room returns an error if reserve would return one now.
func (t *table) room(s *Session) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.roomLocked(s)
	return err
}

func (t *table) roomLocked(s *Session) (yielder *Session, err error) {
	switch {
	case t.closed:
		return nil, Closing()
	case len(t.live) >= t.limits.Sessions:
		return nil, nodeFull()
	}
	if err := t.withinLocked(s); err != nil {
		return nil, err
	}
	if len(t.halfOpen) < t.limits.HalfOpen {
		return nil, nil
	}
	if yielder = t.yielderLocked(s); yielder == nil {
		return nil, Overloaded("too-many-unconnected", "Too many sessions wait for their client to connect. Try again later.")
	}
	return yielder, nil
}

// publish lets the session's URL find it. It reports false if the session ended in the
// meantime.
func (t *table) publish(s *Session) bool {
	if s.ended() {
		return false
	}
	t.mu.Lock()
	t.urls[s.id] = s
	t.mu.Unlock()
	if !s.ended() {
		return true
	}
	t.mu.Lock() // its end may have looked before we added it
	delete(t.urls, s.id)
	t.mu.Unlock()
	return false
}

// lookup finds a live session or grave. The id alone is not enough: it must be asked
// for at the endpoint and stream it belongs to.
func (t *table) lookup(k Kind, stream, id string) *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.urls[id]
	if s == nil || s.kind != k || s.stream != stream {
		return nil
	}
	return s
}

func (t *table) connected(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.halfOpen, s)
}

// remove takes a session that ends out of the table, but for its grave. Call forget
// when it has ended.
func (t *table) remove(s *Session, reason Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, s.public)
	t.discountLocked(s)
	delete(t.halfOpen, s)
	t.ending[s] = true
	if reason.buried() && !t.closed && t.urls[s.id] == s && len(t.graves) < t.limits.HalfOpen {
		t.graves[s] = time.Now().Add(graveLife)
		return
	}
	delete(t.urls, s.id)
}

// forget notes that a removed session has given everything back.
func (t *table) forget(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.ending, s)
}

func (t *table) sweepLoop() {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case now := <-tick.C:
			for _, s := range t.overdue(now) {
				s.End(Unused)
			}
		}
	}
}

// overdue forgets old graves and returns the sessions that had time enough to connect.
func (t *table) overdue(now time.Time) []*Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, until := range t.graves {
		if now.After(until) {
			delete(t.graves, s)
			delete(t.urls, s.id)
		}
	}
	var late []*Session
	for s := range t.halfOpen {
		if now.Sub(s.created) >= t.limits.ConnectTimeout {
			late = append(late, s)
		}
	}
	return late
}

// close refuses new sessions, ends all there are and waits for their ends.
func (t *table) close() {
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	all := slices.AppendSeq(slices.Collect(maps.Values(t.live)), maps.Keys(t.ending))
	t.mu.Unlock()
	if first {
		close(t.stop)
	}
	t.sweep.Wait()
	endAll(all, Shutdown)
}

// endAll ends sessions, waits for their ends, and returns how many had not ended yet.
func endAll(sessions []*Session, reason Reason) int {
	work := make(chan *Session)
	var wg sync.WaitGroup
	var ended atomic.Int64
	for range min(closers, len(sessions)) {
		wg.Go(func() {
			for s := range work {
				if s.end(reason) {
					ended.Add(1)
				}
				<-s.done
			}
		})
	}
	for _, s := range sessions {
		work <- s
	}
	close(work)
	wg.Wait()
	return int(ended.Load())
}

// all returns the live sessions, reserved ones included.
func (t *table) all() []*Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.live))
}

// find returns the live session of a public id; nil if there is none.
func (t *table) find(public string) *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live[public]
}

// counts returns how many sessions live and how many of them are half-open.
func (t *table) counts() (live, halfOpen int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.live), len(t.halfOpen)
}
