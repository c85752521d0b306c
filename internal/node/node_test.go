package node_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/signaling"
)

const secret = "0123456789abcdef0123456789abcdef"

func verifier(t *testing.T) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: []byte(secret)}}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func token(t *testing.T, streams string, actions ...auth.Action) string {
	t.Helper()
	s, err := auth.Mint([]byte(secret), auth.Claims{
		Audience: []string{"whippet"}, Expires: time.Now().Add(time.Hour), Actions: actions, Streams: []string{streams},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func udpSocket(t *testing.T) net.PacketConn {
	t.Helper()
	s, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newNode starts a node on one loopback socket.
func newNode(t *testing.T, v signaling.Verifier) *node.Node {
	t.Helper()
	n, err := node.New(config.Config{MaxSessions: 100}, node.Deps{UDP: []net.PacketConn{udpSocket(t)}, Verifier: v})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func get(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestStartAndCloseLeaveNothing(t *testing.T) {
	before := goroutines()
	for range 10 {
		socket := udpSocket(t)
		n, err := node.New(config.Config{MaxSessions: 1}, node.Deps{UDP: []net.PacketConn{socket}})
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
		n.Close() // again is harmless
		if _, err := socket.WriteTo([]byte("x"), socket.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the socket is open: %v", err)
		}
	}
	wantGoroutines(t, before)
}

// goroutines counts those of the project and of pion.
func goroutines() int {
	buf := make([]byte, 1<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	n := 0
	for stack := range strings.SplitSeq(stacks, "\n\n") {
		if strings.Contains(stack, "github.com/pion/") || strings.Contains(stack, "whippet/internal/") && !strings.Contains(stack, "testing.tRunner") {
			n++
		}
	}
	return n
}

// wantGoroutines gives goroutines that told their end the time to return.
func wantGoroutines(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for goroutines() > want && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if got := goroutines(); got > want {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before\n%s", got, want, buf[:runtime.Stack(buf, true)])
	}
}

func TestAFailedStartClosesTheSockets(t *testing.T) {
	before := goroutines()
	socket := udpSocket(t)
	_, err := node.New(config.Config{PublicURL: "nonsense"}, node.Deps{UDP: []net.PacketConn{socket}})
	if err == nil {
		t.Fatal("started")
	}
	if _, err := socket.WriteTo([]byte("x"), socket.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket is open: %v", err)
	}
	wantGoroutines(t, before)
}

// TestAFailedTransportClosesTheSockets: without a media socket there is no transport.
func TestAFailedTransportClosesTheSockets(t *testing.T) {
	ice, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.New(config.Config{}, node.Deps{TCP: ice}); err == nil {
		t.Fatal("started")
	}
	if _, err := ice.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

func TestStreamsList(t *testing.T) {
	open, closed := newNode(t, nil).Handler(), newNode(t, verifier(t)).Handler()
	bearer := func(s string) []string { return []string{"Authorization", "Bearer " + s} }
	for _, test := range []struct {
		name    string
		handler http.Handler
		method  string
		header  []string
		status  int
		say     string // in WWW-Authenticate or Allow
	}{
		{"open", open, "GET", nil, 200, ""},
		{"W126 open node ignores tokens", open, "GET", bearer("x"), 200, ""},
		{"W121 no token", closed, "GET", nil, 401, `Bearer realm="whippet"`},
		{"W125 other scheme", closed, "GET", []string{"Authorization", "Basic eDp5"}, 401, `Bearer realm="whippet"`},
		{"W122 bad token", closed, "GET", bearer("x"), 401, `error="invalid_token"`},
		{"W123 publish is not play", closed, "GET", bearer(token(t, "*", auth.Publish)), 403, `error="insufficient_scope"`},
		{"play", closed, "GET", bearer(token(t, "*", auth.Subscribe)), 200, ""},
		{"W125 scheme in lower case", closed, "GET", []string{"Authorization", "bearer   " + token(t, "*", auth.Subscribe)}, 200, ""},
		{"HEAD", open, "HEAD", nil, 200, ""},
		{"W24 OPTIONS needs no token", closed, "OPTIONS", nil, 200, "GET"},
		{"POST", open, "POST", nil, 405, "GET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := get(test.handler, test.method, "/streams.json", append(test.header, "Origin", "https://player.example")...)
			if r.StatusCode != test.status {
				t.Errorf("status %d, want %d", r.StatusCode, test.status)
			}
			if said := r.Header.Get("WWW-Authenticate") + r.Header.Get("Allow"); !strings.Contains(said, test.say) {
				t.Errorf("says %q, want %q", said, test.say)
			}
			if test.name == "W121 no token" && strings.Contains(r.Header.Get("WWW-Authenticate"), "error") {
				t.Error("an error code without a token")
			}
			if r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("no CORS")
			}
			if test.status == 200 && test.method == "GET" {
				var list []any
				if err := json.NewDecoder(r.Body).Decode(&list); err != nil || list == nil || len(list) != 0 {
					t.Errorf("body: %v %v", list, err)
				}
			}
		})
	}
}

func TestPublicRoutes(t *testing.T) {
	h := newNode(t, verifier(t)).Handler()
	for _, test := range []struct {
		method, path string
		status       int
		mediaType    string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/watch/studio", 200, "text/html; charset=utf-8"},
		{"GET", "/publish/studio", 200, "text/html; charset=utf-8"},
		{"GET", "/whip/studio", 200, ""},
		{"GET", "/whep/studio", 200, "application/sdp"},
		{"POST", "/whip/studio", 401, "application/problem+json"},
		{"POST", "/whep/studio", 401, "application/problem+json"},
		{"GET", "/nowhere", 404, "application/problem+json"},
		{"GET", "/metrics", 404, "application/problem+json"}, // the admin port's, not ours
		{"GET", "/debug/pprof/", 404, "application/problem+json"},
	} {
		r := get(h, test.method, test.path)
		if r.StatusCode != test.status || r.Header.Get("Content-Type") != test.mediaType {
			t.Errorf("%s %s: %d %s, want %d %s", test.method, test.path, r.StatusCode, r.Header.Get("Content-Type"), test.status, test.mediaType)
		}
	}
}

func TestAdminRoutes(t *testing.T) {
	n := newNode(t, nil)
	h := n.AdminHandler()
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/goroutine": 200, "/": 200, "/streams/live": 200, "/node": 200, "/cluster": 200, "/whip/x": 404,
	} {
		if r := get(h, "GET", path); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	if r := get(h, "POST", "/healthz"); r.StatusCode != 405 {
		t.Errorf("POST /healthz: %d", r.StatusCode)
	}
	n.Drain()
	if r := get(h, "GET", "/readyz"); r.StatusCode != 503 {
		t.Errorf("/readyz of a closing node: %d", r.StatusCode)
	}
	if r := get(h, "GET", "/healthz"); r.StatusCode != 200 {
		t.Errorf("/healthz of a closing node: %d", r.StatusCode)
	}
}

// TestClosedNodeRefuses: what comes after Close gets an answer, and no session.
func TestClosedNodeRefuses(t *testing.T) {
	n := newNode(t, nil)
	n.Close()
	r := get(n.Handler(), "POST", "/whip/studio", "Content-Type", "application/sdp")
	if r.StatusCode < 400 || r.StatusCode == 500 {
		t.Errorf("POST: %d", r.StatusCode)
	}
	if r := get(n.AdminHandler(), "GET", "/metrics"); r.StatusCode != 200 {
		t.Errorf("/metrics: %d", r.StatusCode)
	}
	if all, _ := n.Sessions(); all != 0 {
		t.Errorf("%d sessions", all)
	}
}
