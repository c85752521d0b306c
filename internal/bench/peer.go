package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/deadline"

	"github.com/whippet-media/whippet/internal/quiet"
)

// connectTimeout bounds ICE and DTLS together; a server under load may be slow.
const connectTimeout = 15 * time.Second

// A sink gets what a connected peer receives: SRTP and SRTCP as they came, borrowed
// until return, one call at a time.
type sink interface {
	rtp(b []byte, at time.Time)
	rtcp(b []byte, at time.Time)
}

// A peer is the cheap far end of a server: one socket, ICE, DTLS, SRTP.
type peer struct {
	agent       *agent
	socket      socket
	certificate *certificate
	profile     Profile
	conn        *dtlsConn
	dtls        *dtls.Conn

	sink atomic.Pointer[sink] // nil: what comes is kept in early
	keys *keys                // set before sink
	wg   sync.WaitGroup

	// earlyMu guards the field below.
	earlyMu sync.Mutex
	early   []earlyPacket
}

// An earlyPacket came before the handshake had ended at this end: the server may send
// media as soon as it has at its own.
type earlyPacket struct {
	data []byte
	at   time.Time
}

// maxEarly is a keyframe and more.
const maxEarly = 512

// keys are both directions' keys of a finished handshake.
type keys struct {
	profile            srtp.ProtectionProfile
	in                 *srtp.Context
	remoteKey, remSalt []byte

	mu  sync.Mutex // guards out and buf
	out *srtp.Context
	buf []byte
}

// A certificate is shared by all peers of a process.
type certificate struct {
	tls         tls.Certificate
	fingerprint string
}

// newPeer opens a socket at the local address.
func newPeer(n network, local netip.Addr, cert *certificate, profile Profile) (*peer, error) {
	p := &peer{agent: newAgent(), certificate: cert, profile: profile}
	p.conn = &dtlsConn{peer: p, in: make(chan []byte, dtlsBacklog), closed: make(chan struct{}), deadline: deadline.New()}
	var opened sync.WaitGroup
	opened.Add(1)
	s, err := n.open(local, func(b []byte, from netip.AddrPort, at time.Time) {
		opened.Wait()
		p.receive(b, from, at)
	})
	if err != nil {
		return nil, err
	}
	p.socket, p.agent.socket = s, s
	opened.Done()
	return p, nil
}

func (p *peer) identity() *identity {
	return &identity{p.agent.ufrag, p.agent.pwd, p.certificate.fingerprint, p.socket.addr()}
}

func (p *peer) receive(b []byte, from netip.AddrPort, at time.Time) {
	switch classify(b) {
	case classSTUN:
		p.agent.receive(b, from)
	case classDTLS:
		p.conn.push(b)
	case classRTP, classRTCP:
		p.media(b, at)
	}
}

func (p *peer) media(b []byte, at time.Time) {
	s := p.sink.Load()
	if s == nil {
		p.earlyMu.Lock()
		defer p.earlyMu.Unlock()
		if s = p.sink.Load(); s == nil {
			if len(p.early) < maxEarly {
				p.early = append(p.early, earlyPacket{append([]byte(nil), b...), at})
			}
			return
		}
	}
	deliver(*s, b, at)
}

func deliver(s sink, b []byte, at time.Time) {
	if classify(b) == classRTP {
		s.rtp(b, at)
	} else {
		s.rtcp(b, at)
	}
}

// begin delivers what came early and lets the rest go to the sink directly.
func (p *peer) begin(s sink) {
	p.earlyMu.Lock()
	defer p.earlyMu.Unlock()
	for _, e := range p.early {
		deliver(s, e.data, e.at)
	}
	p.early = nil
	p.sink.Store(&s)
}

