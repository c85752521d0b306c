package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// A keep is a node under attack. It knows keys of four kinds and the keys of a partner.
type keep struct {
	*harness.Node
	jwks  *keyServer
	names atomic.Int64 // of streams, so that no attempt meets another's
}

const partner = "https://partner.example"

// newKeep starts a node; flags are added to its command line.
func newKeep(t *testing.T, flags ...string) *keep {
	t.Helper()
	return newKeepOf(t, []object{jwkOf(keys().partner.Public(), "kid", "2026", "alg", "ES256")}, flags...)
}

// newKeepOf is newKeep with the partner's key set.
func newKeepOf(t *testing.T, set []object, flags ...string) *keep {
	t.Helper()
	k := keys()
	folder := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	n := &keep{jwks: newKeyServer(t, set...)}
	n.Node = harness.StartNode(t, harness.Binary(t, harness.Build{Race: true}), append([]string{
		"--auth", "token", "--log-level", "info",
		"--max-failure-rate", "0", "--max-request-rate", "0", // what is refused is refused for its token
		"--jwt-secret-file", file("secret", k.secret),
		"--jwt-key", file("rsa.pem", pemOf(k.rsa.Public())),
		"--jwt-key", file("ec.pem", pemOf(k.ec.Public())),
		"--jwt-key", file("ed.jwk", asJSON(jwkOf(k.ed.Public(), "kid", "ed", "alg", "EdDSA"))),
		"--jwks-url", partner + "=" + n.jwks.URL,
	}, flags...)...)
	return n
}

// good is a token that the node must take; pairs change its claims.
func good(pairs ...any) string {
	return sign(object{"alg": "HS256", "typ": "JWT"}, rights(pairs...), "HS256", keys().secret)
}

// name returns the name of a stream nobody has used.
func (n *keep) name() string { return fmt.Sprintf("s%d", n.names.Add(1)) }

// A request is one HTTP request of an attacker.
type request struct {
	method, path string
	body         string
	header       []string // names and values
}

// do sends a request and reads the whole answer.
func (n *keep) do(t testing.TB, r request) answer {
	t.Helper()
	return n.doBy(t, stranger, r)
}

func (n *keep) doBy(t testing.TB, by *http.Client, r request) answer {
	t.Helper()
	req, err := http.NewRequest(r.method, n.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(r.header); i += 2 {
		req.Header.Add(r.header[i], r.header[i+1])
	}
	resp, err := by.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// stranger follows no redirect: an answer is an answer.
var stranger = &http.Client{
	Timeout:       30 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// from returns a client of another address of this machine, 127.0.0.2 and so on.
func from(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: 30 * time.Second, Transport: transport}
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, strings.TrimSpace(a.body)) }

// problem returns the type of a problem+json body; "" if it is none.
func (a answer) problem() string {
	var p struct{ Type string }
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &p) != nil {
		return ""
	}
	return strings.TrimPrefix(p.Type, "urn:whippet:problem:")
}

// session is the path of the session that a 201 made.
func (n *keep) session(a answer) string { return strings.TrimPrefix(a.header.Get("Location"), n.URL) }

// A door is a request that needs a token. Everything behind it is for those who have one.
type door struct {
	name string
	open func(stream string) request
	want int // the status of a good token
}

func (n *keep) doors() []door {
	return []door{
		{"publish", func(s string) request { return post("/whip/"+s, offer("whip")) }, http.StatusCreated},
		{"play", func(s string) request { return post("/whep/"+s, offer("whep")) }, http.StatusCreated},
		{"list", func(string) request { return request{method: "GET", path: "/streams.json"} }, http.StatusOK},
		{"steer", func(string) request { return request{method: "GET", path: "/api/v1/streams"} }, http.StatusOK},
	}
}

func post(path, offer string, header ...string) request {
	return request{"POST", path, offer, append([]string{"Content-Type", "application/sdp"}, header...)}
}

// offer is the example offer of the documents.
func offer(kind string) string {
	b, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "examples", kind+"-offer.sdp"))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// bearer returns the request with a token.
func (r request) bearer(token string) request {
	r.header = append(r.header[:len(r.header):len(r.header)], "Authorization", "Bearer "+token)
	return r
}

// wantIn fails the test unless a token opens all doors: what is refused below is then refused
// for what is wrong with it.
func (n *keep) wantIn(t *testing.T, name, token string) {
	t.Helper()
	for _, d := range n.doors() {
		a := n.do(t, d.open(n.name()).bearer(token))
		if a.status != d.want {
			t.Errorf("%s: a good token cannot %s: %v", name, d.name, a)
			continue
		}
		n.leave(t, a)
	}
}

// leave deletes the session of an answer, if it made one.
func (n *keep) leave(t *testing.T, a answer) {
	t.Helper()
	if a.header.Get("Location") == "" {
		return
	}
	if d := n.do(t, request{method: "DELETE", path: n.session(a)}); d.status != http.StatusOK {
		t.Errorf("DELETE of a session: %v", d)
	}
}

// wantOut fails the test unless every door stays shut for a token, with 401, the challenge of
// RFC 6750 and the reason given; "" for any.
func (n *keep) wantOut(t *testing.T, name, token, reason string) {
	t.Helper()
	for _, d := range n.doors() {
		a := n.do(t, d.open(n.name()).bearer(token))
		if a.status < 300 {
			t.Errorf("%s: ACCEPTED to %s: %v", name, d.name, a)
			n.leave(t, a)
			continue
		}
		challenge := a.header.Get("WWW-Authenticate")
		switch {
		case a.status != http.StatusUnauthorized || a.problem() != "token-invalid":
			t.Errorf("%s: %s: %v, want a 401 token-invalid", name, d.name, a)
		case !strings.Contains(challenge, `error="invalid_token"`) || !strings.Contains(challenge, reason):
			t.Errorf("%s: %s: challenge %s, want the reason %q", name, d.name, challenge, reason)
		case strings.Contains(a.body+challenge, "mallory"):
			t.Errorf("%s: %s: the answer repeats a claim: %v", name, d.name, a)
		}
	}
}
