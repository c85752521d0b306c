package signaling

import (
	"strings"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

// Parts are what a session is made of, for those who look on. Its fields are safe for
// concurrent use; what they count stays readable after the session's end.
type Parts struct {
	Peer         *rtc.Peer            // nil before the session's POST succeeded, and in tests without one
	Publication  *stream.Publication  // of a publisher
	Subscription *stream.Subscription // of a subscriber
}

// Parts returns what the session is made of; the zero Parts while its POST is answered.
func (s *Session) Parts() Parts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts
}

// build notes what the session's opener made, before any URL finds the session.
func (s *Session) build(o Opening) {
	peer, _ := o.Peer.(*rtc.Peer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = Parts{Peer: peer, Publication: o.Publication, Subscription: o.Subscription}
}

// State returns how the session's connection stands: Connecting, Connected, Disconnected,
// and what follows while it ends.
func (s *Session) State() rtc.State { return rtc.State(s.state.Load()) }

// shortened cuts a text that a stranger chose, and what does not belong in one line off.
func shortened(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxAgentBytes)], "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

// KickAll ends the sessions of public ids before it returns, and returns how many there
// were. As with [Service.Kick] their clients may come back.
func (s *Service) KickAll(ids []string) (ended int) {
	var hit []*Session
	for _, id := range ids {
		if session := s.Session(id); session != nil {
			hit = append(hit, session)
		}
	}
	return endAll(hit, Kicked)
}
