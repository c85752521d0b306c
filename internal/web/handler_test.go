package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/web"
)

// get asks the pages for a path, as a browser that navigates does.
func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	return do(t, web.Handler(), http.MethodGet, path, append([]string{"Accept", "text/html,*/*;q=0.8"}, header...)...)
}

func do(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestPages(t *testing.T) {
	for path, want := range map[string]string{
		"/":                      "<title>Live streams",
		"/publish/studio":        "<title>Publish",
		"/watch/cam-1.front_x":   "<title>Watch",
		"/watch/a?stats=1&x=%2F": "<title>Watch",
	} {
		res := get(t, path)
		if res.StatusCode != http.StatusOK || !strings.Contains(body(t, res), want) {
			t.Errorf("GET %s: %s, want a page with %q", path, res.Status, want)
		}
		if ct := res.Header.Get("Content-Type"); ct != "text/html; charset=utf-8" {
			t.Errorf("GET %s: Content-Type %q", path, ct)
		}
	}
}

func TestSecurityHeadersAreOnEverything(t *testing.T) {
	for _, path := range []string{"/", "/publish/a", "/watch/a", "/assets/whip.js", "/none", "/publish/-bad"} {
		h := get(t, path).Header
		for name, want := range map[string][]string{
			"Content-Security-Policy": {"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';", "base-uri 'none'", "form-action 'none'"},
			"Permissions-Policy":      {"camera=(self)", "microphone=(self)", "display-capture=(self)", "geolocation=()"},
			"Referrer-Policy":         {"no-referrer"},
			"X-Content-Type-Options":  {"nosniff"},
		} {
			for _, part := range want {
				if !strings.Contains(h.Get(name), part) {
					t.Errorf("GET %s: %s is %q, want %q in it", path, name, h.Get(name), part)
				}
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("GET %s: the policy allows something unsafe", path)
		}
	}
}

func TestOnlyTheWatchPageMayBeFramed(t *testing.T) {
	for path, want := range map[string]string{
		"/": "frame-ancestors 'none'", "/publish/a": "frame-ancestors 'none'",
		"/watch/a": "frame-ancestors *", "/watch/-": "frame-ancestors 'none'",
	} {
		if csp := get(t, path).Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, want) {
			t.Errorf("GET %s: policy %q, want it to end in %q", path, csp, want)
		}
	}
}

func TestConnectOriginsCannotAddDirectives(t *testing.T) {
	h := web.New(web.Config{ConnectOrigins: func() []string {
		return []string{
			"https://media.example", "http://[2001:db8::1]:8080", "https://x; script-src *", "*", "https:", "data:", "https:x", "javascript:1", "https://a b",
		}
	}})
	csp := do(t, h, http.MethodGet, "/").Header.Get("Content-Security-Policy")
	if want := "connect-src 'self' https://media.example http://[2001:db8::1]:8080 https:; "; !strings.Contains(csp, want) {
		t.Errorf("policy %q, want %q in it", csp, want)
	}
}

func TestAssetsAreForEveryOriginAndRevalidated(t *testing.T) {
	res := get(t, "/assets/whep.js")
	etag := res.Header.Get("ETag")
	for name, want := range map[string]string{
		"Content-Type":                 "text/javascript; charset=utf-8",
		"Access-Control-Allow-Origin":  "*",
		"Cross-Origin-Resource-Policy": "cross-origin",
		"Cache-Control":                "no-cache",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(etag, `"`) || len(etag) < 10 {
		t.Fatalf("ETag %q is not strong", etag)
	}
	if again := get(t, "/assets/whep.js", "If-None-Match", etag); again.StatusCode != http.StatusNotModified || body(t, again) != "" {
		t.Errorf("same tag: %s, want an empty 304", again.Status)
	}
	if other := get(t, "/assets/whep.js", "If-None-Match", `"other"`); other.StatusCode != http.StatusOK {
		t.Errorf("another tag: %s, want 200", other.Status)
	}
	if page := get(t, "/"); page.Header.Get("ETag") == etag || page.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the page shares the asset's tag or its CORS header")
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct{ path, code string }{
		{"/none", "no-such-page"},
		{"/assets/", "no-such-page"},
		{"/assets/none.js", "no-such-page"},
		{"/assets/../handler.go", "no-such-page"},
		{"/assets/problem.html", "no-such-page"},
		{"/index.html", "no-such-page"},
		{"/publish", "bad-stream-name"},
		{"/watch/", "bad-stream-name"},
		{"/watch/a/b", "bad-stream-name"},
		{"/watch/.hidden", "bad-stream-name"},
		{"/publish/%3Cscript%3E", "bad-stream-name"},
		{"/watch/" + strings.Repeat("a", 129), "bad-stream-name"},
	} {
		res := do(t, web.Handler(), http.MethodGet, tt.path, "Accept", "*/*")
		var p struct {
			Type, Title, Detail string
			Status              int
		}
		if err := json.Unmarshal([]byte(body(t, res)), &p); err != nil {
			t.Errorf("GET %s: %v", tt.path, err)
		}
		if p.Type != "urn:whippet:problem:"+tt.code || p.Status != 404 || res.StatusCode != 404 || p.Detail == "" {
			t.Errorf("GET %s: %s %+v, want 404 %s", tt.path, res.Status, p, tt.code)
		}
		if ct := res.Header.Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("GET %s: Content-Type %q", tt.path, ct)
		}
	}
}

func TestAPersonGetsAProblemPage(t *testing.T) {
	res := get(t, "/a/b/<script>")
	text := body(t, res)
	if res.StatusCode != 404 || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%s %s, want a 404 page", res.Status, res.Header.Get("Content-Type"))
	}
	if !strings.Contains(text, `href="../../assets/base.css"`) || !strings.Contains(text, "There is no such page") {
		t.Errorf("the page has no style or no words:\n%s", text)
	}
	if strings.Contains(text, "{{") || strings.Contains(text, "<script") {
		t.Errorf("the page has placeholders left or repeats the path:\n%s", text)
	}
	if vary := res.Header.Get("Vary"); vary != "Accept" {
		t.Errorf("Vary %q, want Accept", vary)
	}
}

func TestOnlyReading(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		res := do(t, web.Handler(), method, "/watch/a")
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, res.Status, res.Header.Get("Allow"))
		}
	}
	head := do(t, web.Handler(), http.MethodHead, "/")
	if head.StatusCode != 200 || body(t, head) != "" || head.Header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %s with length %s", head.Status, head.Header.Get("Content-Length"))
	}
}
