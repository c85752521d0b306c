package signaling

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
)

// A Kind tells the two protocols apart. The zero Kind is invalid.
type Kind uint8

// The kinds of endpoints and sessions.
const (
	WHIP Kind = iota + 1 // publishers, RFC 9725
	WHEP                 // subscribers
)

// String returns the kind as URLs and logs write it: "whip" or "whep".
func (k Kind) String() string {
	if k == WHIP {
		return "whip"
	}
	return "whep"
}

// Action returns the right a session of the kind needs.
func (k Kind) Action() auth.Action {
	if k == WHIP {
		return auth.Publish
	}
	return auth.Subscribe
}

func (k Kind) role() sdp.Role {
	if k == WHIP {
		return sdp.Publisher
	}
	return sdp.Subscriber
}

// A Reason says why a session ended, in a fixed word for logs.
type Reason string

// The reasons a session ends for.
const (
	Refused   Reason = "refused"         // its POST failed
	Deleted   Reason = "deleted"         // DELETE
	Crowded   Reason = "crowded-out"     // never connected, and gave way to another address
	Unused    Reason = "never-connected" // reaped by the sweeper
	Failed    Reason = "failed"          // DTLS refused, or consent lost
	PeerLeft  Reason = "peer-left"       // DTLS close_notify
	Replaced  Reason = "replaced"        // another publisher took the name over
	Elsewhere Reason = "elsewhere"       // one on another node did
	StreamEnd Reason = "stream-ended"    // its stream cannot serve it any more
	Expired   Reason = "token-expired"   // the grant it was made with ended, or bounds sessions
	Revoked   Reason = "token-revoked"   // its token, its subject or its stream was
	OverLimit Reason = "over-limit"      // it sends more than its token or the node allows
	Kicked    Reason = "kicked"          // by an operator
	Shutdown  Reason = "shutdown"        // the node closes
)

// buried tells whether a client may still DELETE what ended for the reason: it closed
// DTLS just before, or must learn that its token has ended.
func (r Reason) buried() bool {
	return r == PeerLeft || r == Expired || r == Revoked || r == OverLimit || r == Kicked
}

// A Session is one publisher or subscriber. Its Opener gives it what it holds while
// its POST is answered; see the package comment for its life.
type Session struct {
	service *Service
	id      string // of the URL: a capability, never logged
	public  string
	kind    Kind
	stream  string
	caller  caller
	log     *slog.Logger
	created time.Time
	trace   Trace
	ice     negotiation
	agent   string        // what the client says it is
	state   atomic.Uint32 // an rtc.State
	up      chan struct{} // closed when its peer is connected, or has failed
	settled sync.Once

	quotas []string // keys of the tally it counts in; table.mu

	telling sync.Mutex // held while an event is told, so that they come in order
	silent  bool       // the last event was told; telling

	// mu guards the fields below. Never held while anything is undone.
	mu        sync.Mutex
	parts     Parts
	timeline  Timeline
	prober    prober // nil before the answer, or if its peer is none
	undo      []func(Reason)
	peer      io.Closer // see OwnsPeer
	connected time.Time // zero while half-open
	reason    Reason    // "" while alive
	latest    caller    // whose token renewed the session last; that of its POST at first
	started   bool      // its POST has succeeded
	ends      time.Time // at the latest; zero: never by itself
	timer     *time.Timer
	deleted   bool // the client got its 200
	done      chan struct{}
}

func newSession(s *Service, k Kind, stream string, c caller) *Session {
	public := randomText(9)
	return &Session{
		service: s,
		id:      Unguessable(),
		public:  public,
		kind:    k,
		stream:  stream,
		caller:  c,
		latest:  c,
		log:     s.log.With("session", public, "stream", stream, "kind", k.String()),
		created: time.Now(),
		up:      make(chan struct{}),
		done:    make(chan struct{}),
	}
}

// Unguessable returns the last segment of a URL that is a capability: 128 random bits, of
// which RFC 9562 wants 122 in what nobody may guess.
func Unguessable() string { return randomText(16) }

// randomText returns n random bytes as URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, see its documentation
	return base64.RawURLEncoding.EncodeToString(b)
}

