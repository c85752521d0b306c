package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// operations lists "METHOD path" of all of the API, with names of things that are not
// there, so that a request that gets through changes nothing. The document itself is left
// out.
func (r *rig) operations() (all [][2]string) {
	fill := strings.NewReplacer("{stream}", "nobody", "{id}", "none", "/api/v1/", "")
	for path, methods := range r.document.Methods("/api/v1/") {
		if path == "/api/v1/openapi.yaml" {
			continue
		}
		for _, m := range methods {
			all = append(all, [2]string{m, fill.Replace(path)})
		}
	}
	if len(all) < 20 {
		r.t.Fatalf("%d operations", len(all))
	}
	return all
}

// TestEveryOperationNeedsAToken on both ports, on a guarded node and on an open one, and
// one with the right action: admin for everything, metrics for reading.
func TestEveryOperationNeedsAToken(t *testing.T) {
	for _, open := range []bool{false, true} {
		run(t, func(t *testing.T, r *rig) {
			metrics, admin := mint(t, "reader", auth.Metrics), mint(t, "operator", auth.Admin)
			other := mint(t, "other", auth.Publish, auth.Subscribe)
			for _, port := range []http.Handler{r.Node.Handler(), r.Node.AdminHandler()} {
				for _, op := range r.operations() {
					r.send(port, op[0], op[1], "").want(401, "token-required")
					r.send(port, op[0], op[1], "", "Authorization", "Bearer bad").want(401, "token-invalid")
					r.send(port, op[0], op[1], "", "Authorization", "Bearer "+other).want(403, "not-allowed")
					got := r.send(port, op[0], op[1], "", "Authorization", "Bearer "+metrics)
					if reads := op[0] == http.MethodGet; reads == (got.StatusCode == 403) || got.StatusCode == 401 {
						t.Errorf("%v with metrics: %d", op, got.StatusCode)
					}
					if got := r.send(port, op[0], op[1], "", "Authorization", "Bearer "+admin); got.StatusCode == 401 || got.StatusCode == 403 || got.StatusCode >= 500 {
						t.Errorf("%v with admin: %d %s", op, got.StatusCode, got.text)
					}
				}
			}
		}, nodetest.Config(func(c *config.Config) { c.Open = open }))
	}
}

// TestOpenNodeStaysOpen for publishers and players, though operators have tokens.
func TestOpenNodeStaysOpen(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.Publish("studio", func(o *client.PublishOptions) { o.Token = "bad" })
		r.Subscribe("studio").WantMedia(3 * time.Second)
		s := r.sessions("studio", wire.SessionKindSubscriber)[0]
		if s.Subject != nil || s.EndsAt != nil || s.TokenID != nil {
			t.Errorf("%+v", s)
		}
		r.do("DELETE", "streams/studio/sessions/"+s.ID, "").want(204, "")
	}, nodetest.Config(func(c *config.Config) { c.Open = true }))
}

// TestANodeWithoutKeysHasNoOperators: nobody gets through, and nothing breaks.
func TestANodeWithoutKeysHasNoOperators(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.do("GET", "streams", "").want(401, "token-required")
		r.do("DELETE", "streams/studio", "").want(401, "token-required")
		r.Subscribe("studio")
	}, nodetest.Keyless())
}

// TestPrivateAPI: kept off the public port it is on the admin port.
func TestPrivateAPI(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		for _, path := range []string{"streams", "openapi.yaml", "nothing"} {
			if got := r.Do("GET", "/api/v1/"+path, "", "Authorization", "Bearer "+mint(t, "operator", auth.Admin)); got.Status != 404 {
				t.Errorf("%s: %d", path, got.Status)
			}
		}
		r.send(r.Node.AdminHandler(), "GET", "streams", "", "Authorization", "Bearer "+mint(t, "operator", auth.Admin)).want(200, "")
	}, nodetest.Config(func(c *config.Config) { c.PublicAPI = false }))
}

// TestMethods: HEAD where there is GET, OPTIONS everywhere, without a token and with CORS,
// all others refused as such; what is not there is not found.
func TestMethods(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.subscribe("studio", "viewer")
		head := r.do("HEAD", "streams/studio", "").want(200, "")
		full := r.do("GET", "streams/studio", "").want(200, "")
		if head.text != "" || head.Header.Get("Content-Length") != full.Header.Get("Content-Length") || head.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%q %v", head.text, head.Header)
		}
		if full.Header.Get("Cache-Control") != "no-store" || full.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%v", full.Header)
		}
		const allow = "OPTIONS, DELETE, GET, HEAD, PATCH"
		asked := r.send(r.Node.Handler(), "OPTIONS", "streams/studio/settings", "", "Origin", "https://page.example", "Access-Control-Request-Method", "PATCH").want(200, "")
		if asked.Header.Get("Allow") != allow || !strings.Contains(asked.Header.Get("Access-Control-Allow-Methods"), "PATCH") ||
			!strings.Contains(asked.Header.Get("Access-Control-Allow-Headers"), "If-Match") {
			t.Errorf("%v", asked.Header)
		}
		for _, method := range []string{"PUT", "POST", "PROPFIND", "TRACE"} {
			if got := r.do(method, "streams/studio/settings", "").want(405, "method-not-allowed"); got.Header.Get("Allow") != allow {
				t.Errorf("%s: %v", method, got.Header)
			}
		}
		for _, path := range []string{"", "nothing", "streams/", "streams/studio/", "streams/studio/nothing", "../v1/streams/x/y/z/w"} {
			for token, want := range map[string]int{"": 401, mint(t, "operator", auth.Admin): 404} {
				if got := r.Do("GET", "/api/v1/"+path, "", "Authorization", "Bearer "+token); got.Status != want {
					t.Errorf("%q: %d, want %d", path, got.Status, want)
				}
			}
		}
	})
}
