package signalingtest

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

var postRows = []Row{
	{"W1_W2_W5", "E8", "created", testCreated},
	{"W3", "E8", "location", testLocation},
	{"W4", "E8", "base_url", testBaseURL},
	{"W7", "E9", "etag", testETag},
	{"W8", "E8", "media_type_loosely", testMediaTypeLoosely},
	{"W9", "E10", "media_type", testMediaType},
	{"W10", "E11_E39", "garbage", testGarbage},
	{"W11", "E8", "lf_only", testLFOnly},
	{"W14", "E11", "nothing_left", testNothingLeft},
	{"W131", "E11", "problem", testProblem},
	{"W133", "E44", "caps", testCaps},
}

func testCreated(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	if got := r.Header.Values("Content-Type"); len(got) != 1 || got[0] != "application/sdp" {
		t.Errorf("Content-Type %q", got)
	}
	if !strings.HasPrefix(r.Body, "v=0\r\n") || !strings.HasSuffix(r.Body, "\r\n") || len(r.Body) >= 8192 {
		t.Errorf("answer of %d bytes: %.20q", len(r.Body), r.Body)
	}
	if strings.Count(r.Body, "\n") != strings.Count(r.Body, "\r\n") {
		t.Error("bare line feed in the answer")
	}
	if got := mediaOf(r.Body); !strings.HasPrefix(got, "audio video") {
		t.Errorf("sections %q", got)
	}
}

var mediaLine = regexp.MustCompile(`(?m)^m=(\w+)`)

// mediaOf returns the media of the sections in order.
func mediaOf(description string) string {
	var all []string
	for _, m := range mediaLine.FindAllStringSubmatch(description, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, " ")
}

func testLocation(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	if got := r.Header.Values("Location"); len(got) != 1 {
		t.Fatalf("Location %q", got)
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" || u.Host != "example.com" || u.RawQuery != "" || u.Fragment != "" {
		t.Errorf("Location %q", r.URL)
	}
	if !strings.HasPrefix(u.Path, x.Endpoint("live")+"/") {
		t.Errorf("path %q", u.Path)
	}
	x.Do(t, Request{Method: "GET", Path: r.Path}).Want(t, 204)
	x.Do(t, Request{Method: "DELETE", Path: r.Path}).Want(t, 200)
}

func testBaseURL(t *testing.T, k Kit) {
	proxied := map[string]string{
		"Content-Type":       "application/sdp",
		"X-Forwarded-Proto":  "https",
		"X-Forwarded-Host":   "ext.example",
		"X-Forwarded-Prefix": "/m",
	}
	// The recorder's requests come from 192.0.2.1.
	trusted := signaling.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	foreign := signaling.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	for name, c := range map[string]struct {
		cfg    signaling.Config
		header map[string]string
		want   string
	}{
		"trusted":   {trusted, proxied, "https://ext.example/m/"},
		"untrusted": {foreign, proxied, "http://example.com/"},
		"forwarded": {trusted, map[string]string{
			"Content-Type": "application/sdp",
			"Forwarded":    `for=203.0.113.7;proto=https;host="ext.example:8443"`,
		}, "https://ext.example:8443/"},
		"public": {signaling.Config{PublicURL: "https://p.example/x/"}, proxied, "https://p.example/x/"},
	} {
		t.Run(name, func(t *testing.T) {
			x := k.New(t, c.cfg)
			r := x.Do(t, Request{Method: "POST", Path: x.Endpoint("live"), Body: x.Offer(), Header: c.header})
			if got := NewCreated(t, r).URL; !strings.HasPrefix(got, c.want+k.Kind.String()+"/live/") {
				t.Errorf("Location %q, want %q", got, c.want)
			}
		})
	}
}

var strongTag = regexp.MustCompile(`^"[^"*]+"$`)

func testETag(t *testing.T, k Kit) {
	r := k.Open(t).Create(t, "live", "")
	if tags := r.Header.Values("ETag"); len(tags) != 1 || !strongTag.MatchString(tags[0]) {
		t.Errorf("ETag %q", tags)
	}
}

func testMediaTypeLoosely(t *testing.T, k Kit) {
	for _, ct := range []string{"Application/SDP; charset=utf-8", "application/sdp;charset", "application/sdp ; x=\"y"} {
		x := k.Open(t)
		x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Content-Type", ct)).Want(t, 201)
	}
}

func testMediaType(t *testing.T, k Kit) {
	x := k.Open(t)
	for _, ct := range []string{
		"text/plain", "application/json", "application/x-www-form-urlencoded",
		"application/trickle-ice-sdpfrag", "application/sdpx", "", ";",
	} {
		r := x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Content-Type", ct)).Want(t, 415)
		if got := r.Header.Get("Accept-Post"); got != "application/sdp" {
			t.Errorf("%q: Accept-Post %q", ct, got)
		}
		if strings.Contains(r.Body, "v=0") {
			t.Errorf("%q: SDP in the error", ct)
		}
	}
	wantSessions(t, x, 0)
}

