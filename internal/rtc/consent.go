package rtc

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// A selection is the pair that media takes, as an agent reported it.
type selection struct {
	remote ice.Candidate
	addr   netip.AddrPort // of remote
	at     time.Time
}

// request looks at an authentic Binding request. It returns true for the agent to take
// the pair it came by. The agent calls it on its own goroutine, after answering.
//
// The agent by itself follows a nomination only to a pair of higher priority. That is
// what an aggressive peer needs, which nominates all its pairs, but it leaves those
// behind that lost their address and nominate what is left: browsers do, without a
// restart. So a nomination also counts where the selected pair looks abandoned, and
// only of a pair whose own check was answered: nothing is sent where nobody consented.
func (p *Peer) request(g *generation, m *stun.Message, remote ice.Candidate, pair *ice.CandidatePair) bool {
	selected := g.selected.Load()
	from, ok := candidateAddr(remote)
	if selected == nil || !ok {
		return false
	}
	nominates := m.Contains(stun.AttrUseCandidate)
	if from == selected.addr {
		if nominates {
			g.nominated = time.Now()
		}
		p.requireConsent(pair)
		return false
	}
	return nominates && pair.ResponsesReceived() > 0 && p.abandoned(g, selected)
}

// abandoned tells whether the peer has left the selected pair: its connection ended,
// it was not heard from there, or it nominates others instead.
func (p *Peer) abandoned(g *generation, selected *selection) bool {
	if r := p.route.Load(); r != nil && r.to == selected.addr && r.via != nil && r.via.ended() {
		return true
	}
	nominated := selected.at
	if g.nominated.After(nominated) {
		nominated = g.nominated
	}
	return time.Since(selected.remote.LastReceived()) > silentPair || time.Since(nominated) > unnominatedPair
}

// requireConsent closes a subscriber that sends checks but does not answer ours: only
// an answer shows that it wants what we send (RFC 7675 §5.1). A publisher's media is
// taken for consent too, as we send next to nothing to it; see alive.
func (p *Peer) requireConsent(pair *ice.CandidatePair) {
	last := pair.LastResponseReceivedAt()
	if p.send && !last.IsZero() && time.Since(last) > consentLife {
		p.fail()
	}
}

// keepAlive returns how often one peer's connection is checked: peers must not fall
// into step (RFC 7675 §5.1).
func (t *Transport) keepAlive() time.Duration {
	return time.Duration(float64(t.cfg.KeepAlive) * (0.8 + 0.2*rand.Float64())) //nolint:gosec // no secret
}

// connectionEnded gives a peer whose media took an ICE-TCP connection that has ended a
// few seconds to nominate another way, and then closes it: nothing else would show for
// as long as consent lasts.
func (p *Peer) connectionEnded(t *tcpConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.route.Load(); p.closing || r == nil || r.via != t {
		return
	}
	p.wg.Go(func() { p.awaitReconnect(t) })
}

func (p *Peer) awaitReconnect(t *tcpConn) {
	p.disconnected()
	grace := time.NewTimer(reconnectGrace)
	defer grace.Stop()
	select {
	case <-p.ctx.Done():
		return
	case <-grace.C:
	}
	if r := p.route.Load(); r != nil && r.via == t {
		p.fail()
	}
}

// disconnected tells the handler, if it ever heard of Connected.
func (p *Peer) disconnected() {
	p.mu.Lock()
	secure := p.secure
	p.mu.Unlock()
	if secure {
		p.notify(Disconnected)
	}
}
