package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// Reasons for which a session ends that this side did not close.
var (
	// ErrEndedByServer: DTLS close_notify came, the session is gone there.
	ErrEndedByServer = errors.New("the server ended the session")
	// ErrTransportLost: the network between both sides is cut, or was never there.
	ErrTransportLost = errors.New("no packets get through to the server")
	// ErrClosed: Close or Kill was called.
	ErrClosed = errors.New("session closed")
)

// A Session is one WHIP or WHEP session. Its methods are safe for concurrent
// use. It must be closed, also after Done.
type Session struct {
	opts     Options
	endpoint *url.URL
	request  *requester
	pc       *webrtc.PeerConnection
	network  *mutableNet

	// Set while opening, constant afterwards.
	posted   time.Time
	location *url.URL
	offer    string
	answer   string
	header   http.Header
	links    []Link

	answered  chan struct{} // closed when the peer has the answer
	connected chan struct{}
	done      chan struct{}
	life      context.Context // ends with the session, before its goroutines
	endLife   context.CancelFunc
	work      sync.WaitGroup // the session's own goroutines

	patch sync.Mutex // one PATCH at a time: entity tags change by it

	telling sync.Mutex // held while OnState runs; before mu

	// mu guards the fields below and is never held across a request or a call
	// into pion.
	mu             sync.Mutex
	etag           string
	state          webrtc.PeerConnectionState
	connectedAfter time.Duration
	ending         bool // no goroutine may start any more
	err            error
}

func newSession(opts *Options, plan peerPlan) (*Session, error) {
	endpoint, err := parseEndpoint(opts.URL)
	if err != nil {
		return nil, err
	}
	s := &Session{
		opts: *opts, endpoint: endpoint, request: newRequester(opts),
		answered: make(chan struct{}), connected: make(chan struct{}), done: make(chan struct{}), state: webrtc.PeerConnectionStateNew,
	}
	if s.pc, s.network, err = newPeer(opts, endpoint, plan); err != nil {
		return nil, err
	}
	s.life, s.endLife = context.WithCancel(context.Background())
	s.pc.OnConnectionStateChange(s.onState)
	return s, nil
}

// onState runs in goroutines of pion, possibly late.
func (s *Session) onState(state webrtc.PeerConnectionState) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.takeState(state) && s.opts.OnState != nil {
		s.opts.OnState(state)
	}
}

// takeState returns false after the end, when states mean nothing any more.
func (s *Session) takeState(state webrtc.PeerConnectionState) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finishedLocked() {
		return false
	}
	s.state = state
	switch state {
	case webrtc.PeerConnectionStateConnected:
		if s.connectedAfter == 0 {
			s.connectedAfter = time.Since(s.posted)
			close(s.connected)
		}
	case webrtc.PeerConnectionStateFailed:
		s.finishLocked(ErrTransportLost)
	case webrtc.PeerConnectionStateClosed:
		s.finishLocked(ErrEndedByServer)
	}
	return true
}

func (s *Session) finishedLocked() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// finishLocked tells the end and its reason, once.
func (s *Session) finishLocked(reason error) {
	if !s.finishedLocked() {
		s.err = reason
		s.endLife()
		close(s.done)
	}
}

// spawn runs f in a goroutine Close waits for. It does nothing once the session
// is being closed.
func (s *Session) spawn(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return
	}
	s.work.Go(f)
}

// URL returns the session's own URL, a secret.
func (s *Session) URL() string { return s.location.String() }

// ETag returns the current entity tag, "" if the server sent none.
func (s *Session) ETag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.etag
}

// Offer returns the text that was POSTed.
func (s *Session) Offer() string { return s.offer }

// Answer returns the text of the 201, as it came.
func (s *Session) Answer() string { return s.answer }

// Header returns the header of the 201; it must not be changed.
func (s *Session) Header() http.Header { return s.header }

// Links returns the Link entries of the 201.
func (s *Session) Links() []Link { return s.links }

// PeerConnection returns the peer, for tests that need more than this package
// offers. It must not be closed.
func (s *Session) PeerConnection() *webrtc.PeerConnection { return s.pc }

// Posted returns when the POST was begun; all “since” times count from it.
func (s *Session) Posted() time.Time { return s.posted }

// Connected is closed when ICE and DTLS are up for the first time. It stays open
// when the session ends before: wait for Done too.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Done is closed when the session has ended, by whomever.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns nil until Done, then ErrEndedByServer, ErrTransportLost or ErrClosed.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// State returns the peer's state.
func (s *Session) State() webrtc.PeerConnectionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// ConnectedAfter returns the time from the POST to the first connected state, 0
// before it.
func (s *Session) ConnectedAfter() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connectedAfter
}

// ConnectedFor returns the time since the first connected state, 0 before it.
func (s *Session) ConnectedFor() time.Duration {
	after := s.ConnectedAfter()
	if after == 0 {
		return 0
	}
	return time.Since(s.posted) - after
}

// WaitConnected returns nil once connected, or why that will not happen.
func (s *Session) WaitConnected(ctx context.Context) error {
	select {
	case <-s.connected:
		return nil
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("not connected yet (state %s): %w", s.State(), context.Cause(ctx))
	}
}

// RTT returns the last round trip of the ICE checks, 0 before the first.
func (s *Session) RTT() time.Duration {
	if s.ConnectedAfter() == 0 {
		return 0 // pion starts its transport without a lock: do not look before
	}
	transport := s.iceTransport()
	if transport == nil {
		return 0
	}
	stats, ok := transport.GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(stats.CurrentRoundTripTime * float64(time.Second))
}

func (s *Session) iceTransport() *webrtc.ICETransport {
	for _, sender := range s.pc.GetSenders() {
		if t := sender.Transport(); t != nil {
			return t.ICETransport()
		}
	}
	for _, receiver := range s.pc.GetReceivers() {
		if t := receiver.Transport(); t != nil {
			return t.ICETransport()
		}
	}
	return nil
}

// Close ends the session: DELETE, then DTLS close_notify. It returns once all
// goroutines are gone. The error is the DELETE's; a session the server no longer
// knows is no error. A context without a deadline gets one. Calling it again
// does nothing.
func (s *Session) Close(ctx context.Context) error {
	if !s.end() {
		return nil
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, closeTimeout)
		defer cancel()
	}
	err := s.delete(ctx)
	s.closePeer()
	return err
}

// Kill ends the session without a word: no DELETE, no close_notify, no STUN
// answer any more. The server must notice by itself. Over ICE-TCP the connection
// is closed all the same.
func (s *Session) Kill() {
	s.network.silent.Store(true)
	if s.end() {
		s.closePeer()
	}
}

// end stops the session's goroutines from starting anew; false if that was done.
func (s *Session) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return false
	}
	s.ending = true
	s.state = webrtc.PeerConnectionStateClosed
	s.finishLocked(ErrClosed)
	s.endLife()
	return true
}

func (s *Session) closePeer() {
	s.pc.GracefulClose() //nolint:errcheck // nothing to be done about it
	s.work.Wait()
	s.request.close(s.opts.HTTP == nil)
}
