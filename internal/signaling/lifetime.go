package signaling

import (
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// begin lets the session end when the grant it was made with says.
func (s *Session) begin() {
	s.mu.Lock()
	s.started = true
	s.setEndLocked(s.caller.grant.Ends(s.created))
	s.mu.Unlock()
	s.OnEnd(func(Reason) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.timer != nil {
			s.timer.Stop()
		}
	})
}

// setEndLocked lets the session end at a time; the zero Time stands for never.
func (s *Session) setEndLocked(end time.Time) {
	s.ends = end
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !end.IsZero() && s.reason == "" {
		s.timer = time.AfterFunc(time.Until(end), s.expire)
	}
}

// expire ends the session if its time has come: a timer that was stopped too late may
// still call.
func (s *Session) expire() {
	s.mu.Lock()
	early := s.ends.IsZero() || time.Now().Before(s.ends)
	s.mu.Unlock()
	if !early {
		s.End(Expired)
	}
}

// begun tells whether the session's POST has succeeded.
func (s *Session) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// renew lets the session live as long as another token of its subject says, counted from
// the session's beginning, if that is longer. The session belongs to both tokens then,
// and to no earlier one but that of its POST.
func (s *Session) renew(c caller) {
	s.mu.Lock()
	if s.reason != "" || c.token == (tokenHash{}) || c.token == s.caller.token || c.token == s.latest.token {
		s.mu.Unlock()
		return
	}
	s.latest = c
	end := c.grant.Ends(s.created)
	extended := !s.ends.IsZero() && (end.IsZero() || end.After(s.ends))
	if extended {
		s.setEndLocked(end)
	}
	s.mu.Unlock()
	if extended {
		s.log.Info("session", "event", "extended", "until", end)
	}
	if s.service.revocations.covers(c.grant, s.stream, time.Now()) { // since it was verified
		s.End(Revoked)
	}
}

// madeBy tells whether the token is that of the session's POST, or the last that renewed
// it.
func (s *Session) madeBy(token tokenHash) bool {
	s.mu.Lock()
	latest := s.latest.token
	s.mu.Unlock()
	return token.is(s.caller.token) || token.is(latest)
}

func (h tokenHash) is(other tokenHash) bool {
	return other != tokenHash{} && subtle.ConstantTimeCompare(h[:], other[:]) == 1
}

// sameSubject tells whether the grant is somebody's who the session belongs to.
func (s *Session) sameSubject(g auth.Grant) bool {
	own := s.caller.grant
	return own.Issuer == g.Issuer && own.Subject == g.Subject
}

// coveredBy tells whether a revocation is about a token the session belongs to.
func (s *Session) coveredBy(r auth.Revocation, now time.Time) bool {
	s.mu.Lock()
	latest := s.latest.grant
	s.mu.Unlock()
	return r.Covers(s.caller.grant, s.stream, now) || r.Covers(latest, s.stream, now)
}

// streamRevoked is the 403 for a stream that was taken from the token, or from all.
func streamRevoked(a auth.Action) *Problem {
	return NewProblem(http.StatusForbidden, "stream-revoked", "The right to use this stream was revoked.").
		with("WWW-Authenticate", challenge+insufficient+`, scope="`+string(a)+`"`)
}

// notRevoked tells whether the caller may still use the stream.
func (s *Service) notRevoked(c caller, a auth.Action, stream string) error {
	if s.revocations.covers(c.grant, stream, time.Now()) {
		return streamRevoked(a)
	}
	return nil
}
