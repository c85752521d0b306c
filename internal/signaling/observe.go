package signaling

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// An Event is something that becomes of a session, in a fixed word for logs.
type Event string

// The events of a session, in the order of its life. Disconnected, Reconnected and
// Restarted may come again and again.
const (
	Created      Event = "created"      // its POST was answered with 201
	Connected    Event = "connected"    // ICE and DTLS are done
	Media        Event = "media"        // a publisher's first media packet came
	Disconnected Event = "disconnected" // its network is silent
	Reconnected  Event = "reconnected"  // it is not silent any more
	Restarted    Event = "restarted"    // a PATCH restarted ICE
	Ended        Event = "ended"        // the last one
)

// News is one event of one session.
type News struct {
	Event   Event
	Session *Session
	After   time.Duration // since the session's POST

	// Of Ended only.
	Reason    Reason
	Connected bool // it was, at some time
}

// A Refusal is a request that was refused for its token, or the lack of one, and for
// failing too often: 401, 403 or 429.
type Refusal struct {
	At      time.Time
	Code    string     // of the Problem
	Status  int        // of HTTP
	Stream  string     // the name in the URL if it can be one, else ""; whoever sends a request writes there what they like
	Action  string     // what it wanted of the stream: "publish" or "play"; "" if that is not known
	Address netip.Addr // of the client; the zero Addr: not known
}

// tell logs an event and shows it to the observer, in order and none after Ended.
func (s *Session) tell(e Event, attrs ...any) { s.tellNews(News{Event: e}, attrs...) }

func (s *Session) tellNews(n News, attrs ...any) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.silent {
		return
	}
	s.silent = n.Event == Ended
	n.Session, n.After = s, time.Since(s.created)
	s.log.Info("session", append([]any{"event", string(n.Event), "after", n.After.Round(time.Millisecond).Seconds()}, attrs...)...)
	if s.service.observe != nil {
		s.service.observe(n)
	}
}

// OnMedia notes a publisher's first media packet. It does not block.
func (s *Session) OnMedia() { s.tell(Media) }

// Kind returns whether the session is a publisher's or a subscriber's.
func (s *Session) Kind() Kind { return s.kind }

// Subject returns the sub of the token the session was made with; "" if it has none.
func (s *Session) Subject() string { return s.caller.grant.Subject }

// Address returns where the session's POST came from; the zero Addr: nobody knows.
func (s *Session) Address() netip.Addr { return s.caller.from }

// whence returns what a session's first line says about its client.
func (s *Session) whence() []any {
	attrs := []any{slog.String("address", addressText(s.caller.from))}
	if s.Subject() != "" {
		attrs = append(attrs, slog.String("subject", s.Subject()))
	}
	return attrs
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// refused shows a refusal to the observer.
func (s *Service) refused(r *http.Request, p *Problem) {
	if s.observeRefusal == nil {
		return
	}
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
	default:
		return
	}
	f := Refusal{At: time.Now(), Code: p.Code, Status: p.Status, Address: s.bases.client(r)}
	for _, k := range []Kind{WHIP, WHEP} {
		if strings.HasPrefix(r.URL.Path, "/"+k.String()+"/") {
			f.Action = string(k.Action())
			f.Stream, _ = streamName(k.target(r).stream)
		}
	}
	s.observeRefusal(f)
}
