package rtc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// Defaults of Config's timeouts.
const (
	// DefaultDisconnectedTimeout is how long a peer may be silent before it is
	// called Disconnected. Authenticated media counts as much as STUN.
	DefaultDisconnectedTimeout = 5 * time.Second
	// DefaultFailedTimeout is how much longer it may be silent before it is
	// Failed and closed. The sum stays under the 30 s after which consent to
	// send has lapsed (RFC 7675 §5.1).
	DefaultFailedTimeout = 20 * time.Second
	// DefaultKeepAlive is how often a connection is checked at the least; each peer has
	// its own interval of 0.8 to 1 times it, and the agent knows none above 2 s. RFC
	// 7675 §5.1 would have 5 s: more often, a few lost packets in a row end nothing.
	DefaultKeepAlive = 2 * time.Second
)

// A Config says what a Transport stands on. It must not change after New.
type Config struct {
	// UDP are the media sockets: one dual-stack socket of internal/udp, or those
	// of a virtual network. They belong to the Transport, which closes them.
	UDP []net.PacketConn
	// TCP hands over connections that speak ICE-TCP (RFC 6544), as the second
	// listener of SplitListener does; nil means no ICE-TCP. The Transport closes it.
	TCP net.Listener
	// Announce are the addresses written into candidates, in the order wanted
	// within a family. A zero port stands for the port of the socket or listener.
	// Empty: a socket's own address, or LocalAddresses if it listens on all.
	Announce []netip.AddrPort
	// AfterRead is called by whoever reads media when all that was read together has been
	// given to its Handlers, which therefore need not wake anybody for each packet. It
	// must not block, and may be called by several goroutines at once. nil: nothing.
	AfterRead func()
	// Net is asked for the interfaces; nil is the machine's network.
	Net transport.Net

	// Zero means the default of each.
	DisconnectedTimeout, FailedTimeout, KeepAlive time.Duration
}

// Errors of Transport and Peer that callers branch on.
var (
	// ErrClosed: the Peer or the Transport was closed; a retry cannot help.
	ErrClosed = errors.New("rtc: closed")
	// ErrTooManyPeers: the Transport has as many peers as it may. One must go first.
	ErrTooManyPeers = errors.New("rtc: too many peers")
	// ErrNotConnected: DTLS is not done, or the peer's ICE-TCP connection is gone;
	// nothing was sent. It may pass.
	ErrNotConnected = errors.New("rtc: not connected")
	// ErrQueueFull: the peer is on ICE-TCP and does not take what it was sent;
	// the packet was dropped. Skip to the next keyframe.
	ErrQueueFull = errors.New("rtc: send queue full")
	// ErrBadCandidate: a candidate line that cannot be parsed. Candidates that
	// parse and cannot be used are no error, they are ignored.
	ErrBadCandidate = errors.New("rtc: malformed candidate")
	// ErrBadCredentials: ICE credentials outside the bounds of RFC 8839 §5.4, or
	// a restart with the ufrag in use.
	ErrBadCredentials = errors.New("rtc: bad ICE credentials")
	// ErrTooManyStreams: a peer was sent as many SSRCs as it may be; another one was not.
	ErrTooManyStreams = errors.New("rtc: too many streams to one peer")
	// ErrBadConfig: a PeerConfig without Handler or a fingerprint of use.
	ErrBadConfig = errors.New("rtc: bad peer configuration")
)

// A Transport is a node's end of all ICE, DTLS and SRTP on its media sockets.
// Safe for concurrent use.
type Transport struct {
	cfg        Config
	mux        *mux
	sockets    []*socket  // as Config.UDP
	tcp        *tcpServer // nil without ICE-TCP
	agentNet   transport.Net
	candidates []string
	loopback   bool           // a loopback address is announced
	wg         sync.WaitGroup // readers, the TCP server, peers being closed

	certMu sync.Mutex
	cert   *certificate

	mu     sync.Mutex
	peers  map[*Peer]struct{}
	closed bool
}

