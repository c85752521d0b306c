package api_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/api"
)

func fetch(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// TestBrowse: the page and all that it loads come from the node itself.
func TestBrowse(t *testing.T) {
	page := fetch(api.Browse(), "GET", "/api/")
	if page.Code != 200 || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") || !strings.Contains(page.Body.String(), "/api/v1/openapi.yaml") {
		t.Fatalf("%d %v\n%s", page.Code, page.Header(), page.Body)
	}
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "connect-src 'self'") {
		t.Error(csp)
	}
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(loaded) < 3 {
		t.Errorf("%v", loaded)
	}
	for _, m := range loaded {
		if got := fetch(api.Browse(), "GET", m[1]); !strings.HasPrefix(m[1], "/api/") || got.Code != 200 || got.Body.Len() < 100 {
			t.Errorf("%s: %d, %d bytes", m[1], got.Code, got.Body.Len())
		}
	}
	if got := fetch(api.Browse(), "POST", "/api/"); got.Code != 405 {
		t.Errorf("POST: %d", got.Code)
	}
	run(t, func(t *testing.T, r *rig) {
		if got := fetch(r.Node.AdminHandler(), "GET", "/api/"); got.Code != 200 {
			t.Errorf("admin port: %d", got.Code)
		}
		if got := fetch(r.Node.Handler(), "GET", "/api/"); got.Code != 404 {
			t.Errorf("public port: %d", got.Code)
		}
	})
}