func testGarbage(t *testing.T, k Kit) {
	x := k.Open(t)
	offer := x.Offer()
	for _, body := range []string{
		"", "hello", "v=0", "v=0\r\n", offer[:strings.Index(offer, "o=")+6],
		strings.Repeat("\x00\xff\x17m=", 1024),
	} {
		x.Post(t, "live", body, "").Want(t, 400)
	}
	wantSessions(t, x, 0)
	x.Create(t, "live", "")
}

// wantSessions fails unless the node has so many sessions.
func wantSessions(t *testing.T, x *Target, want int) {
	t.Helper()
	if all, _ := x.Service.Sessions(); all != want {
		t.Errorf("%d sessions, want %d", all, want)
	}
}

func testLFOnly(t *testing.T, k Kit) {
	x := k.Open(t)
	offer := x.Offer(sdptest.Session("a=x-foo:1"), sdptest.LF)
	x.Post(t, "live", offer, "").Want(t, 201)
}

// testNothingLeft tries the name with another subject's token after each refusal, since
// the same one might take over what was left behind.
func testNothingLeft(t *testing.T, k Kit) {
	x := k.Guarded(t)
	action := k.Kind.Action()
	bad := Token(t, action, "live", func(c *auth.Claims) { c.Subject = "bad" })
	good := Token(t, action, "live", func(c *auth.Claims) { c.Subject = "good" })
	for _, c := range []struct {
		q      Request
		status int
	}{
		{x.OfferRequest("live", x.Offer(), bad).With("Content-Type", "text/plain"), 415},
		{x.OfferRequest("live", "v=0", bad), 400},
		{x.OfferRequest("live", x.Offer(sdptest.Without("a=ice-ufrag")), bad), 400},
		{x.OfferRequest("live", x.Offer(sdptest.Without("a=rtcp-mux")), bad), 422},
		{x.OfferRequest("live", strings.Repeat("x", 1<<20), bad), 413},
		{x.OfferRequest("live", x.Offer(), ""), 401},
		{x.OfferRequest("live", x.Offer(), "bad"), 401},
		{x.OfferRequest("live", x.Offer(), Token(t, other(k.Kind), "live")), 403},
	} {
		x.Do(t, c.q).Want(t, c.status)
		wantSessions(t, x, 0)
		s := x.Create(t, "live", good)
		wantSessions(t, x, 1)
		x.Do(t, Request{Method: "DELETE", Path: s.Path}).Want(t, 200)
	}
}

func testProblem(t *testing.T, k Kit) {
	x := k.Open(t)
	for _, c := range []struct {
		q      Request
		status int
		code   string
	}{
		{Request{Method: "POST", Path: x.Endpoint("live")}, 415, "not-sdp"},
		{x.OfferRequest("live", "v=0", ""), 400, "malformed-sdp"},
		{Request{Method: "PUT", Path: x.Endpoint("live")}, 405, "method-not-allowed"},
		{Request{Method: "GET", Path: x.Endpoint("live") + "/none"}, 404, "no-such-session"},
		{Request{Method: "GET", Path: x.Endpoint("_live")}, 404, "no-such-stream"},
		{Request{Method: "GET", Path: "/nowhere"}, 404, "not-found"},
	} {
		r := x.Do(t, c.q).Want(t, c.status)
		if r.Problem.Type != "urn:whippet:problem:"+c.code {
			t.Errorf("%s %s: type %q, want %q", c.q.Method, c.q.Path, r.Problem.Type, c.code)
		}
	}
}

func testCaps(t *testing.T, k Kit) {
	for name, limits := range map[string]signaling.Limits{
		"too-many-unconnected": {HalfOpen: 3},
		"node-full":            {Sessions: 3, HalfOpen: 10},
	} {
		x := k.New(t, signaling.Config{Limits: limits})
		var last Created
		for _, stream := range []string{"a", "b", "c"} {
			last = x.Create(t, stream, "")
		}
		r := x.Post(t, "d", x.Offer(), "").Want(t, 503)
		if r.Problem.Type != "urn:whippet:problem:"+name || r.Header.Get("Retry-After") == "" {
			t.Errorf("%+v, Retry-After %q", r.Problem, r.Header.Get("Retry-After"))
		}
		wantSessions(t, x, 3)
		x.Do(t, Request{Method: "DELETE", Path: last.Path}).Want(t, 200)
		x.Create(t, "d", "")
	}
}