// New starts a Transport. On an error the sockets stay the caller's.
func New(cfg Config) (*Transport, error) {
	for d, fallback := range map[*time.Duration]time.Duration{
		&cfg.DisconnectedTimeout: DefaultDisconnectedTimeout,
		&cfg.FailedTimeout:       DefaultFailedTimeout,
		&cfg.KeepAlive:           DefaultKeepAlive,
	} {
		if *d == 0 {
			*d = fallback
		}
	}
	if cfg.AfterRead == nil {
		cfg.AfterRead = func() {}
	}
	a, err := announce(cfg)
	if err != nil {
		return nil, err
	}
	socks, ends, err := openSockets(cfg.UDP, a.first(netip.Addr.Is4), a.first(netip.Addr.Is6))
	if err != nil {
		return nil, err
	}
	if len(ends) == 0 {
		return nil, errors.New("rtc: no socket can be reached at any announced address")
	}
	n := cfg.Net
	if n == nil {
		if n, err = realNet(); err != nil {
			return nil, err
		}
	}
	t := &Transport{
		cfg:        cfg,
		mux:        newMux(ends),
		sockets:    socks,
		agentNet:   noInterfaces{n},
		candidates: candidateLines(a.udp, a.tcp),
		loopback:   slices.ContainsFunc(a.udp, func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }),
		peers:      make(map[*Peer]struct{}),
	}
	t.mux.afterRead = cfg.AfterRead
	if _, err := t.certificate(); err != nil {
		return nil, err
	}
	for _, s := range socks {
		t.wg.Go(func() { t.mux.read(s) })
	}
	if cfg.TCP != nil {
		t.tcp = newTCPServer(t.mux, cfg.TCP)
		t.wg.Go(t.tcp.serve)
	}
	return t, nil
}

func realNet() (transport.Net, error) {
	n, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return n, nil
}

// Candidates returns the candidate lines every peer announces.
func (t *Transport) Candidates() []string { return t.candidates }

// Drops returns how many packets were thrown away for a reason since New.
func (t *Transport) Drops(r DropReason) uint64 { return t.mux.drops[r].Load() }

// Peers returns the number of peers that are not closed.
func (t *Transport) Peers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.peers)
}

// Entries returns how many ICE generations and remote addresses are known.
func (t *Transport) Entries() (generations, addresses int) { return t.mux.sizes() }

// NewPeer makes the answering end of an offer; its Local is final when NewPeer
// returns. It fails with ErrClosed, ErrTooManyPeers, ErrBadCredentials,
// ErrBadConfig, or an error of the machine, and then leaves nothing behind.
func (t *Transport) NewPeer(cfg PeerConfig) (*Peer, error) {
	if len(strongest(cfg.Fingerprints)) == 0 || cfg.Handler == nil {
		return nil, ErrBadConfig
	}
	if err := checkCredentials(cfg.Ufrag, cfg.Pwd); err != nil {
		return nil, err
	}
	cert, err := t.certificate()
	if err != nil {
		return nil, err
	}
	p, err := t.newPeer(cfg, cert)
	if err != nil {
		return nil, err
	}
	if err := t.add(p); err != nil {
		return nil, errors.Join(err, p.abandon())
	}
	if err := p.start(p.current, cfg.Pwd, usableCandidates(cfg.Candidates, cfg.Ufrag)); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (t *Transport) add(p *Peer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	if len(t.peers) >= maxPeers {
		return ErrTooManyPeers
	}
	t.peers[p] = struct{}{}
	return nil
}

func (t *Transport) forget(p *Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.peers, p)
}

// Close closes every peer, the sockets and the listener, and waits for their
// goroutines. Never call it from a Handler. Further calls do nothing.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	peers := make([]*Peer, 0, len(t.peers))
	for p := range t.peers {
		peers = append(peers, p)
	}
	t.mu.Unlock()
	for _, p := range peers {
		p.beginClose()
	}
	for _, p := range peers {
		<-p.done
	}
	t.mux.closing.Store(true)
	var errs []error
	for _, c := range t.cfg.UDP {
		errs = append(errs, c.Close())
	}
	if t.tcp != nil {
		t.tcp.close()
	}
	t.wg.Wait()
	return errors.Join(errs...)
}
