package rtc

import (
	"errors"
	"fmt"
)

// NewOffer makes the offering end of a connection: ICE's controlling agent, and DTLS's
// client unless the answer wants to be that. Its Local is final when NewOffer returns, but for a
// Setup that the answer changes; it does nothing on the network before Accept. It fails with ErrClosed, ErrTooManyPeers, ErrBadConfig, or an
// error of the machine, and then leaves nothing behind. Close it, accepted or not.
func (t *Transport) NewOffer(cfg OfferConfig) (*Peer, error) {
	if cfg.Handler == nil {
		return nil, ErrBadConfig
	}
	cert, err := t.certificate()
	if err != nil {
		return nil, err
	}
	p, err := t.newPeer(PeerConfig{Setup: Passive, Send: cfg.Send, Handler: cfg.Handler, offering: true}, cert)
	if err != nil {
		return nil, err
	}
	if err := t.add(p); err != nil {
		return nil, errors.Join(err, p.abandon())
	}
	return p, nil
}

// Accept gives an offering peer what its far end answered, and begins. Call it once. It
// fails with ErrClosed, ErrBadCredentials or ErrBadConfig; close the peer then.
func (p *Peer) Accept(a Answer) error {
	prints := strongest(a.Fingerprints)
	if len(prints) == 0 {
		return ErrBadConfig
	}
	if err := checkCredentials(a.Ufrag, a.Pwd); err != nil {
		return err
	}
	p.restartMu.Lock()
	defer p.restartMu.Unlock()
	p.mu.Lock()
	g, closing := p.current, p.closing
	if closing || g.remote != "" {
		p.mu.Unlock()
		return ErrClosed
	}
	g.remote, p.fingerprints = a.Ufrag, prints
	err := p.chooseRoleLocked(a.Setup)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err := p.start(g, a.Pwd, usableCandidates(a.Candidates, a.Ufrag)); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	return nil
}

// chooseRoleLocked makes the end of DTLS that the answer leaves to us (RFC 8842 §5.3).
func (p *Peer) chooseRoleLocked(theirs Setup) error {
	if theirs == Active {
		p.setup = Passive
	}
	var err error
	p.dtls, err = p.newDTLS(p.cert.Certificate)
	return err
}
