package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/transport/v4/deadline"
)

// dtlsBacklog is how many handshake datagrams wait; more are lost, and repeated.
const dtlsBacklog = 16

// A dtlsConn is a peer's socket as DTLS sees it.
type dtlsConn struct {
	peer     *peer
	in       chan []byte
	closed   chan struct{}
	once     sync.Once
	deadline *deadline.Deadline
}

func (c *dtlsConn) push(b []byte) {
	select {
	case c.in <- append([]byte(nil), b...):
	default:
	}
}

func (c *dtlsConn) end() { c.once.Do(func() { close(c.closed) }) }

// ReadFrom returns the next DTLS datagram.
func (c *dtlsConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case m := <-c.in:
		return copy(b, m), c.LocalAddr(), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-c.deadline.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends a DTLS datagram to the selected address.
func (c *dtlsConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	to := c.peer.agent.pair.Load()
	if to == nil {
		return 0, net.ErrClosed
	}
	_ = c.peer.socket.send(b, *to) // lost as on any network; DTLS repeats
	return len(b), nil
}

// Close ends reads.
func (c *dtlsConn) Close() error {
	c.end()
	return nil
}

// LocalAddr means nothing here.
func (c *dtlsConn) LocalAddr() net.Addr { return &net.UDPAddr{} }

// SetDeadline is SetReadDeadline.
func (c *dtlsConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline aborts reads from t on; the zero time allows them again.
func (c *dtlsConn) SetReadDeadline(t time.Time) error {
	c.deadline.Set(t)
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (c *dtlsConn) SetWriteDeadline(time.Time) error { return nil }

// newCertificate makes a self-signed certificate as browsers do (RFC 8827 §6.5).
func newCertificate() (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "whippet bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(7 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	hex := strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
	return &certificate{tls: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, fingerprint: hex}, nil
}
