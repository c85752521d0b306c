package nodetest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

// TestW18_DeadICEServersDelayNothing: those of --ice-server are for clients. Packets to
// them vanish, and a name cannot be resolved.
func TestW18_DeadICEServersDelayNothing(t *testing.T) {
	servers := nodetest.Config(func(c *config.Config) {
		c.ICEServers = []string{"stun:10.200.0.1:3478", "turn:10.200.0.2:3478", "stun:nosuch.invalid:3478"}
		c.TURNSecret = config.NewSecret("shared")
	})
	start := time.Now() // of real time, for what the bubble's clock would not show
	run(t, func(t *testing.T, w *nodetest.World) {
		for path, offer := range map[string]string{"/whip/studio": sdptest.Base(), "/whep/other": sdptest.View()} {
			posted := time.Now()
			r := w.Post(path, offer)
			if d := time.Since(posted); r.Status != http.StatusCreated || d > 100*time.Millisecond {
				t.Errorf("%s: %d after %v", path, r.Status, d)
			}
			n := 0
			for _, link := range r.Header.Values("Link") {
				if strings.Contains(link, `rel="ice-server"`) {
					n++
				}
			}
			if n != 3 {
				t.Errorf("%s: %d servers", path, n)
			}
		}
		w.Publish("live")
		w.Run(time.Second)
		w.Subscribe("live").WantMedia(5 * time.Second)
	}, servers)
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestW30_EveryErrorIsReadable asks the whole node: also pages, lists and what the router
// answers by itself carry what a page of another origin needs to see.
func TestW30_EveryErrorIsReadable(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(*client.PublishOptions) {})
		const sdp = "application/sdp"
		large := strings.Repeat("x", 1<<20)
		for _, c := range []struct {
			method, path, body, contentType string
			status                          int
		}{
			{"POST", "/whip/studio", sdptest.Base(), sdp, 409},
			{"POST", "/whep/absent", sdptest.View(), sdp, 409},
			{"POST", "/whip/x", sdptest.Base(), "", 415},
			{"POST", "/whip/x", "v=0", sdp, 400},
			{"POST", "/whip/x", sdptest.DataOnly(), sdp, 422},
			{"POST", "/whip/x", large, sdp, 413},
			{"PUT", "/whip/x", "", "", 405},
			{"FOO", "/whep/x", "", "", 405},
			{"GET", "/whip", "", "", 404},
			{"GET", "/whip/a/b/c", "", "", 404},
			{"GET", "/whep/a/b", "", "", 404},
			{"GET", "/nowhere", "", "", 404},
			{"POST", "/", "", "", 405},
			{"FOO", "/", "", "", 405},
			{"FOO", "/streams.json", "", "", 405},
			{"POST", "/streams.json", "", "", 405},
		} {
			r := w.Do(c.method, c.path, c.body, "Origin", "https://a.example", "Content-Type", c.contentType)
			wantReadable(t, c.method+" "+c.path, r, c.status)
		}
		w.Node.Close()
		r := w.Do("POST", "/whip/x", sdptest.Base(), "Origin", "https://a.example", "Content-Type", sdp)
		wantReadable(t, "POST to a closed node", r, 503)
	}, nodetest.RejectAbsent())
}

// TestW30_FullNodeIsReadable: 503 as well.
func TestW30_FullNodeIsReadable(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Post("/whip/one", sdptest.Base())
		r := w.Do("POST", "/whip/two", sdptest.Base(), "Origin", "https://a.example", "Content-Type", "application/sdp")
		wantReadable(t, "POST to a full node", r, 503)
	}, nodetest.Limits(signaling.Limits{HalfOpen: 1}))
}

func wantReadable(t *testing.T, what string, r nodetest.Reply, status int) {
	t.Helper()
	if r.Status != status {
		t.Errorf("%s: %d, want %d: %s", what, r.Status, status, r.Body)
	}
	if got := r.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("%s: Allow-Origin %q", what, got)
	}
	exposed := r.Header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"Location", "ETag", "Link", "Accept-Post", "Accept-Patch", "Retry-After", "WWW-Authenticate"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s: %s is not exposed: %q", what, name, exposed)
		}
	}
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: type %q", what, got)
	}
}