// ID returns the session's public id, which may be logged and shown. It is not part of
// the session's URL.
func (s *Session) ID() string { return s.public }

// URL returns the session's URL as the sender of r sees the node, without a query. It is
// a capability: it must not be logged.
func (s *Session) URL(r *http.Request) string {
	return s.service.bases.of(r) + "/" + s.kind.String() + "/" + s.stream + "/" + s.id
}

// Stream returns the name of the session's stream.
func (s *Session) Stream() string { return s.stream }

// Owner names whoever made the session, for the rule that a publisher may replace
// itself; "" if nobody knows, as on an open node.
func (s *Session) Owner() string { return s.caller.owner() }

// Log returns a logger that names the session.
func (s *Session) Log() *slog.Logger { return s.log }

// OnEnd adds a step that undoes what the session was given. The steps run once, last
// one first, when the session ends for whatever reason, a failed POST included. If it
// has ended already the step runs at once.
func (s *Session) OnEnd(step func(Reason)) {
	s.mu.Lock()
	if s.reason == "" {
		s.undo = append(s.undo, step)
		s.mu.Unlock()
		return
	}
	reason := s.reason
	s.mu.Unlock()
	step(reason)
}

// Owns makes the session close c when it ends, as a step of OnEnd.
func (s *Session) Owns(c io.Closer) {
	s.OnEnd(func(Reason) { s.closes(c) })
}

// Limits returns what the token that made the session bounds.
func (s *Session) Limits() auth.Limits { return s.caller.grant.Limits }

// OnState is for the Handler of the session's peer. It does not block.
func (s *Session) OnState(state rtc.State) {
	s.state.Store(uint32(state))
	switch state {
	case rtc.Connected:
		s.onConnected()
		s.settle()
	case rtc.Disconnected:
		s.tell(Disconnected)
	case rtc.Failed:
		s.End(Failed)
		s.settle()
	case rtc.Closed:
		s.End(PeerLeft)
		s.settle()
	}
}

func (s *Session) onConnected() {
	s.mu.Lock()
	first := s.connected.IsZero()
	if first {
		s.connected = time.Now()
		s.timeline.DTLS = s.connected
	}
	s.mu.Unlock()
	if !first {
		s.tell(Reconnected)
		return
	}
	s.service.table.connected(s)
	s.tell(Connected)
}

// End ends the session soon and returns at once: it may be called from callbacks of
// the session's peer and of its stream. Only the first reason counts.
func (s *Session) End(reason Reason) {
	if s.claimEnd(reason) {
		go s.finish(reason)
	}
}

// end ends the session before it returns. It reports whether this call did it.
func (s *Session) end(reason Reason) bool {
	if !s.claimEnd(reason) {
		return false
	}
	s.finish(reason)
	return true
}

// claimEnd makes the caller the one who must call finish, if nobody is yet.
func (s *Session) claimEnd(reason Reason) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return false
	}
	s.reason = reason
	return true
}

// finish undoes what the session was given. Whoever closes the table waits for it.
func (s *Session) finish(reason Reason) {
	s.service.table.remove(s, reason)
	progress := s.Timeline() // before its peer is closed
	s.mu.Lock()
	s.timeline = progress
	s.timeline.Ended = time.Now()
	undo, connected := s.undo, s.connected
	s.undo = nil
	s.mu.Unlock()
	defer close(s.done)
	defer s.service.table.forget(s)
	for i := len(undo) - 1; i >= 0; i-- {
		undo[i](reason)
	}
	s.leave(reason, func() {
		s.tellNews(News{Event: Ended, Reason: reason, Connected: !connected.IsZero()},
			"reason", string(reason), "connected", !connected.IsZero())
	})
}

// ended tells whether the session's end has begun.
func (s *Session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason != ""
}

// delete ends the session for a DELETE and reports whether the client may be told so:
// it is the first DELETE, and the session was there or is buried. OBS closes DTLS first
// and takes anything but 200 for a failure.
func (s *Session) delete() bool {
	s.end(Deleted)
	s.mu.Lock()
	first := !s.deleted && (s.reason == Deleted || s.reason.buried())
	s.deleted = true
	s.mu.Unlock()
	if first {
		<-s.done
	}
	return first
}
