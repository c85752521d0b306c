package outbound

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/transport/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A Config says what sessions with far ends stand on. Streams, HTTP and Listen are required;
// none is closed by this package.
type Config struct {
	Streams *stream.Registry

	// HTTP carries requests. It must not follow redirects, which no RoundTripper does.
	HTTP  http.RoundTripper
	Agent string // the User-Agent of requests

	// Listen opens a UDP socket of any port for one session.
	Listen func() (net.PacketConn, error)
	// Net and Announce are as in [rtc.Config].
	Net      transport.Net
	Announce []netip.AddrPort

	// Elsewhere tells whether another node of the cluster has a stream's publisher; nil: there
	// is no cluster. It may take a moment, bounded by ctx.
	Elsewhere func(ctx context.Context, stream string) bool

	Log *slog.Logger // nil: nothing is logged
}

func (c *Config) complete() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Elsewhere == nil {
		c.Elsewhere = func(context.Context, string) bool { return false }
	}
}

// states follows a peer's state. Its channels are closed, once.
type states struct {
	connected, ended   chan struct{}
	connecting, ending sync.Once
	failed             bool // it ended because nothing comes; constant once ended
}

func newStates() states {
	return states{connected: make(chan struct{}), ended: make(chan struct{})}
}

// OnState notes that the peer is connected, or has ended.
func (s *states) OnState(state rtc.State) {
	switch state {
	case rtc.Connected:
		s.connecting.Do(func() { close(s.connected) })
	case rtc.Failed, rtc.Closed:
		s.ending.Do(func() {
			s.failed = state == rtc.Failed
			close(s.ended)
		})
	}
}

// A session is one with a far end: a peer on a socket of its own.
type session struct {
	endpoint  *endpoint
	transport *rtc.Transport
	peer      *rtc.Peer
	resource  *granted // nil before the far end gave it
}

// newSession makes the near end. h hears of the peer.
func (c *Config) newSession(e *endpoint, send bool, h rtc.Handler) (*session, error) {
	socket, err := c.Listen()
	if err != nil {
		return nil, because(Full)
	}
	s := &session{endpoint: e}
	s.transport, err = rtc.New(rtc.Config{
		UDP: []net.PacketConn{socket}, Net: c.Net, Announce: c.Announce, AfterRead: c.Streams.Serve,
		DisconnectedTimeout: silentAfter, FailedTimeout: lostAfter,
	})
	if err != nil {
		return nil, errors.Join(because(Full), socket.Close())
	}
	if s.peer, err = s.transport.NewOffer(rtc.OfferConfig{Send: send, Handler: h}); err != nil {
		return nil, errors.Join(because(Full), s.transport.Close())
	}
	return s, nil
}

// negotiate offers sections to the far end and returns what it answered. The session must be
// closed, also if it fails.
func (s *session) negotiate(ctx context.Context, far sdp.Role, sections []sdp.Proposed) (*sdp.Offer, error) {
	l := s.peer.Local()
	p := sdp.Proposal{
		Far: far, Ufrag: l.Ufrag, Pwd: l.Pwd, Fingerprint: l.Fingerprint, Candidates: l.Candidates,
		SessionID: rand.Uint64(), Sections: sections, //nolint:gosec // no secret
	}
	var err error
	if s.resource, err = s.endpoint.post(ctx, p.Text()); err != nil {
		return nil, err
	}
	answer, err := p.ReadAnswer(s.resource.answer)
	if err != nil {
		return nil, s.badAnswer(err)
	}
	return answer, nil
}

func (s *session) badAnswer(err error) error {
	f := &failure{reason: BadAnswer, status: s.resource.status, final: true}
	var e *sdp.Error
	if errors.As(err, &e) {
		f.code = e.Code
	}
	return f
}

// accept lets ICE begin.
func (s *session) accept(answer *sdp.Offer) error {
	cfg := signaling.PeerConfig(answer)
	err := s.peer.Accept(rtc.Answer{
		Ufrag: cfg.Ufrag, Pwd: cfg.Pwd, Setup: cfg.Setup, Fingerprints: cfg.Fingerprints, Candidates: cfg.Candidates,
	})
	if err != nil {
		return s.badAnswer(err)
	}
	return nil
}

// close ends the session here and, if it came about, over there, and waits for that.
func (s *session) close() {
	if s.resource != nil {
		s.endpoint.bye(s.resource.session)
	}
	_ = s.peer.Close()
	_ = s.transport.Close()
}

// follow stays with a session until it ends, or must: why says so of each look, the zero Reason
// if it may go on. interrupt ends it by itself; opened is called when it is connected.
func follow(ctx context.Context, s *states, interrupt <-chan Reason, opened func(), why func(now time.Time) Reason) *failure {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	begun, connected := time.Now(), s.connected
	for {
		select {
		case <-ctx.Done():
			return because(Shutdown)
		case <-connected:
			connected = nil
			opened()
		case <-s.ended:
			return because(s.end())
		case r := <-interrupt:
			return because(r)
		case now := <-look.C:
			if connected != nil && now.Sub(begun) > connectTimeout {
				return because(NeverConnected)
			}
			if r := why(now); r != "" {
				return because(r)
			}
		}
	}
}

// end is why an ended peer did.
func (s *states) end() Reason {
	select {
	case <-s.connected:
	default:
		return NeverConnected
	}
	if s.failed {
		return Lost
	}
	return Left
}
