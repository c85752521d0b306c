package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxyStart is how long nginx may take until it accepts connections.
const proxyStart = 10 * time.Second

// Proxy is an nginx that runs the example of the documents (docs/examples/nginx.conf) in front of
// a node, with a certificate nobody vouches for.
type Proxy struct {
	*Process
	Addr string // host:port that speaks TLS
	URL  string // of the node as clients see it: https, with the example's path
	log  string // path of the access log
}

// StartProxy starts nginx in front of the node at the given host:port. It ends with the test.
func StartProxy(t testing.TB, node string) *Proxy {
	t.Helper()
	folder, addr := t.TempDir(), loopback(FreePort(t))
	p := &Proxy{Addr: addr, URL: "https://" + addr + "/media", log: filepath.Join(folder, "access.log")}
	writeCertificate(t, folder)
	writeFile(t, filepath.Join(folder, "site.conf"), exampleFor(t, addr, node, folder))
	main := filepath.Join(folder, "nginx.conf")
	writeFile(t, main, frame(folder))
	p.Process = Start(t, Command{Path: "/usr/sbin/nginx", Args: []string{"-p", folder, "-e", "stderr", "-c", main}})
	Eventually(t, proxyStart, func() error {
		if !p.Running() {
			return fmt.Errorf("nginx ended:\n%s", p.Process.Log())
		}
		c, err := tls.Dial("tcp", addr, insecure())
		if err != nil {
			return err
		}
		return c.Close()
	})
	return p
}

// exampleFor is the example with this test's ports and files; what it replaces must be there.
func exampleFor(t testing.TB, addr, node, folder string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(), "docs", "examples", "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for from, to := range map[string]string{
		"listen 443 ssl http2;":                "listen " + addr + " ssl http2;",
		"server 127.0.0.1:8080;":               "server " + node + ";",
		"/etc/ssl/live.example/fullchain.pem;": filepath.Join(folder, "cert.pem") + ";",
		"/etc/ssl/live.example/privkey.pem;":   filepath.Join(folder, "key.pem") + ";",
	} {
		if strings.Count(text, from) != 1 {
			t.Fatalf("docs/examples/nginx.conf has %q %d times, want once", from, strings.Count(text, from))
		}
		text = strings.Replace(text, from, to, 1)
	}
	return text
}

// frame is what Debian's nginx.conf would be, with everything in one folder. The log says of each
// request how it came.
func frame(folder string) string {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	temp := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("\t%s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	return user + `daemon off;
worker_processes 1;
pid ` + filepath.Join(folder, "pid") + `;
events {
	worker_connections 512;
}
http {
	log_format came "$request_method $uri $server_protocol $status";
	access_log ` + filepath.Join(folder, "access.log") + ` came;
` + temp + `	include ` + filepath.Join(folder, "site.conf") + `;
}
`
}

// Requests returns what nginx was asked for and has answered: "POST /media/whip/a HTTP/2.0 201".
func (p *Proxy) Requests(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// Client returns an HTTP client that takes the proxy's certificate, and follows no redirect. With
// h2 it speaks HTTP/2, else HTTP/1.1.
func (p *Proxy) Client(h2 bool) *http.Client {
	return &http.Client{
		Timeout:       time.Minute,
		Transport:     &http.Transport{TLSClientConfig: insecure(), ForceAttemptHTTP2: h2},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ClientFrom is Client by HTTP/1.1 from another address of this machine, 127.0.0.2 and so on.
func (p *Proxy) ClientFrom(address string) *http.Client {
	c := p.Client(false)
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c.Transport = &http.Transport{TLSClientConfig: insecure(), DialContext: dialer.DialContext}
	return c
}

// Dial opens a TLS connection to the proxy, for bytes that are hardly HTTP/1.1.
func (p *Proxy) Dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", p.Addr, insecure())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// insecure takes any certificate: the proxy's is made for this test.
func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeCertificate writes cert.pem and key.pem for the loopback address.
func writeCertificate(t testing.TB, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "live.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"live.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, filepath.Join(folder, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}
