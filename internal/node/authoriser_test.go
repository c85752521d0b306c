package node_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// TestAuthoriser: a real service decides about tokens that are not ours, is asked before
// anything is read and never by OPTIONS, and refuses all when it is away.
func TestAuthoriser(t *testing.T) {
	var asked atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q struct{ Action, Stream, Token, Address string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Address != "192.0.2.1" {
			t.Errorf("asked %+v, %v", q, err)
		}
		switch {
		case q.Token == "ann" && q.Action == "publish", q.Stream == "public" && q.Action == "play":
			_, _ = w.Write([]byte(`{"sub":"ann","limits":{"kinds":["audio","video"]}}`))
		case q.Token == "ann":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer service.Close()
	cfg, err := settings(t, "--auth-url="+service.URL, "--max-failure-rate=1")
	if err != nil {
		t.Fatal(err)
	}
	before := goroutines()
	n, err := node.New(cfg, node.Deps{UDP: []net.PacketConn{udpSocket(t)}, Verifier: verifier(t)})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path, token string) (int, http.Header, string) {
		body := sdptest.Base()
		if strings.HasPrefix(path, "/whep") {
			body = sdptest.View()
		}
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/sdp")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		n.Handler().ServeHTTP(w, r)
		return w.Code, w.Header(), w.Body.String()
	}
	for _, c := range []struct {
		method, path, token string
		want                int
		asked               int32 // by now
	}{
		{"POST", "/whip/live", token(t, "*", "publish"), 201, 0}, // ours: nobody is asked
		{"OPTIONS", "/whip/other", "ann", 200, 0},
		{"GET", "/streams.json", "ann", 401, 0}, // about no stream
		{"POST", "/whip/-", "ann", 401, 0},      // nor is this a stream
		{"POST", "/whip/other", "ann", 201, 1},
		{"POST", "/whep/other", "ann", 403, 2},
		{"POST", "/whep/other", "bob", 401, 3},
		{"POST", "/whep/other", "bob", 401, 3}, // remembered
		{"POST", "/whep/other", "", 401, 4},
		{"POST", "/whep/public", "", 201, 5},
	} {
		got, header, body := send(c.method, c.path, c.token)
		if got != c.want || asked.Load() != c.asked {
			t.Errorf("%s %s %.5s: %d after %d questions, want %d after %d: %s", c.method, c.path, c.token, got, asked.Load(), c.want, c.asked, body)
		}
		challenge := header.Get("WWW-Authenticate")
		if (got == 401 || got == 403) != strings.HasPrefix(challenge, "Bearer realm=") || c.token == "" && strings.Contains(challenge, "error") {
			t.Errorf("%s %s: challenge %q", c.method, c.path, challenge)
		}
	}
	service.Close()
	got, header, body := send("POST", "/whip/more", "ann")
	if got != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, "authoriser-unavailable") || strings.Contains(body, "127.0.0.1") {
		t.Errorf("without the service: %d %v %s", got, header, body)
	}
	for range 20 { // a service that is away is nobody's guess
		if got, _, _ := send("POST", "/whip/more", "ann"); got != 503 {
			t.Fatalf("without the service: %d", got)
		}
	}
	if got, _, _ := send("POST", "/whip/mine", token(t, "*", "publish")); got != 201 {
		t.Errorf("a token of ours without the service: %d", got)
	}
	n.Close()
	wantGoroutines(t, before)
}
