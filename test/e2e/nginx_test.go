//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// Behind nginx as docs/examples/nginx.conf has it: TLS, HTTP/2, a path in front, X-Forwarded-….
type behindNginx struct {
	*lab
	proxy         *harness.Proxy
	publish, play string // tokens for the stream "closed"
	data          string // folder of the node's secret
}

func newBehindNginx(t *testing.T) *behindNginx {
	t.Helper()
	data := t.TempDir()
	l := newNode(t, harness.StartNode, "--auth", "token", "--data", data, "--trusted-proxies", "127.0.0.1")
	return &behindNginx{
		lab: l, proxy: harness.StartProxy(t, strings.TrimPrefix(l.node.URL, "http://")),
		publish: l.mint(t, data, "publish"), play: l.mint(t, data, "play"), data: data,
	}
}

// A page of another origin publishes and watches through the proxy, and so do the node's own.
func TestNginxChromium(t *testing.T) {
	n := newBehindNginx(t)
	n.withBrowser(t)
	publisher := n.open(t).Publish(t, "publish", harness.Publishing{URL: n.proxy.URL + "/whip/closed", Token: n.publish, Codec: "VP8"})
	subscriber := n.open(t).Watch(t, "watch", harness.Watching{URL: n.proxy.URL + "/whep/closed", Token: n.play, Trace: true})
	wantPicture(t, subscriber)
	for _, s := range []*harness.Session{publisher, subscriber} {
		if !strings.HasPrefix(s.Location, n.proxy.URL+"/wh") {
			t.Errorf("Location %s, want one at %s", s.Location, n.proxy.URL)
		}
	}
	harness.Eventually(t, startsWithin, func() error { return toldThrough(t, subscriber) })

	own := n.browser.Open(t, n.proxy.URL+"/watch/closed?muted=1#token="+n.play, harness.View{})
	awaitState(t, own, "playing")
	list := n.browser.Open(t, n.proxy.URL+"/#token="+n.play, harness.View{})
	harness.Eventually(t, startsWithin, func() error { return listed(list, "closed") })

	wantDeleted(t, subscriber)
	wantDeleted(t, publisher)
	harness.Eventually(t, startsWithin, func() error {
		return cameAs(n.proxy.Requests(t), "OPTIONS /media/whip/closed HTTP/2.0 200", "POST /media/whip/closed HTTP/2.0 201", "POST /media/whep/closed HTTP/2.0 201")
	})
}

// toldThrough returns nil once the page was told something by server-sent events: nginx would
// keep them back if it could.
func toldThrough(t *testing.T, s *harness.Session) error {
	t.Helper()
	if told := s.Trace(t, 0).Told; len(told) == 0 {
		return fmt.Errorf("no event came through the proxy")
	}
	return nil
}

func cameAs(requests []string, want ...string) error {
	for _, r := range want {
		if !slices.Contains(requests, r) {
			return fmt.Errorf("nginx had no %q:\n%s", r, strings.Join(requests, "\n"))
		}
	}
	return nil
}

// Our own client through the proxy, which it reaches by HTTP/1.1 and by HTTP/2; every method, a
// stream of events, and what must not pass.
func TestNginxRequests(t *testing.T) {
	n := newBehindNginx(t)
	for _, h2 := range []bool{false, true} {
		name := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2]
		t.Run(name, func(t *testing.T) {
			d := &door{t: t, proxy: n.proxy, client: n.proxy.Client(h2), proto: name}
			d.want(d.do("POST", "/whep/closed", "", "", ""), http.StatusUnauthorized)
			for kind, token := range map[string]string{"whip": n.publish, "whep": n.play} {
				made := d.want(d.do("POST", "/"+kind+"/closed", token, "application/sdp", example(t, kind+"-offer.sdp")), http.StatusCreated)
				location := made.Header.Get("Location")
				if !strings.HasPrefix(location, n.proxy.URL+"/"+kind+"/closed/") {
					t.Fatalf("Location %s, want one at %s", location, n.proxy.URL)
				}
				session := strings.TrimPrefix(location, n.proxy.URL)
				d.want(d.do("PATCH", session, "", "application/trickle-ice-sdpfrag", ""), http.StatusPreconditionRequired)
				if kind == "whep" {
					d.wantEvents(session)
				}
				d.want(d.do("DELETE", session, "", "", ""), http.StatusOK)
				d.want(d.do("DELETE", session, "", "", ""), http.StatusNotFound)
			}
			d.want(d.do("POST", "/whip/closed", n.publish, "application/sdp", strings.Repeat("v=0\r\n", 20<<10)), http.StatusRequestEntityTooLarge)
			d.want(d.do("GET", "/streams.json", n.play+strings.Repeat("x", 8<<10), "", ""), http.StatusUnauthorized)
			for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/../metrics", "../whip/closed", "/%2e%2e/metrics"} {
				if r := d.do("GET", path, n.play, "", ""); r.StatusCode < 400 {
					t.Errorf("GET %s%s: %s", n.proxy.URL, path, r.Status)
				}
			}
		})
	}
}

// A door sends requests through a proxy.
type door struct {
	t      *testing.T
	proxy  *harness.Proxy
	client *http.Client
	proto  string
}

func (d *door) do(method, path, token, media, body string, header ...string) *http.Response {
	d.t.Helper()
	r, err := http.NewRequest(method, d.proxy.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { resp.Body.Close() })
	if resp.Proto != d.proto {
		d.t.Errorf("%s %s: by %s, want %s", method, path, resp.Proto, d.proto)
	}
	return resp
}

func (d *door) want(r *http.Response, status int) *http.Response {
	d.t.Helper()
	if r.StatusCode != status {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		d.t.Errorf("%s %s: %s, want %d: %s", r.Request.Method, r.Request.URL.Path, r.Status, status, body)
	}
	return r
}

// wantEvents reads the first event of a session, which comes at once or was kept back.
func (d *door) wantEvents(session string) {
	d.t.Helper()
	r := d.want(d.do("GET", session+"/events", "", "", "", "Accept", "text/event-stream"), http.StatusOK)
	line := make(chan string, 1)
	go func() {
		text, err := bufio.NewReader(r.Body).ReadString('\n')
		line <- fmt.Sprint(text, err)
	}()
	select {
	case <-line:
	case <-time.After(startsWithin):
		d.t.Errorf("no event came within %v", startsWithin)
	}
	r.Body.Close()
}

func example(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