// connect runs ICE and DTLS with the far end of the answer. Then media goes to the
// sink that start makes of the keys.
func (p *peer) connect(ctx context.Context, a *answer, start func(*keys) (sink, error)) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	p.agent.remoteUfrag, p.agent.remotePwd = a.ufrag, a.pwd
	if !p.agent.check(a.candidates, ctx.Done()) {
		return fmt.Errorf("ICE with %v: %w", a.candidates, ctx.Err())
	}
	if err := p.handshake(ctx, a.passive); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	k, err := p.export(a.passive)
	if err != nil {
		return err
	}
	s, err := start(k)
	if err != nil {
		return err
	}
	p.keys = k
	p.begin(s)
	p.wg.Go(p.drainDTLS)
	return nil
}

func (p *peer) profiles() []dtls.SRTPProtectionProfile {
	if p.profile == CM {
		return []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM}
	}
	return []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
}

// handshake runs as client towards a passive server, else as server. The far end's
// certificate is not checked: nobody is deceived by a load generator.
func (p *peer) handshake(ctx context.Context, client bool) (err error) {
	common := []dtls.Option{
		dtls.WithCertificates(p.certificate.tls), dtls.WithSRTPProtectionProfiles(p.profiles()...),
		dtls.WithInsecureSkipVerify(true), dtls.WithLoggerFactory(quiet.Logger{}),
	}
	if client {
		var opts []dtls.ClientOption
		for _, o := range common {
			opts = append(opts, o)
		}
		p.dtls, err = dtls.ClientWithOptions(p.conn, &net.UDPAddr{}, opts...)
	} else {
		opts := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range common {
			opts = append(opts, o)
		}
		p.dtls, err = dtls.ServerWithOptions(p.conn, &net.UDPAddr{}, opts...)
	}
	if err != nil {
		return err
	}
	return p.dtls.HandshakeContext(ctx)
}

// export makes the SRTP keys of the DTLS keys (RFC 5764 §4.2).
func (p *peer) export(client bool) (*keys, error) {
	selected, ok := p.dtls.SelectedSRTPProtectionProfile()
	state, known := p.dtls.ConnectionState()
	if !ok || !known {
		return nil, errors.New("the server agreed to no SRTP profile")
	}
	cfg := srtp.Config{Profile: srtp.ProtectionProfile(selected)}
	if err := cfg.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return nil, err
	}
	in, err := srtp.CreateContext(cfg.Keys.RemoteMasterKey, cfg.Keys.RemoteMasterSalt, cfg.Profile)
	if err != nil {
		return nil, err
	}
	out, err := srtp.CreateContext(cfg.Keys.LocalMasterKey, cfg.Keys.LocalMasterSalt, cfg.Profile)
	return &keys{
		profile: cfg.Profile, in: in, out: out,
		remoteKey: cfg.Keys.RemoteMasterKey, remSalt: cfg.Keys.RemoteMasterSalt,
	}, err
}

// sendRTP seals a packet, sends it and returns it as it was sent, valid until the next call.
func (p *peer) sendRTP(packet []byte) ([]byte, error) {
	k := p.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	sealed, err := k.out.EncryptRTP(k.buf[:0], packet, nil)
	if err != nil {
		return nil, err
	}
	k.buf = sealed
	return sealed, p.socket.send(sealed, *p.agent.pair.Load())
}

// sendRTCP seals and sends a compound.
func (p *peer) sendRTCP(compound []byte) error {
	k := p.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	sealed, err := k.out.EncryptRTCP(k.buf[:0], compound, nil)
	if err != nil {
		return err
	}
	k.buf = sealed
	return p.socket.send(sealed, *p.agent.pair.Load())
}

// drainDTLS notices the far end's close_notify, and throws application data away.
func (p *peer) drainDTLS() {
	b := make([]byte, 64)
	for {
		if _, err := p.dtls.Read(b); err != nil {
			return
		}
	}
}

// close says goodbye, if there is somebody to say it to, and frees all. Nobody may
// send any more.
func (p *peer) close() {
	if p.dtls != nil {
		_ = p.dtls.Close()
	}
	p.conn.end()
	p.wg.Wait()
	p.socket.close()
}
