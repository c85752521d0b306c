package node_test

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/config"
)

// TestHostileHalfOpenTLS: whoever begins a handshake and does not go on is cut off, and
// holds up nobody meanwhile.
func TestHostileHalfOpenTLS(t *testing.T) {
	t.Parallel()
	cfg := hostConfig()
	cfg.TLS = config.TLS{Cert: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	writeCertificate(t, cfg.TLS, 1)
	h, _ := serve(t, cfg, nil)
	hello := clientHello(t)
	var wg sync.WaitGroup
	for name, s := range map[string]struct{ begin, drip []byte }{
		"one byte":           {hello[:1], nil},
		"half a header":      {hello[:3], nil},
		"half a ClientHello": {hello[:len(hello)/2], nil},
		"byte by byte":       {hello[:5], []byte{0}},
		"no answer":          {hello, nil},
		"an empty record":    {[]byte{22, 3, 1, 0, 0}, []byte{22, 3, 1, 0, 0}},
	} {
		for range 3 {
			c, err := net.Dial("tcp", h.HTTPAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer c.Close()
				stall(t, name, c, s.begin, s.drip)
			})
		}
	}
	if r, _ := fetch(t, tlsClient(true), "https://"+h.HTTPAddr().String()+"/"); r.StatusCode != 200 {
		t.Errorf("beside them: %d", r.StatusCode)
	}
	wg.Wait()
}

// stall begins a handshake and waits until the node has closed the connection.
func stall(t *testing.T, name string, c net.Conn, begin, drip []byte) {
	start := time.Now()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = c.SetReadDeadline(start.Add(slowest))
		_, err := io.Copy(io.Discard, c)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: held a connection for %v", name, time.Since(start))
		}
	}()
	_, _ = c.Write(begin)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-tick.C:
			_, _ = c.Write(drip)
		}
	}
}

// clientHello returns the first record of a handshake.
func clientHello(t *testing.T) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		defer near.Close()
		_ = tls.Client(near, &tls.Config{ServerName: "live.example", MinVersion: tls.VersionTLS12}).Handshake()
	}()
	header := make([]byte, 5)
	if _, err := io.ReadFull(far, header); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(header[3])<<8|int(header[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		t.Fatal(err)
	}
	return append(header, body...)
}
