package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/web"
)

func TestAdminPages(t *testing.T) {
	h := web.Admin()
	for path, want := range map[string]string{
		"/": "<title>Streams", "/streams/cam-1.front_x": "<title>Stream ", "/node": "<title>Node", "/cluster": "<title>Cluster", "/streams/a?x=1": "<title>Stream ",
	} {
		res := do(t, h, http.MethodGet, path, "Accept", "text/html")
		if text := body(t, res); res.StatusCode != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("GET %s: %s, want a page with %q", path, res.Status, want)
		}
	}
	for _, path := range []string{"/assets/adminlist.js", "/assets/base.css", "/favicon.ico"} {
		if res := do(t, h, http.MethodGet, path); res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", path, res.Status)
		}
	}
	for path, code := range map[string]string{
		"/publish/a": "no-such-page", "/watch/a": "no-such-page", "/none": "no-such-page", "/admin.html": "no-such-page", "/node/": "no-such-page", "/cluster/": "no-such-page",
		"/streams": "bad-stream-name", "/streams/": "bad-stream-name", "/streams/a/b": "bad-stream-name", "/streams/%3Cscript%3E": "bad-stream-name",
	} {
		res := do(t, h, http.MethodGet, path)
		if text := body(t, res); res.StatusCode != http.StatusNotFound || !strings.Contains(text, "urn:whippet:problem:"+code) {
			t.Errorf("GET %s: %s %s, want 404 %s", path, res.Status, text, code)
		}
	}
	if res := do(t, h, http.MethodPost, "/"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", res.Status)
	}
}

// TestAdminPagesAreGuarded: a page with buttons must not be framed, nor run or ask anything
// but its own.
func TestAdminPagesAreGuarded(t *testing.T) {
	for _, path := range []string{"/", "/streams/a", "/node", "/cluster", "/assets/adminlist.js", "/none"} {
		csp := do(t, web.Admin(), http.MethodGet, path).Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("GET %s: policy %q lacks %q", path, csp, want)
			}
		}
	}
}

// TestAdminPagesAreNotOnThePublicPort.
func TestAdminPagesAreNotOnThePublicPort(t *testing.T) {
	for _, path := range []string{"/node", "/cluster", "/streams/a", "/admin", "/admin.html"} {
		if res := get(t, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s", path, res.Status)
		}
	}
}
