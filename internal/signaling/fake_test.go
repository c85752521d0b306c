package signaling_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// A fakeOpener gives sessions peers without a network.
type fakeOpener struct {
	err     error  // what Open returns after everything was opened
	opening func() // called before Open returns; nil: nothing is

	mu    sync.Mutex
	peers []*fakePeer
	steps []string // what was undone, in order
}

func (o *fakeOpener) Open(_ context.Context, s *signaling.Session, offer *sdp.Offer) (signaling.Opening, error) {
	p := &fakePeer{session: s, setup: rtc.Passive}
	if offer.Setup == sdp.Passive {
		p.setup = rtc.Active
	}
	o.mu.Lock()
	o.peers = append(o.peers, p)
	o.mu.Unlock()
	s.OnEnd(func(r signaling.Reason) { o.undone("name " + string(r)) })
	s.OnEnd(func(r signaling.Reason) { o.undone("peer " + string(r)) })
	if o.opening != nil {
		o.opening()
	}
	if o.err != nil {
		return signaling.Opening{}, o.err
	}
	return signaling.Opening{Peer: p, Local: p.local(), Tracks: make([]sdp.AnswerTrack, len(offer.Sections))}, nil
}

func (o *fakeOpener) undone(step string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps = append(o.steps, step)
}

// last returns the peer of the last session.
func (o *fakeOpener) last() *fakePeer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.peers[len(o.peers)-1]
}

type fakePeer struct {
	session *signaling.Session
	setup   rtc.Setup

	mu         sync.Mutex
	generation int
	candidates []string
	err        error // of Restart
}

func (p *fakePeer) local() rtc.Local {
	return rtc.Local{
		Ufrag:       fmt.Sprintf("ufrag%d", p.generation),
		Pwd:         fmt.Sprintf("password%022d", p.generation),
		Fingerprint: "sha-256 AA:BB",
		Setup:       p.setup,
		Candidates:  []string{"candidate:1 1 udp 2130706431 192.0.2.1 8080 typ host"},
	}
}

func (p *fakePeer) AddCandidate(c string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.candidates = append(p.candidates, c)
	return nil
}

func (p *fakePeer) Restart(_, _ string, candidates []string) (rtc.Local, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return rtc.Local{}, p.err
	}
	p.generation++
	p.candidates = candidates
	return p.local(), nil
}

// newTarget serves both protocols with o, and looks at kind.
func newTarget(t *testing.T, kind signaling.Kind, o signaling.Opener, cfg signaling.Config) *signalingtest.Target {
	t.Helper()
	s, err := signaling.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e := echo.New()
	e.HTTPErrorHandler = s.HandleError
	e.Use(s.CORS)
	s.Register(e, signaling.WHIP, o)
	s.Register(e, signaling.WHEP, o)
	return &signalingtest.Target{Kind: kind, Service: s, Handler: e}
}

func TestRows(t *testing.T) {
	for _, kind := range []signaling.Kind{signaling.WHIP, signaling.WHEP} {
		t.Run(kind.String(), func(t *testing.T) {
			signalingtest.Run(t, signalingtest.Kit{Kind: kind, New: func(t *testing.T, cfg signaling.Config) *signalingtest.Target {
				return newTarget(t, kind, &fakeOpener{}, cfg)
			}})
		})
	}
}
