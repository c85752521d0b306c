package signaling

import (
	"io"
	"time"
)

// OwnsPeer makes the session close its peer when it ends, after the steps of OnEnd. If another
// publisher took the name over before the peer was connected, the session has ended, but the peer
// is closed as soon as it is connected, or may not be any more: by DTLS alone a client that waits
// for its connection learns of it, and would else try until ICE gives up.
func (s *Session) OwnsPeer(c io.Closer) {
	s.mu.Lock()
	if s.reason == "" {
		s.peer = c
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.closes(c)
}

// closes closes what is the session's.
func (s *Session) closes(c io.Closer) {
	if err := c.Close(); err != nil {
		s.log.Debug("session", "event", "close-error", "error", err)
	}
}

// takePeer returns the peer to the caller who must close it; nil if there is none.
func (s *Session) takePeer() io.Closer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.peer
	s.peer = nil
	return c
}

// leave closes the peer, and tells that the session has ended: before that if the peer stays.
func (s *Session) leave(reason Reason, tell func()) {
	c := s.takePeer()
	s.mu.Lock()
	waits := c != nil && reason.told() && s.connected.IsZero() && s.started
	s.mu.Unlock()
	if waits && s.service.table.stays() {
		defer s.service.table.left()
		tell()
		s.untilUp()
		s.closes(c)
		return
	}
	if c != nil {
		s.closes(c)
	}
	tell()
}

// settle notes that the peer is connected, or never will be.
func (s *Session) settle() { s.settled.Do(func() { close(s.up) }) }

// untilUp waits until the peer is connected or fails, for as long as it may stay half-open.
func (s *Session) untilUp() {
	limit := time.NewTimer(time.Until(s.created.Add(s.service.limits.ConnectTimeout)))
	defer limit.Stop()
	select {
	case <-s.up:
	case <-limit.C:
	case <-s.service.table.stop:
	}
}

// told tells whether a client whose session ended for the reason learns it by its peer only.
func (r Reason) told() bool { return r == Replaced || r == Elsewhere }

// stays tells whether the peer of a session that ended before it was connected may stay a while.
// Those that do and those of half-open sessions are together as many as the latter may be. Call
// left when it has gone.
func (t *table) stays() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.halfOpen)+t.staying >= t.limits.HalfOpen {
		return false
	}
	t.staying++
	return true
}

func (t *table) left() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.staying--
}
