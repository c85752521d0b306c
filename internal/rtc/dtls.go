package rtc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"

	"github.com/whippet-media/whippet/internal/quiet"
)

// srtpProfiles are the profiles we take, best first: 128-bit GCM costs a third of
// AES-CM per packet. As DTLS server our order decides (RFC 5764 §4.1.2).
func srtpProfiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{
		dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	}
}

// newDTLS makes the peer's DTLS connection. It sends nothing before the handshake.
func (p *Peer) newDTLS(cert tls.Certificate) (*dtls.Conn, error) {
	common := []dtls.Option{
		dtls.WithCertificates(cert),
		dtls.WithSRTPProtectionProfiles(srtpProfiles()...),
		dtls.WithInsecureSkipVerify(true), // by fingerprint instead
		dtls.WithVerifyPeerCertificate(p.verify),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithDisableRetransmitBackoff(true),
		dtls.WithLoggerFactory(quiet.Logger{}),
	}
	conn := (*dtlsPacketConn)(p)
	if p.setup == Active {
		opts := make([]dtls.ClientOption, 0, len(common))
		for _, o := range common {
			opts = append(opts, o)
		}
		return dtls.ClientWithOptions(conn, placeholder(), opts...)
	}
	opts := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has proved the address
	}
	for _, o := range common {
		opts = append(opts, o)
	}
	return dtls.ServerWithOptions(conn, placeholder(), opts...)
}

var errFingerprint = errors.New("rtc: certificate does not match the fingerprint")

// verify holds the peer's certificate to the fingerprints of its offer (RFC 8122 §5).
func (p *Peer) verify(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errFingerprint
	}
	cert, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return fmt.Errorf("%w: %w", errFingerprint, err)
	}
	for _, f := range p.fingerprints {
		hash, err := fingerprint.HashFromString(f.Algorithm)
		if err != nil {
			continue
		}
		if value, err := fingerprint.Fingerprint(cert, hash); err == nil && strings.EqualFold(value, f.Value) {
			p.approved = raw[0]
			return nil
		}
	}
	return errFingerprint
}

// strongest returns the fingerprints with the strongest hash function of those given,
// which are the ones that count (RFC 8122 §5.1). MD5 must not be used and counts for
// nothing, as do unknown ones; SHA-1 serves where a client names no other.
func strongest(all []Fingerprint) []Fingerprint {
	for _, algorithm := range []string{"sha-512", "sha-384", "sha-256", "sha-224", "sha-1"} {
		found := slices.DeleteFunc(slices.Clone(all), func(f Fingerprint) bool {
			return !strings.EqualFold(f.Algorithm, algorithm)
		})
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// runDTLS does the handshake, puts the keys in place, and stays until the
// connection ends. What the peer sends as application data is thrown away.
func (p *Peer) runDTLS() {
	ctx, cancel := p.handshakeContext()
	err := p.dtls.HandshakeContext(ctx)
	cancel()
	if err == nil {
		err = p.secured()
	}
	if err != nil {
		p.fail()
		return
	}
	var b [1]byte
	for {
		if _, err := p.dtls.Read(b[:]); errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
			errors.Is(err, dtls.ErrConnClosed) || errors.Is(err, context.Canceled) {
			break
		}
	}
	p.beginClose()
}

// A dtlsPacketConn is a peer as DTLS sees it.
type dtlsPacketConn Peer

// ReadFrom returns the next DTLS datagram.
func (c *dtlsPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	p := (*Peer)(c)
	for {
		pk, err := p.session.dtls.pop()
		if err != nil {
			return 0, nil, err
		}
		n, ok := copy(b, pk.bytes()), p.guard.pass(pk.bytes(), p.isSecure())
		p.transport.mux.pool.put(pk)
		if ok {
			return n, placeholder(), nil
		}
		p.rejected.Add(1)
	}
}

func (p *Peer) isSecure() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secure
}

// WriteTo sends a DTLS datagram along the selected pair.
func (c *dtlsPacketConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	r := c.route.Load()
	if r == nil {
		return 0, ErrNotConnected
	}
	if err := r.send(b, true); err != nil && !errors.Is(err, ErrQueueFull) {
		return 0, err
	}
	return len(b), nil // lost as on any network; DTLS repeats
}

// Close is called when DTLS ends; ending the peer is runDTLS's.
func (c *dtlsPacketConn) Close() error { return nil }

// LocalAddr means nothing here.
func (c *dtlsPacketConn) LocalAddr() net.Addr { return placeholder() }

// SetDeadline is SetReadDeadline: writes do not wait.
func (c *dtlsPacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline aborts reads with a time in the past, and allows them again with
// the zero time. DTLS knows no other.
func (c *dtlsPacketConn) SetReadDeadline(t time.Time) error {
	c.session.dtls.abort(!t.IsZero())
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (c *dtlsPacketConn) SetWriteDeadline(time.Time) error { return nil }

// placeholder stands for the peer's address, which may change and DTLS need not know.
func placeholder() net.Addr { return &net.UDPAddr{} }
