package rtc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
)

// secured puts the SRTP keys in place, delivers what came early, and tells the
// handler that the peer is connected.
func (p *Peer) secured() error {
	in, out, err := p.contexts()
	if err != nil {
		return err
	}
	p.out.Store(out)
	p.mu.Lock()
	p.secure, p.securedAt = true, time.Now()
	agent := p.current.agent
	p.mu.Unlock()
	p.refreshRTT(agent)
	p.notify(Connected)
	p.receive(in)
	return nil
}

// receive begins delivery, with what came early.
func (p *Peer) receive(in *srtp.Context) {
	defer p.transport.cfg.AfterRead()
	p.inMu.Lock()
	defer p.inMu.Unlock()
	if p.inClosed {
		return
	}
	p.in = in
	for _, pk := range p.early {
		p.deliverLocked(pk)
	}
	p.early = nil
}

// outgoing is what seals our packets.
type outgoing struct {
	context *srtp.Context
	sealer  *sealer // for RTP; nil: context does it
}

// contexts makes the SRTP contexts of both directions from the DTLS keys (RFC 5764 §4.2).
func (p *Peer) contexts() (in *srtp.Context, out *outgoing, err error) {
	selected, ok := p.dtls.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, nil, errors.New("rtc: no SRTP profile agreed")
	}
	cfg := srtp.Config{Profile: srtp.ProtectionProfile(selected)}
	state, ok := p.dtls.ConnectionState()
	if !ok || len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0], p.approved) {
		return nil, nil, errFingerprint
	}
	if err = cfg.ExtractSessionKeysFromDTLS(&state, p.setup == Active); err != nil {
		return nil, nil, fmt.Errorf("export SRTP keys: %w", err)
	}
	k := cfg.Keys
	in, err = srtp.CreateContext(k.RemoteMasterKey, k.RemoteMasterSalt, cfg.Profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, nil, fmt.Errorf("make SRTP context: %w", err)
	}
	out = &outgoing{}
	if out.context, err = srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, cfg.Profile); err != nil {
		return nil, nil, fmt.Errorf("make SRTP context: %w", err)
	}
	if out.sealer, err = newSealer(cfg.Profile, k.LocalMasterKey, k.LocalMasterSalt); err != nil {
		return nil, nil, err
	}
	return in, out, nil
}

// The profiles have the same numbers in both packages: those of IANA (RFC 5764 §4.1.2).
var _ = [1]struct{}{}[int(dtls.SRTP_AEAD_AES_128_GCM)-int(srtp.ProtectionProfileAeadAes128Gcm)]

// media takes over one SRTP or SRTCP packet from the network, on the goroutine that read
// it.
func (p *Peer) media(pk *packet) {
	p.inMu.Lock()
	defer p.inMu.Unlock()
	switch {
	case p.inClosed:
		p.transport.mux.pool.put(pk)
	case p.in != nil:
		p.deliverLocked(pk)
	case len(p.early) < maxEarlyMedia:
		p.early = append(p.early, pk)
	default:
		p.transport.mux.pool.put(pk)
	}
}

// deliverLocked decrypts a packet, hands it to the handler and puts it back. One that
// follows on what closed the peer is dropped: there are no keys any more.
func (p *Peer) deliverLocked(pk *packet) {
	defer p.transport.mux.pool.put(pk)
	if p.in == nil {
		return
	}
	var ok bool
	if isRTCP(pk.bytes()) {
		ok = p.rtcpLocked(pk.bytes())
	} else {
		ok = p.rtpLocked(pk.bytes(), pk.at)
	}
	if !ok {
		p.rejected.Add(1)
		return
	}
	p.packetsIn.Add(1)
	p.bytesIn.Add(uint64(pk.n)) //nolint:gosec // not negative
	p.alive(pk)
}

func (p *Peer) rtpLocked(b []byte, at time.Time) bool {
	plain, err := p.in.DecryptRTP(b, b, &p.inHeader)
	if err != nil {
		return false
	}
	if !p.knownLocked(&p.ssrcs, p.inHeader.SSRC) {
		return false
	}
	p.handler.OnRTP(plain, at)
	return true
}

// rtcpLocked delivers the packets of a compound one by one (RFC 3550 §6.1), up to
// the first that is not well formed.
func (p *Peer) rtcpLocked(b []byte) bool {
	plain, err := p.in.DecryptRTCP(b, b, &p.inRTCP)
	if err != nil {
		return false
	}
	if !p.knownLocked(&p.rtcpSSRCs, binary.BigEndian.Uint32(plain[4:])) {
		return false
	}
	for len(plain) >= 4 {
		size := 4 * (int(binary.BigEndian.Uint16(plain[2:])) + 1)
		if plain[0]>>6 != 2 || size > len(plain) {
			return false
		}
		p.handler.OnRTCP(plain[:size:size])
		plain = plain[size:]
	}
	return true
}

// knownLocked notes a stream of the peer. SRTP keeps a state for each of them for
// good, so a peer with too many is closed.
func (p *Peer) knownLocked(known *[]uint32, ssrc uint32) bool {
	if slices.Contains(*known, ssrc) {
		return true
	}
	if len(*known) == maxSSRCs {
		p.fail()
		p.in, p.inClosed = nil, true
		return false
	}
	*known = append(*known, ssrc)
	return true
}

// alive lets a publisher's authenticated media count as a sign of life, as a Binding
// indication that the agent gets from the same address: FFmpeg 8.0 sends no STUN once
// it is connected. Subscribers must answer checks.
func (p *Peer) alive(pk *packet) {
	if p.send || pk.at.Sub(p.lastAlive) < livenessInterval {
		return
	}
	p.lastAlive = pk.at
	p.mu.Lock()
	g := p.current
	p.mu.Unlock()
	p.transport.mux.indicate(g.inMux, pk.from, pk.endpoint)
}

// WriteRTCP encrypts and sends one marshalled compound packet: to a publisher, and to another
// node what a link has to say beside the reports of its [Writer]. The slice is not kept. It does not block and does not
// allocate. ErrNotConnected, ErrQueueFull and errors of the socket say that the packet
// was not sent; ErrClosed that none will be.
func (p *Peer) WriteRTCP(compound []byte) error {
	p.outMu.Lock()
	defer p.outMu.Unlock()
	r, out, err := p.way()
	if err != nil {
		return err
	}
	pk := p.transport.mux.pool.get()
	defer p.transport.mux.pool.put(pk)
	if len(compound) > len(pk.buf)-srtpOverhead {
		return errTooLarge
	}
	sealed, err := out.context.EncryptRTCP(pk.buf[:], compound, &p.outRTCP)
	if err != nil {
		return err
	}
	if err := r.send(sealed, false); err != nil {
		return err
	}
	p.sent(len(compound))
	return nil
}

// srtpOverhead is room for what SRTP and SRTCP add to a packet: 20 bytes at the most
// with the profiles of ours (RFC 3711, RFC 7714).
const srtpOverhead = 64

var errTooLarge = errors.New("rtc: packet too large")

// way returns where media goes and what seals it.
func (p *Peer) way() (*route, *outgoing, error) {
	if p.outClosed.Load() {
		return nil, nil, ErrClosed
	}
	r, out := p.route.Load(), p.out.Load()
	if out == nil || r == nil {
		return nil, nil, ErrNotConnected
	}
	return r, out, nil
}

// sent counts a packet of n bytes.
func (p *Peer) sent(n int) {
	p.packetsOut.Add(1)
	p.bytesOut.Add(uint64(n)) //nolint:gosec // not negative
}
