package rtc

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
)

// A certificate is what sessions made within certificateLife share. Making one for
// each session would cost more than the rest of its handshake.
type certificate struct {
	tls.Certificate
	fingerprint string // "sha-256 AB:CD:…"
	made        time.Time
}

func newCertificate(now time.Time) (*certificate, error) {
	c, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	x, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	hash, err := fingerprint.Fingerprint(x, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &certificate{c, "sha-256 " + strings.ToUpper(hash), now}, nil
}

// certificate returns the current one, after replacing it if its time is up.
func (t *Transport) certificate() (*certificate, error) {
	t.certMu.Lock()
	defer t.certMu.Unlock()
	now := time.Now()
	if t.cert == nil || now.Sub(t.cert.made) >= certificateLife {
		c, err := newCertificate(now)
		if err != nil {
			return nil, err
		}
		t.cert = c
	}
	return t.cert, nil
}
