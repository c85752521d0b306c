package signaling

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// An Info describes a session at one moment, without anything that is secret.
type Info struct {
	ID      string // public
	Kind    Kind
	Stream  string
	Issuer  string     // of the token in force; "" if it does not say
	Subject string     // the same
	Token   string     // its jti
	Address netip.Addr // of the client's POST; the zero Addr if nobody knows
	Agent   string     // what the client says it is, shortened; "" if it does not

	Created   time.Time
	Connected time.Time // first; zero: never yet
	Ends      time.Time // at the latest; zero: never by itself
}

// Revoke refuses from now on what r is about, and ends the sessions that were made with
// what it takes back. It returns when they have ended, with their number. An error is
// [ErrTooManyRevocations], or says what is wrong with r; nothing is revoked then.
//
// Revocations are kept in memory, up to a bound, until they are over. Other nodes learn
// of them by Config.Announce, this one of theirs by [Service.Learn].
func (s *Service) Revoke(r auth.Revocation) (ended int, err error) {
	ended, r, err = s.revoke(r, slog.LevelInfo)
	if err == nil && s.announce != nil {
		s.announce(r)
	}
	return ended, err
}

// Learn is Revoke for what another node has revoked, and Unrevoke for what it announced as
// over: nothing is announced again.
func (s *Service) Learn(r auth.Revocation) (ended int, err error) {
	if !r.Until.IsZero() && !r.Until.After(time.Now()) {
		s.revocations.remove(r)
		return 0, nil
	}
	ended, _, err = s.revoke(r, slog.LevelDebug)
	return ended, err
}

// Unrevoke ends the revocation that is about the same tokens, subject and stream as r, and
// reports whether there was one. Others that cover some of those tokens still do, and
// sessions that ended stay so. It is announced as a revocation that is over now.
func (s *Service) Unrevoke(r auth.Revocation) bool {
	if !s.revocations.remove(r) {
		return false
	}
	s.log.Info("revocation", "event", "taken-back", "jti", r.ID, "sub", r.Subject, "stream", r.Stream)
	if r.Until = time.Now(); s.announce != nil {
		s.announce(r)
	}
	return true
}

func (s *Service) revoke(r auth.Revocation, level slog.Level) (ended int, checked auth.Revocation, err error) {
	now := time.Now()
	if r, err = r.Check(now); err != nil {
		return 0, r, err
	}
	if err := s.revocations.add(r, now); err != nil {
		return 0, r, err
	}
	var hit []*Session
	for _, session := range s.table.all() {
		if session.coveredBy(r, now) {
			hit = append(hit, session)
		}
	}
	s.log.Log(context.Background(), level, "revocation", "jti", r.ID, "sub", r.Subject, "stream", r.Stream, "until", r.Until, "sessions", len(hit))
	return endAll(hit, Revoked), r, nil
}

// Revocations returns those in force, in no order.
func (s *Service) Revocations() []auth.Revocation { return s.revocations.list(time.Now()) }

// Kick ends the session of a public id before it returns, and reports whether there was
// one. Its client may come back at once; to keep it out, Revoke its token or subject.
// "" stands for the reason Kicked.
func (s *Service) Kick(id string, reason Reason) bool {
	if reason == "" {
		reason = Kicked
	}
	session := s.Session(id)
	return session != nil && endAll([]*Session{session}, reason) == 1
}

// EndAll ends all sessions of a kind before it returns, and returns how many there were.
// Their clients may come back.
func (s *Service) EndAll(k Kind, reason Reason) int {
	return endAll(slices.DeleteFunc(s.table.all(), func(s *Session) bool { return s.kind != k }), reason)
}

// Session returns the session of a public id; nil if there is none.
func (s *Service) Session(id string) *Session { return s.table.find(id) }

// All returns the sessions there are, in no order, but for those whose POST is still
// answered.
func (s *Service) All() []*Session {
	var list []*Session
	for _, session := range s.table.all() {
		if session.begun() {
			list = append(list, session)
		}
	}
	return list
}

// Info describes the session.
func (s *Session) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.latest.grant
	return Info{
		ID: s.public, Kind: s.kind, Stream: s.stream,
		Issuer: g.Issuer, Subject: g.Subject, Token: g.ID, Address: s.caller.from, Agent: s.agent,
		Created: s.created, Connected: s.connected, Ends: s.ends,
	}
}
