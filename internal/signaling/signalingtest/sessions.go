package signalingtest

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

var sessionRows = []Row{
	{"W70", "E51", "never_connected", testNeverConnected},
	{"W72", "E50", "unguessable", testUnguessable},
	{"W73_W74_W75", "E49", "delete", testDelete},
	{"W76", "E54", "session_auth", testSessionAuth},
	{"W79", "E49", "parallel_delete", testParallelDelete},
	{"W134", "E54", "logs", testLogs},
}

func testNeverConnected(t *testing.T, k Kit) {
	synctest.Test(t, func(t *testing.T) {
		x := k.New(t, signaling.Config{})
		r := x.Create(t, "live", "")
		time.Sleep(signaling.DefaultConnectTimeout - time.Second)
		x.Do(t, Request{Method: "GET", Path: r.Path}).Want(t, 204)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		x.Do(t, Request{Method: "GET", Path: r.Path}).Want(t, 404)
		x.Do(t, Request{Method: "DELETE", Path: r.Path}).Want(t, 404)
		wantSessions(t, x, 0)
		x.Create(t, "live", "")
	})
}

var urlID = regexp.MustCompile(`^[A-Za-z0-9_-]{22,}$`)

func testUnguessable(t *testing.T, k Kit) {
	x := k.Guarded(t)
	token := Token(t, k.Kind.Action(), "*")
	seen := map[string]bool{}
	firsts := map[byte]bool{}
	for i := range 100 {
		r := x.Create(t, "live"+string(rune('a'+i%26))+string(rune('a'+i/26)), token)
		id := r.Path[strings.LastIndex(r.Path, "/")+1:]
		if !urlID.MatchString(id) || seen[id] || strings.Contains(r.URL, token) {
			t.Fatalf("session URL %q", r.URL)
		}
		seen[id] = true
		firsts[id[0]] = true
	}
	if len(firsts) < 10 {
		t.Errorf("ids begin with only %d characters", len(firsts))
	}
}

func testDelete(t *testing.T, k Kit) {
	x := k.Open(t)
	for _, ifMatch := range []string{"", `"bogus"`} {
		r := x.Create(t, "live", "")
		q := Request{Method: "DELETE", Path: r.Path}
		x.Do(t, Request{Method: "DELETE", Path: r.Path + "x"}).Want(t, 404)
		if ifMatch != "" {
			q = q.With("If-Match", ifMatch)
		}
		d := x.Do(t, q).Want(t, 200)
		if d.Body != "" || d.Header.Get("Content-Length") != "0" {
			t.Errorf("body %q, length %q", d.Body, d.Header.Get("Content-Length"))
		}
		for _, method := range []string{"DELETE", "GET", "HEAD", "PATCH", "PUT", "POST"} {
			x.Do(t, Request{Method: method, Path: r.Path}).Want(t, 404)
		}
		wantSessions(t, x, 0)
	}
}

func testSessionAuth(t *testing.T, k Kit) {
	action := k.Kind.Action()
	mine := Token(t, action, "live")
	renewed := Token(t, action, "live", func(c *auth.Claims) { c.ID = "renewed" })
	foreign := Token(t, action, "other")
	someone := Token(t, action, "live", func(c *auth.Claims) { c.Subject = "someone" })
	for name, c := range map[string]struct {
		strict bool
		header string
		want   int
	}{
		"capability":      {false, "", 200},
		"wrong token":     {false, "Bearer wrong", 401},
		"other scheme":    {false, "Basic dTpw", 401},
		"other stream":    {false, "Bearer " + foreign, 403},
		"other subject":   {false, "Bearer " + someone, 403},
		"same token":      {false, "Bearer " + mine, 200},
		"renewed token":   {false, "Bearer " + renewed, 200},
		"strict none":     {true, "", 401},
		"strict foreign":  {true, "Bearer " + foreign, 403},
		"strict same":     {true, "Bearer " + mine, 200},
		"strict renewed":  {true, "Bearer " + renewed, 200},
		"strict nonsense": {true, "Bearer undefined", 401},
	} {
		t.Run(name, func(t *testing.T) {
			x := k.Guarded(t, func(cfg *signaling.Config) { cfg.RequireBearer = c.strict })
			r := x.Create(t, "live", mine)
			q := Request{Method: "DELETE", Path: r.Path}
			if c.header != "" {
				q = q.With("Authorization", c.header)
			}
			got := x.Do(t, q).Want(t, c.want)
			if c.want == 401 && !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Error("401 without a challenge")
			}
			if c.want != 200 {
				wantSessions(t, x, 1)
			}
		})
	}
}

func testParallelDelete(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	fragment := sdptest.Fragment(sdptest.RFC, "newufrag", "newpassword0123456789ab", "0")
	var ok, gone atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			switch x.Do(t, Request{Method: "DELETE", Path: r.Path}).Status {
			case 200:
				ok.Add(1)
			case 404:
				gone.Add(1)
			}
		})
		wg.Go(func() { x.Patch(t, r.Path, "*", fragment) })
	}
	wg.Wait()
	if ok.Load() != 1 || gone.Load() != 19 {
		t.Errorf("%d times 200, %d times 404", ok.Load(), gone.Load())
	}
	wantSessions(t, x, 0)
}

// syncBuffer is a log that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func testLogs(t *testing.T, k Kit) {
	var log syncBuffer
	x := k.Guarded(t, func(cfg *signaling.Config) {
		cfg.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.ICEServers, cfg.TURNSecret = []string{"turn:turn.example"}, "turn-secret"
	})
	token := Token(t, k.Kind.Action(), "live")
	r := x.Create(t, "live", token)
	x.Patch(t, r.Path, "*", sdptest.Fragment(sdptest.RFC, "newufrag", "newpassword0123456789ab", "0")).Want(t, 200)
	x.Do(t, Request{Method: "DELETE", Path: r.Path}.With("Authorization", "Bearer "+token)).Want(t, 200)
	text := log.String()
	for _, event := range []string{"created", "restarted", "ended"} {
		if !strings.Contains(text, `"event":"`+event+`"`) {
			t.Errorf("no %s in the log:\n%s", event, text)
		}
	}
	id := r.Path[strings.LastIndex(r.Path, "/")+1:]
	for _, private := range []string{token, id, sdptest.Pwd, "newpassword0123456789ab", "turn-secret"} {
		if strings.Contains(text, private) {
			t.Errorf("%q is in the log:\n%s", private, text)
		}
	}
}
