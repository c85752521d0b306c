package node_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// clusterHost starts a host of a cluster.
func clusterHost(t *testing.T, redis *relaytest.Server, id, dir string) *node.Host {
	t.Helper()
	cfg := hostConfig()
	cfg.NodeID, cfg.Data, cfg.Open = id, dir, true
	cfg.Cluster = config.Cluster{Redis: config.NewSecret(redis.URL()), Secret: config.NewSecret(strings.Repeat("c", 32))}
	h, _ := serveFor(t, cfg, verifier(t), nil)
	return h
}

// post publishes, and returns the status.
func post(t *testing.T, h *node.Host, stream string) int {
	t.Helper()
	answer, err := http.Post("http://"+h.HTTPAddr().String()+"/whip/"+stream, "application/sdp", strings.NewReader(sdptest.Base()))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// takeBack revokes a stream by REST.
func takeBack(t *testing.T, h *node.Host, stream string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/revocations", strings.NewReader(`{"stream":"`+stream+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token(t, "*", auth.Admin))
	w := httptest.NewRecorder()
	h.Node().AdminHandler().ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body)
	}
}

// inForceAt waits until a host refuses these streams and no others.
func inForceAt(t *testing.T, h *node.Host, within time.Duration, want ...string) {
	t.Helper()
	var got []string
	for begin := time.Now(); time.Since(begin) < within; time.Sleep(5 * time.Millisecond) {
		got = nil
		for _, r := range h.Node().Signaling().Revocations() {
			got = append(got, r.Stream)
		}
		if slices.Sort(got); slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("refused after %v: %v, want %v", within, got, want)
}

// TestJ16_RevocationsSpread: on real nodes with a real Redis, one that starts later
// included, and one whose Redis was killed meanwhile and lost everything.
func TestJ16_RevocationsSpread(t *testing.T) {
	redis := relaytest.Redis(t)
	dir := filepath.Join(t.TempDir(), "a")
	a, b := clusterHost(t, redis, "a", dir), clusterHost(t, redis, "b", "")
	if got := post(t, b, "cam"); got != http.StatusCreated {
		t.Fatal(got)
	}
	begin := time.Now()
	takeBack(t, a, "cam")
	for n := 1; n > 0; time.Sleep(time.Millisecond) {
		if n, _ = b.Node().Sessions(); time.Since(begin) > 1500*time.Millisecond { // without being told it takes 2 s
			t.Fatal("the session goes on")
		}
	}
	t.Logf("it ended after %v", time.Since(begin))
	if got := post(t, b, "cam"); got != http.StatusForbidden {
		t.Error(got)
	}

	redis.Kill()
	takeBack(t, a, "one")
	takeBack(t, b, "two")
	redis.Start()
	for _, h := range []*node.Host{a, b} {
		inForceAt(t, h, 10*time.Second, "cam", "one", "two")
	}
	late := clusterHost(t, redis, "late", "")
	inForceAt(t, late, time.Second, "cam", "one", "two")
	if !late.Node().Signaling().Unrevoke(auth.Revocation{Stream: "cam"}) {
		t.Error("not taken back")
	}
	for _, h := range []*node.Host{a, b, late} {
		inForceAt(t, h, 5*time.Second, "one", "two")
	}
	if got := post(t, b, "cam"); got != http.StatusCreated {
		t.Error(got)
	}

	text, err := os.ReadFile(filepath.Join(dir, "revoked")) // so that it starts without Redis
	if err != nil || !strings.Contains(string(text), `"two"`) {
		t.Errorf("%s %v", text, err)
	}
	redis.Kill()
	alone := clusterHost(t, redis, "alone", dir)
	inForceAt(t, alone, time.Second, "one", "two")
}
