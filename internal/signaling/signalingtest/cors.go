package signalingtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

var corsRows = []Row{
	{"W24", "E5", "options_without_token", testOptionsWithoutToken},
	{"W25_W26_W27_W28", "E5", "preflight", testPreflight},
	{"W29", "E6", "exposed", testExposed},
	{"W30", "E5", "errors", testErrorsCarryCORS},
	{"W30", "E5", "full_node", testFullNodeCarriesCORS},
	{"W31", "E5", "allow_list", testAllowList},
	{"W32", "E5", "plain_options_methods", testPlainOptionsMethods},
}

const page = "https://a.example"

// preflight is a browser's question whether a page may send the method and headers.
func preflight(path, method, headers string) Request {
	return Request{Method: "OPTIONS", Path: path, Header: map[string]string{
		"Origin":                         page,
		"Access-Control-Request-Method":  method,
		"Access-Control-Request-Headers": headers,
	}}
}

func testOptionsWithoutToken(t *testing.T, k Kit) {
	x := k.Guarded(t)
	s := x.Create(t, "live", Token(t, k.Kind.Action(), "live"))
	for _, path := range []string{x.Endpoint("live"), s.Path, s.Path + "x"} {
		x.Do(t, Request{Method: "OPTIONS", Path: path}).Want(t, 200)
		x.Do(t, preflight(path, "DELETE", "authorization")).Want(t, 200)
		x.Do(t, preflight(path, "DELETE", "").With("Authorization", "Bearer bad")).Want(t, 200)
	}
}

func testPreflight(t *testing.T, k Kit) {
	x := k.Guarded(t)
	s := x.Create(t, "live", Token(t, k.Kind.Action(), "live"))
	for _, c := range []struct{ path, method, headers string }{
		{x.Endpoint("live"), "POST", "authorization,content-type"},
		{x.Endpoint("live"), "OPTIONS", "authorization"},
		{x.Endpoint("live"), "POST", "authorization,etag"},
		{s.Path, "PATCH", "authorization,content-type,if-match"},
		{s.Path, "DELETE", "authorization,content-type,if-match"},
	} {
		r := x.Do(t, preflight(c.path, c.method, c.headers)).Want(t, 200)
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("Allow-Origin %q", got)
		}
		if !slices.Contains(list(r, "Access-Control-Allow-Methods"), strings.ToLower(c.method)) {
			t.Errorf("%s not allowed: %q", c.method, r.Header.Get("Access-Control-Allow-Methods"))
		}
		for _, h := range strings.Split(c.headers, ",") {
			if !slices.Contains(list(r, "Access-Control-Allow-Headers"), h) {
				t.Errorf("%s not allowed: %q", h, r.Header.Get("Access-Control-Allow-Headers"))
			}
		}
		if r.Header.Get("Accept-Post") != "application/sdp" {
			t.Error("no Accept-Post on a preflight")
		}
	}
}

// list splits a header into lower-case members.
func list(r Reply, header string) []string {
	return strings.Split(strings.ToLower(strings.ReplaceAll(r.Header.Get(header), " ", "")), ",")
}

func testExposed(t *testing.T, k Kit) {
	x := k.Open(t)
	x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Origin", page)).Want(t, 201).WantReadable(t)
}

// WantReadable fails the test unless a page of any origin may read the reply and every
// header that a client needs.
func (r Reply) WantReadable(t testing.TB) {
	t.Helper()
	if got := r.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != "*" {
		t.Errorf("%d with Allow-Origin %q", r.Status, got)
	}
	exposed := list(r, "Access-Control-Expose-Headers")
	for _, name := range []string{
		"location", "etag", "link", "accept-post", "accept-patch", "retry-after",
		"www-authenticate", "access-control-allow-methods",
	} {
		if !slices.Contains(exposed, name) {
			t.Errorf("%d: %s is not exposed: %q", r.Status, name, exposed)
		}
	}
}

// testErrorsCarryCORS leaves out 409, which whip and whep test: only they have it.
func testErrorsCarryCORS(t *testing.T, k Kit) {
	x := k.Guarded(t)
	token := Token(t, k.Kind.Action(), "live")
	s := x.Create(t, "live", token)
	fragment := Request{Method: "PATCH", Path: s.Path}.With("Content-Type", "application/trickle-ice-sdpfrag")
	large := fragment.With("If-Match", s.Tag)
	large.Body = strings.Repeat("a=x\r\n", 20_000)
	for _, c := range []struct {
		q      Request
		status int
	}{
		{x.OfferRequest("live", x.Offer(), ""), 401},
		{x.OfferRequest("live", x.Offer(), "bad"), 401},
		{x.OfferRequest("other", x.Offer(), token), 403},
		{x.OfferRequest("live", "v=0", token), 400},
		{x.OfferRequest("live", x.Offer(sdptest.Without("a=rtcp-mux")), token), 422},
		{x.OfferRequest("live", strings.Repeat("x", 1<<20), token), 413},
		{x.OfferRequest("live", x.Offer(), token).With("Content-Type", "text/plain"), 415},
		{Request{Method: "PUT", Path: x.Endpoint("live")}, 405},
		{Request{Method: "PUT", Path: s.Path}, 405},
		{Request{Method: "FOO", Path: s.Path}, 405},
		{Request{Method: "GET", Path: s.Path + "x"}, 404},
		{Request{Method: "GET", Path: "/nowhere"}, 404},
		{Request{Method: "FOO", Path: "/nowhere"}, 404},
		{fragment, 428},
		{fragment.With("If-Match", `"old"`), 412},
		{fragment.With("If-Match", s.Tag).With("Content-Type", "text/plain"), 415},
		{fragment.With("If-Match", s.Tag), 400},
		{large, 413},
	} {
		x.Do(t, c.q.With("Origin", page)).Want(t, c.status).WantReadable(t)
	}
}

func testFullNodeCarriesCORS(t *testing.T, k Kit) {
	x := k.New(t, signaling.Config{Limits: signaling.Limits{HalfOpen: 1}})
	x.Create(t, "live", "")
	r := x.Do(t, x.OfferRequest("other", x.Offer(), "").With("Origin", page)).Want(t, 503)
	r.WantReadable(t)
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || s < 1 {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	x.Service.Close()
	x.Do(t, x.OfferRequest("other", x.Offer(), "").With("Origin", page)).Want(t, 503).WantReadable(t)
}

func testAllowList(t *testing.T, k Kit) {
	x := k.New(t, signaling.Config{CORSOrigins: []string{page, "https://B.example:8443/"}})
	for origin, want := range map[string]string{
		page: page, "https://b.example:8443": "https://b.example:8443",
		"https://evil.example": "", "https://a.example.evil.example": "", "null": "",
	} {
		q := Request{Method: "OPTIONS", Path: x.Endpoint("live")}
		q.Header = map[string]string{"Origin": origin}
		r := doUnchecked(x, q)
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("origin %s: Allow-Origin %q, want %q", origin, got, want)
		}
		if !slices.Contains(list(r, "Vary"), "origin") {
			t.Errorf("origin %s: Vary %q", origin, r.Header.Get("Vary"))
		}
		if r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials allowed")
		}
	}
}

func testPlainOptionsMethods(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Do(t, Request{Method: "OPTIONS", Path: x.Endpoint("live")}).Want(t, 200)
	if got := list(r, "Access-Control-Allow-Methods"); !slices.Contains(got, "patch") || !slices.Contains(got, "delete") {
		t.Errorf("Allow-Methods %q", got)
	}
}
