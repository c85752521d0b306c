package node_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/signaling"
)

func hostConfig() config.Config {
	return config.Config{
		HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Admin: "127.0.0.1:0", MaxSessions: 10,
		Announce: []config.Announce{{Host: "127.0.0.1"}},
	}
}

// serve runs a host until the test ends or stop is called, which waits.
func serve(t *testing.T, cfg config.Config, logs *node.Logs) (h *node.Host, stop func()) {
	t.Helper()
	return serveFor(t, cfg, nil, logs)
}

// serveFor is serve with keys for tokens.
func serveFor(t *testing.T, cfg config.Config, v signaling.Verifier, logs *node.Logs) (h *node.Host, stop func()) {
	t.Helper()
	h, err := node.Open(t.Context(), cfg, v, logs, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx) }()
	var done bool
	stop = func() {
		cancel()
		if done {
			return
		}
		done = true
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(stop)
	return h, stop
}

func fetch(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func TestHostServesAndCloses(t *testing.T) {
	before := goroutines()
	h, stop := serve(t, hostConfig(), nil)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	public, admin := "http://"+h.HTTPAddr().String(), "http://"+h.AdminAddr().String()
	if r, _ := fetch(t, client, public+"/"); r.StatusCode != 200 {
		t.Errorf("page: %d", r.StatusCode)
	}
	if r, body := fetch(t, client, admin+"/healthz"); r.StatusCode != 200 || body != "ok\n" {
		t.Errorf("health: %d %q", r.StatusCode, body)
	}
	stop()
	for _, url := range []string{public, admin} {
		if _, err := client.Get(url); err == nil {
			t.Errorf("%s still answers", url)
		}
	}
	free, err := net.ListenPacket("udp", h.MediaAddr().String())
	if err != nil {
		t.Errorf("the media port is taken: %v", err)
	} else {
		free.Close()
	}
	wantGoroutines(t, before)
}

// TestMediaFollowsTheHTTPPort: one number to open in a firewall.
func TestMediaFollowsTheHTTPPort(t *testing.T) {
	cfg := hostConfig()
	cfg.Media = ""
	h, _ := serve(t, cfg, nil)
	_, web, _ := net.SplitHostPort(h.HTTPAddr().String())
	_, media, _ := net.SplitHostPort(h.MediaAddr().String())
	if web != media {
		t.Errorf("HTTP on %s, media on %s", web, media)
	}
	for _, c := range h.Node().Candidates() {
		if !strings.Contains(c, " 127.0.0.1 "+media+" ") {
			t.Errorf("candidate %q", c)
		}
	}
}

func TestAPortInUseIsSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenUDP := udpSocket(t)
	defer takenUDP.Close()
	before := goroutines()
	for flag, set := range map[string]func(*config.Config){
		"--http":  func(c *config.Config) { c.HTTP = taken.Addr().String() },
		"--admin": func(c *config.Config) { c.Admin = taken.Addr().String() },
		"--media": func(c *config.Config) { c.Media = takenUDP.LocalAddr().String() },
	} {
		cfg := hostConfig()
		set(&cfg)
		_, err := node.Open(t.Context(), cfg, nil, nil, "test")
		if err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), "choose another") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	wantGoroutines(t, before)
}

// TestHugeHeader: a header of 1 MiB gets an answer, not memory.
func TestHugeHeader(t *testing.T) {
	h, _ := serve(t, hostConfig(), nil)
	c, err := net.Dial("tcp", h.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")
	}()
	status := make([]byte, len("HTTP/1.1 431"))
	if _, err := io.ReadFull(c, status); err != nil || string(status) != "HTTP/1.1 431" {
		t.Errorf("%q %v", status, err)
	}
}

// writeCertificate makes a self-signed pair and returns its serial number.
func writeCertificate(t *testing.T, files config.TLS, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.example", "live.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, files.Cert, "CERTIFICATE", der, serial)
	writePEM(t, files.Key, "PRIVATE KEY", keyDER, serial)
}

// writePEM also sets a time that differs from the last one whatever the file system's
// resolution is.
func writePEM(t *testing.T, path, kind string, der []byte, serial int64) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000+serial*60, 0)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestW132TLS: HTTPS with h1 and h2, and certificates renewed under way.
func TestW132TLS(t *testing.T) {
	files := config.TLS{Cert: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	writeCertificate(t, files, 1)
	cfg := hostConfig()
	cfg.TLS = files
	var log bytes.Buffer
	h, stop := serve(t, cfg, node.NewLogs(&log, config.Log{Level: slog.LevelInfo}))
	url := "https://" + h.HTTPAddr().String() + "/"
	if got := h.CertificateName(); got != "live.example" {
		t.Errorf("name %q", got)
	}

	want := func(serial int64, proto string) {
		t.Helper()
		r, _ := fetch(t, tlsClient(proto == "HTTP/2.0"), url)
		if got := r.TLS.PeerCertificates[0].SerialNumber.Int64(); got != serial || r.Proto != proto || r.StatusCode != 200 {
			t.Errorf("certificate %d over %s: %d, want %d over %s", got, r.Proto, r.StatusCode, serial, proto)
		}
	}
	want(1, "HTTP/1.1")
	want(1, "HTTP/2.0")
	writeCertificate(t, files, 2)
	want(2, "HTTP/1.1")

	other := config.TLS{Cert: files.Cert, Key: filepath.Join(t.TempDir(), "other.pem")}
	writeCertificate(t, other, 3) // the certificate is new, its key not yet
	want(2, "HTTP/2.0")
	want(2, "HTTP/1.1")
	key, err := os.ReadFile(other.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files.Key, key, 0o600); err != nil {
		t.Fatal(err)
	}
	want(3, "HTTP/2.0")
	if err := os.Remove(files.Cert); err != nil {
		t.Fatal(err)
	}
	want(3, "HTTP/1.1")

	plain, err := net.Dial("tcp", h.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_, _ = io.WriteString(plain, "GET / HTTP/1.0\r\n\r\n")
	if b, _ := io.ReadAll(plain); !strings.Contains(string(b), "400") {
		t.Errorf("plain HTTP on a TLS port: %q", b)
	}
	stop() // the log belongs to the test now
	if n := strings.Count(log.String(), "cannot be used"); n != 2 {
		t.Errorf("%d warnings, want one for each unusable state of the files:\n%s", n, log.String())
	}
}

func tlsClient(h2 bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: h2, DisableKeepAlives: true,
	}}
}

func TestBadCertificateIsSaidAtTheStart(t *testing.T) {
	cfg := hostConfig()
	cfg.TLS = config.TLS{Cert: "/nowhere/cert.pem", Key: "/nowhere/key.pem"}
	if _, err := node.Open(t.Context(), cfg, nil, nil, "test"); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("%v", err)
	}
}
