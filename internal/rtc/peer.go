package rtc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// A Peer is our end of one session's connection. Safe for concurrent use.
type Peer struct {
	transport    *Transport
	handler      Handler
	fingerprints []Fingerprint
	localPrint   string
	cert         *certificate
	controlling  bool // we do the checks and nominate: we offered, or the far end is ICE-lite
	offering     bool // we spoke first
	send         bool // the far end is a subscriber
	ssrcList     []TrackSSRC
	session      *muxSession
	guard        dtlsGuard
	approved     []byte          // the certificate that matched; set by the handshake, before secured
	ctx          context.Context // ends with the peer
	cancel       context.CancelFunc
	wg           sync.WaitGroup // runDTLS, agents being closed, awaitReconnect
	closeOnce    sync.Once
	failOnce     sync.Once
	done         chan struct{} // closed when everything is gone

	route atomic.Pointer[route] // nil before ICE connects
	rtt   atomic.Int64          // nanoseconds

	bytesIn, bytesOut, packetsIn, packetsOut, rejected, notSent atomic.Uint64

	notifyMu sync.Mutex // held while the handler hears of a state
	state    State      // notifyMu

	restartMu sync.Mutex // one restart or candidate at a time; taken before mu

	mu            sync.Mutex // the fields below; never held while an agent is waited for
	setup         Setup      // ours; constant once dtls is there
	dtls          *dtls.Conn // nil before the answer to our offer; constant then
	current, next *generation
	handshaking   bool
	secure        bool
	closing       bool

	selectedAt, securedAt time.Time // mu; see Progress

	out       atomic.Pointer[outgoing] // nil before DTLS is done; its SRTCP under outMu, its SRTP by the Writer
	outClosed atomic.Bool
	outMu     sync.Mutex  // held while RTCP is encrypted: no index may seal two packets (RFC 7714 §9.2)
	outRTCP   rtcp.Header // outMu; scratch

	inMu             sync.Mutex // the fields below; held across one callback
	in               *srtp.Context
	inHeader         rtp.Header  // scratch
	inRTCP           rtcp.Header // scratch
	inClosed         bool
	early            []*packet // media that came before its keys
	ssrcs, rtcpSSRCs []uint32
	lastAlive        time.Time
}

