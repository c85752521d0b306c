package node

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/whippet-media/whippet/internal/config"
)

// A certificate is a key pair read from two files, and read again when one of them
// changed. Safe for concurrent use.
type certificate struct {
	files config.TLS
	log   *slog.Logger

	// mu guards the fields below.
	mu     sync.Mutex
	pair   *tls.Certificate
	read   stamps // of the files the pair was read from
	failed stamps // of files that could not be used; they are not tried again
}

// stamps tell whether two files changed.
type stamps [2]struct {
	changed time.Time
	size    int64
}

// newCertificate reads the files; that they are wrong is better known at the start.
func newCertificate(files config.TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	c.pair, c.read = &pair, c.stamps()
	return c, nil
}

// config returns a server's TLS settings: h2 and HTTP/1.1, TLS 1.2 or later.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// current returns the pair of the files as they are now. While they cannot be used,
// for example because one is new and the other not yet, the last good pair stays.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.stamps()
	if now == c.read || now == c.failed {
		return c.pair
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		c.failed = now
		c.log.Warn("the new certificate cannot be used, the old one stays", "error", err)
		return c.pair
	}
	c.pair, c.read, c.failed = &pair, now, stamps{}
	c.log.Info("new certificate", "expires", pair.Leaf.NotAfter)
	return c.pair
}

// stamps looks at the files; one that is gone has the zero stamp.
func (c *certificate) stamps() (s stamps) {
	for i, path := range []string{c.files.Cert, c.files.Key} {
		if info, err := os.Stat(path); err == nil {
			s[i].changed, s[i].size = info.ModTime(), info.Size()
		}
	}
	return s
}

// name returns the first name of the certificate that a browser can be sent to, "" if
// it has wildcards and addresses only.
func (c *certificate) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range c.pair.Leaf.DNSNames {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return ""
}
