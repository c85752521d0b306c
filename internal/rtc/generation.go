package rtc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"

	"github.com/whippet-media/whippet/internal/quiet"
)

// A generation is one ICE agent of a peer with its credentials. A peer starts with
// one; a restart adds a second, which replaces the first once it has a pair.
type generation struct {
	agent      *ice.Agent
	inMux      *muxGeneration
	ufrag, pwd string // ours
	remote     string // the peer's ufrag
	loopback   bool   // the peer may be on this machine
	candidates int    // restartMu: those taken from the peer
	failed     bool   // mu

	selected  atomic.Pointer[selection] // nil before the first
	nominated time.Time                 // the agent's goroutine; when the peer last nominated the selected pair
}

// newGeneration makes an agent with fresh credentials of ours, and its candidates.
// It does nothing on the network before start.
func (p *Peer) newGeneration(remoteUfrag string) (*generation, error) {
	g := &generation{ufrag: randomICE(16), pwd: randomICE(32), remote: remoteUfrag, loopback: p.transport.loopback}
	m := p.transport.mux
	var err error
	if g.agent, err = p.transport.newAgent(g, p); err != nil {
		return nil, fmt.Errorf("make ICE agent: %w", err)
	}
	g.inMux = m.add(p.session, g.ufrag, g.pwd, func() { p.refreshRTT(g.agent) }) // not before: a new agent removes its ufrag from the mux
	if err = g.gather(); err != nil {
		_ = g.agent.GracefulClose()
		m.retire(g.ufrag)
		return nil, err
	}
	return g, nil
}

// randomICE makes ice-chars of about 5 bits of randomness each.
func randomICE(n int) string {
	s := ""
	for len(s) < n {
		s += rand.Text()
	}
	return s[:n]
}

func (t *Transport) newAgent(g *generation, p *Peer) (*ice.Agent, error) {
	options := []ice.AgentOption{
		ice.WithLocalCredentials(g.ufrag, g.pwd),
		ice.WithBindingRequestHandler(func(m *stun.Message, _, remote ice.Candidate, pair *ice.CandidatePair) bool {
			return p.request(g, m, remote, pair)
		}),
		ice.WithUDPMux(t.mux),
		ice.WithNet(t.agentNet),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisableActiveTCP(),
		ice.WithIncludeLoopback(),
		ice.WithDisconnectedTimeout(t.cfg.DisconnectedTimeout),
		ice.WithFailedTimeout(t.cfg.FailedTimeout),
		ice.WithKeepaliveInterval(t.keepAlive()),
		ice.WithHostAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(0),
		ice.WithLoggerFactory(quiet.Logger{}),
	}
	if p.offering {
		options = append(options, ice.WithCheckInterval(offerCheckInterval), ice.WithMaxBindingRequests(maxOfferChecks))
	}
	return ice.NewAgentWithOptions(options...)
}

// gather waits for the agent to take its conns from the mux, which is immediate.
func (g *generation) gather() error {
	done := make(chan struct{})
	if err := g.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(done)
		}
	}); err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	if err := g.agent.GatherCandidates(); err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	<-done
	return nil
}

// start begins checks. The callbacks come from the agent's goroutines.
func (p *Peer) start(g *generation, remotePwd string, candidates []remoteCandidate) error {
	err := errors.Join(
		g.agent.OnSelectedCandidatePairChange(func(l, r ice.Candidate) { p.selected(g, l, r) }),
		g.agent.OnConnectionStateChange(func(s ice.ConnectionState) { p.iceState(g, s) }),
	)
	if err != nil {
		return fmt.Errorf("start ICE: %w", err)
	}
	if p.controlling {
		_, err = g.agent.StartDial(g.remote, remotePwd)
	} else {
		_, err = g.agent.StartAccept(g.remote, remotePwd)
	}
	if err != nil {
		return fmt.Errorf("start ICE: %w", err)
	}
	for _, c := range candidates {
		g.add(c)
	}
	return nil
}

// add gives the agent a candidate of the peer. Those beyond the bound are ignored, and
// loopback where no peer can be there: it would be our checks knocking at our own ports.
func (g *generation) add(c remoteCandidate) {
	if g.candidates == maxRemoteCandidates || c.addr.Addr().IsLoopback() && !g.loopback {
		return
	}
	g.candidates++
	if ic, err := c.candidate(); err == nil {
		_ = g.agent.AddRemoteCandidate(ic) // fails only after Close
	}
}

// selected makes media take a pair. The first one starts DTLS; the first one of a
// restarted generation ends the generation before it, whose states no longer count.
func (p *Peer) selected(g *generation, local, remote ice.Candidate) {
	from, ok1 := candidateAddr(local)
	to, ok2 := candidateAddr(remote)
	r, ok3 := p.transport.mux.route(p.session, from, to)
	if !ok1 || !ok2 || !ok3 {
		return
	}
	p.mu.Lock()
	if p.closing || g != p.current && g != p.next {
		p.mu.Unlock()
		return
	}
	g.selected.Store(&selection{remote, to, time.Now()})
	old := p.current
	if g == p.next {
		p.current, p.next = g, nil
	}
	p.route.Store(r)
	first := !p.handshaking
	p.handshaking = true
	if first {
		p.selectedAt = time.Now()
		p.wg.Go(p.runDTLS)
	}
	if old != g {
		p.wg.Go(func() { _ = old.agent.GracefulClose() })
	}
	secure := p.secure
	p.mu.Unlock()
	if secure { // a new generation's agent said so before it was the current one's
		p.notify(Connected)
	}
}

// iceState follows an agent's state. Only the current generation's is the peer's. When
// it has failed nothing may be sent any more, though a restart may yet bring a new pair.
func (p *Peer) iceState(g *generation, s ice.ConnectionState) {
	p.mu.Lock()
	if s == ice.ConnectionStateFailed {
		g.failed = true
		if g == p.current {
			p.route.Store(nil)
		}
	}
	current, hopeless := g == p.current, p.hopelessLocked()
	secure := p.secure
	p.mu.Unlock()
	switch {
	case hopeless:
		p.fail()
	case !current || !secure:
	case s == ice.ConnectionStateDisconnected:
		p.notify(Disconnected)
	case s == ice.ConnectionStateConnected:
		p.notify(Connected)
	}
}

// hopelessLocked tells whether no generation can carry media any more.
func (p *Peer) hopelessLocked() bool {
	return p.current.failed && (p.next == nil || p.next.failed)
}

// refreshRTT reads the round trip of the selected pair from the agent.
func (p *Peer) refreshRTT(agent *ice.Agent) {
	if s, ok := agent.GetSelectedCandidatePairStats(); ok {
		p.rtt.Store(int64(s.CurrentRoundTripTime * float64(time.Second)))
	}
}

// handshakeContext ends with the peer or after handshakeTimeout.
func (p *Peer) handshakeContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, handshakeTimeout)
}