// newPeer makes a peer that is not on the network yet.
func (t *Transport) newPeer(cfg PeerConfig, cert *certificate) (*Peer, error) {
	p := &Peer{
		transport:    t,
		handler:      cfg.Handler,
		fingerprints: strongest(cfg.Fingerprints),
		localPrint:   cert.fingerprint,
		cert:         cert,
		setup:        Passive,
		controlling:  cfg.Lite || cfg.offering,
		offering:     cfg.offering,
		send:         cfg.Send,
		session:      t.mux.newSession(),
		done:         make(chan struct{}),
	}
	p.session.media, p.session.dropped = p.media, p.connectionEnded
	if cfg.Setup == Passive {
		p.setup = Active
	}
	if cfg.Send {
		p.ssrcList = chooseSSRCs(cfg.Sections)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	var err error
	if !p.offering { // else the answer decides
		if p.dtls, err = p.newDTLS(cert.Certificate); err != nil {
			p.cancel()
			return nil, err
		}
	}
	if p.current, err = p.newGeneration(cfg.Ufrag); err != nil {
		p.cancel()
		return nil, err
	}
	return p, nil
}

// abandon undoes newPeer for a peer that was not started.
func (p *Peer) abandon() error {
	p.cancel()
	err := p.current.agent.GracefulClose()
	p.transport.mux.remove(p.session)
	close(p.done)
	return err
}

func chooseSSRCs(sections []Section) []TrackSSRC {
	used := map[uint32]bool{0: true}
	next := func() uint32 {
		for {
			var b [4]byte
			_, _ = rand.Read(b[:]) // never fails
			if s := binary.BigEndian.Uint32(b[:]); !used[s] {
				used[s] = true
				return s
			}
		}
	}
	all := make([]TrackSSRC, 0, len(sections))
	for _, s := range sections {
		all = append(all, TrackSSRC{MID: s.MID, SSRC: next(), RTX: next()})
	}
	return all
}

// Local returns our end as the latest generation of ICE credentials has it.
func (p *Peer) Local() Local {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.localLocked(p.latestLocked())
}

func (p *Peer) latestLocked() *generation {
	if p.next != nil {
		return p.next
	}
	return p.current
}

func (p *Peer) localLocked(g *generation) Local {
	return Local{
		Ufrag: g.ufrag, Pwd: g.pwd, Fingerprint: p.localPrint, Setup: p.setup,
		Candidates: p.transport.candidates,
	}
}

// SSRCs returns one entry per section of a sending peer, nil for others.
func (p *Peer) SSRCs() []TrackSSRC { return p.ssrcList }

// AddCandidate adds a "candidate:…" value the peer trickled. Empty is the end of
// candidates and changes nothing. It returns ErrBadCandidate or ErrClosed.
// Candidates beyond a bound are ignored.
func (p *Peer) AddCandidate(candidate string) error {
	if candidate == "" {
		return nil
	}
	p.restartMu.Lock()
	defer p.restartMu.Unlock()
	p.mu.Lock()
	g, closing := p.latestLocked(), p.closing
	p.mu.Unlock()
	if closing {
		return ErrClosed
	}
	c, ok, err := parseCandidate(candidate, g.remote)
	if err != nil || !ok {
		return err
	}
	g.add(c)
	return nil
}

// Restart starts ICE anew with the peer's new credentials and candidates, and
// returns our new end (RFC 8445 §9). Media goes on over the old pair until the new
// generation has one; checks with the old credentials are ignored at once. If the
// new generation never connects, the peer lives as long as the old pair does.
// On ErrBadCredentials, ErrBadCandidate or another error nothing has changed.
func (p *Peer) Restart(ufrag, pwd string, candidates []string) (Local, error) {
	if err := checkCredentials(ufrag, pwd); err != nil {
		return Local{}, err
	}
	remote, err := parseCandidates(candidates, ufrag)
	if err != nil {
		return Local{}, err
	}
	p.restartMu.Lock()
	defer p.restartMu.Unlock()
	p.mu.Lock()
	latest, closing := p.latestLocked(), p.closing
	p.mu.Unlock()
	switch {
	case closing:
		return Local{}, ErrClosed
	case latest.remote == ufrag:
		return Local{}, ErrBadCredentials
	}
	g, err := p.newGeneration(ufrag)
	if err != nil {
		return Local{}, err
	}
	return p.adopt(g, pwd, remote)
}

// adopt makes g the generation that replaces the current one as it connects.
func (p *Peer) adopt(g *generation, pwd string, remote []remoteCandidate) (Local, error) {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return Local{}, closeAgent(g, ErrClosed)
	}
	superseded := p.next
	current := p.current
	p.next = g
	p.mu.Unlock()
	p.transport.mux.retire(current.ufrag)
	if superseded != nil {
		_ = superseded.agent.GracefulClose()
	}
	if err := p.start(g, pwd, remote); err != nil {
		return Local{}, err // only when the peer was closed meanwhile
	}
	return p.localLocked(g), nil
}

func closeAgent(g *generation, err error) error {
	_ = g.agent.GracefulClose()
	return err
}

// RTT returns the round trip of the selected pair as ICE checks measured it, 0 if
// unknown. It is refreshed with each check.
func (p *Peer) RTT() time.Duration { return time.Duration(p.rtt.Load()) }

// RemoteAddr returns the address media is sent to; invalid before ICE connected.
func (p *Peer) RemoteAddr() netip.AddrPort {
	if r := p.route.Load(); r != nil {
		return r.to
	}
	return netip.AddrPort{}
}

// Stats returns the peer's counters.
func (p *Peer) Stats() Stats {
	s := Stats{
		RTT:             p.RTT(),
		BytesSent:       p.bytesOut.Load(),
		BytesReceived:   p.bytesIn.Load(),
		PacketsSent:     p.packetsOut.Load(),
		PacketsReceived: p.packetsIn.Load(),
		PacketsRejected: p.rejected.Load(),
		PacketsNotSent:  p.notSent.Load(),
	}
	if r := p.route.Load(); r != nil {
		s.Remote, s.Protocol = r.to, "udp"
		if r.via != nil {
			s.Protocol = "tcp"
		}
	}
	return s
}

// Progress returns when the first pair of candidates was chosen, and when DTLS was done;
// the zero Time: not yet.
func (p *Peer) Progress() (ice, dtls time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.selectedAt, p.securedAt
}

// notify tells the handler of a new state. Nothing follows Closed, and nothing but
// Closed follows Failed.
func (p *Peer) notify(s State) {
	p.notifyMu.Lock()
	defer p.notifyMu.Unlock()
	if p.state == s || p.state == Closed || p.state == Failed && s != Closed {
		return
	}
	p.state = s
	p.handler.OnState(s)
}
