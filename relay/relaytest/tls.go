package relaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates for servers of a test. Not safe for concurrent use.
type Authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
	made int64 // certificates
}

// NewAuthority makes one.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	a.cert = a.sign("authority", &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, a.key)
	return a
}

// File returns the path of the authority's certificate, in PEM.
func (a *Authority) File() string { return filepath.Join(a.dir, "authority.crt") }

// RedisTLS starts a server as [Redis] does, that also listens for TLS on another port, with
// a certificate of the authority for a name, which may be an address. It returns that port.
// args are further settings; clients need no certificate unless they say so.
func (a *Authority) RedisTLS(name string, args ...string) (s *Server, port int) {
	a.t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	file := fmt.Sprint("server-", a.made)
	a.sign(file, c, a.newKey())
	path := filepath.Join(a.dir, file)
	port = freePort(a.t)
	return Redis(a.t, append([]string{
		"--tls-port", fmt.Sprint(port), "--tls-cert-file", path + ".crt", "--tls-key-file", path + ".key",
		"--tls-ca-cert-file", a.File(), "--tls-auth-clients", "no",
	}, args...)...), port
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// sign signs a certificate, with its own key if there is no authority yet, and writes both
// to files.
func (a *Authority) sign(file string, c *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	a.made++
	c.SerialNumber = big.NewInt(a.made)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	path := filepath.Join(a.dir, file)
	write(a.t, path+".crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(a.t, path+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}
