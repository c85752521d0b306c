package signaling_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// TestTokensOfOrigins: a page of another origin cannot use a token that names its own;
// what is no page can.
func TestTokensOfOrigins(t *testing.T) {
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)})
	bound := signalingtest.Token(t, auth.Publish, "*", func(c *auth.Claims) { c.Origins = []string{"https://player.example"} })
	nobody := signalingtest.Token(t, auth.Publish, "*", func(c *auth.Claims) { c.Origins = []string{} })
	for i, test := range []struct {
		token, origin string
		want          int
	}{
		{bound, "https://player.example", 201},
		{bound, "https://evil.example", 403},
		{bound, "http://player.example", 403},
		{bound, "null", 403},
		{bound, "", 201},
		{nobody, "https://player.example", 403},
		{signalingtest.Token(t, auth.Publish, "*"), "https://evil.example", 201},
	} {
		q := x.OfferRequest(fmt.Sprint("s", i), x.Offer(), test.token)
		if test.origin != "" {
			q = q.With("Origin", test.origin)
		}
		r := x.Do(t, q)
		if r.Status != test.want {
			t.Errorf("%q: %d, want %d", test.origin, r.Status, test.want)
		}
		if test.want == 403 && (!strings.Contains(r.Body, "origin-not-allowed") || !strings.Contains(r.Header.Get("WWW-Authenticate"), "insufficient_scope")) {
			t.Errorf("%q: %v %s", test.origin, r.Header, r.Body)
		}
	}
}

// post sends an offer as a peer of the address with headers, and returns the status.
func post(x *signalingtest.Target, stream, token, peer string, header http.Header) int {
	r := httptest.NewRequest("POST", x.Endpoint(stream), strings.NewReader(x.Offer()))
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/sdp")
	r.Header.Set("Authorization", "Bearer "+token)
	r.RemoteAddr = peer
	w := httptest.NewRecorder()
	x.Handler.ServeHTTP(w, r)
	return w.Code
}

// TestTokensOfAddresses: the client's address counts, behind trusted proxies too, and
// nobody can make one up.
func TestTokensOfAddresses(t *testing.T) {
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{
		Verifier: signalingtest.Verifier(t), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	})
	token := signalingtest.Token(t, auth.Publish, "*", func(c *auth.Claims) {
		c.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	})
	usual := func(values ...string) http.Header { return http.Header{"X-Forwarded-For": values} }
	standard := func(values ...string) http.Header { return http.Header{"Forwarded": values} }
	both := func(x, f string) http.Header { return http.Header{"X-Forwarded-For": {x}, "Forwarded": {f}} }
	for i, test := range []struct {
		peer   string
		header http.Header
		want   int
	}{
		{"192.0.2.7:5", nil, 201},
		{"[2001:db8::7]:5", nil, 201},
		{"[::ffff:192.0.2.7]:5", nil, 201},
		{"198.51.100.1:5", nil, 403},
		{"198.51.100.1:5", usual("192.0.2.7"), 403}, // no proxy of ours
		{"198.51.100.1:5", standard("for=192.0.2.7"), 403},
		{"10.0.0.1:5", nil, 403},
		{"10.0.0.1:5", usual("192.0.2.7"), 201},
		{"10.0.0.1:5", usual("192.0.2.7, 10.0.0.2"), 201},
		{"[fd00::1]:5", usual("2001:db8::7", "10.0.0.2"), 201},
		{"10.0.0.1:5", usual("192.0.2.7, 198.51.100.1"), 403}, // the client wrote the first
		{"10.0.0.1:5", usual("192.0.2.7", "198.51.100.1"), 403},
		{"10.0.0.1:5", usual("198.51.100.1, 192.0.2.7"), 201},
		{"10.0.0.1:5", usual("192.0.2.7, nonsense"), 403},
		{"10.0.0.1:5", usual("192.0.2.7, "), 403},
		{"10.0.0.1:5", usual(""), 403},
		{"10.0.0.1:5", usual("192.0.2.7:1234"), 201},
		{"10.0.0.1:5", usual("[2001:db8::7]"), 201},
		{"10.0.0.1:5", standard(`for=192.0.2.7;proto=https`), 201},
		{"10.0.0.1:5", standard(`for="[2001:db8::7]:4711"`), 201},
		{"10.0.0.1:5", standard(`for=192.0.2.7, For=198.51.100.1`), 403},
		{"10.0.0.1:5", standard(`for=192.0.2.7, for=unknown`), 403},
		{"10.0.0.1:5", standard(`for=_hidden`), 403},
		{"10.0.0.1:5", both("192.0.2.7", "for=192.0.2.7"), 201},
		{"10.0.0.1:5", both("198.51.100.1", "for=192.0.2.7"), 403}, // one of them is the client's
		{"10.0.0.1:5", both("192.0.2.7", "for=198.51.100.1"), 403},
		{"nonsense", nil, 403},
	} {
		if got := post(x, fmt.Sprint("s", i), token, test.peer, test.header); got != test.want {
			t.Errorf("%s %v: %d, want %d", test.peer, test.header, got, test.want)
		}
	}
	if got := post(x, "free", signalingtest.Token(t, auth.Publish, "*"), "nonsense", nil); got != 201 {
		t.Errorf("a token for all: %d", got)
	}
}

// TestPlacesOfASession: its URL and its own token work from anywhere, as a client may roam;
// another token only where it is for.
func TestPlacesOfASession(t *testing.T) {
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)})
	home := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.Origins = []string{"https://a.example"} })
	s := signalingtest.NewCreated(t, x.Do(t, x.OfferRequest("live", x.Offer(), home).With("Origin", "https://a.example")))
	from := func(token, origin string) signalingtest.Request {
		q := get(s.Path).With("Origin", origin)
		if token != "" {
			q = q.With("Authorization", "Bearer "+token)
		}
		return q
	}
	other := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.ID, c.Origins = "2", []string{"https://a.example"} })
	x.Do(t, from("", "https://b.example")).Want(t, 204)
	x.Do(t, from(home, "https://b.example")).Want(t, 204)
	x.Do(t, from(other, "https://a.example")).Want(t, 204)
	x.Do(t, from(other, "https://b.example")).Want(t, 403)
}

// TestJ8SubjectsOfIssuers: subjects of two issuers that have the same name are two, for
// sessions and for who may replace whom.
func TestJ8SubjectsOfIssuers(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{Verifier: signalingtest.Verifier(t)})
	of := func(issuer, id string) string {
		return signalingtest.Token(t, auth.Publish, "*", func(c *auth.Claims) { c.Issuer, c.ID = issuer, id })
	}
	s := x.Create(t, "live", of("A", "1"))
	owner := o.last().session.Owner()
	bearer := func(token string) signalingtest.Request { return get(s.Path).With("Authorization", "Bearer "+token) }
	x.Do(t, bearer(of("A", "2"))).Want(t, 204)
	x.Do(t, bearer(of("B", "1"))).Want(t, 403)
	x.Do(t, bearer(of("", "1"))).Want(t, 403)
	x.Create(t, "other", of("A", "2"))
	if o.last().session.Owner() != owner {
		t.Error("another token of the subject is another owner")
	}
	for _, issuer := range []string{"B", ""} {
		x.Create(t, "other"+issuer, of(issuer, "1"))
		if o.last().session.Owner() == owner {
			t.Errorf("issuer %q owns what A does", issuer)
		}
	}
}

// TestW77_MaxSession: a token that bounds its sessions ends them after that time, before
// its own end or after it.
func TestW77_MaxSession(t *testing.T) {
	for life, longest := range map[time.Duration]time.Duration{time.Hour: time.Minute, time.Minute: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			o := &fakeOpener{}
			x := newTarget(t, signaling.WHIP, o, signaling.Config{Verifier: signalingtest.Verifier(t)})
			token := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) {
				c.Expires, c.MaxSession = time.Now().Add(life), longest
			})
			time.Sleep(10 * time.Second) // the session's start counts, not the token's
			s := x.Create(t, "live", token)
			o.last().session.OnState(rtc.Connected)
			time.Sleep(longest - time.Second)
			x.Do(t, get(s.Path)).Want(t, 204)
			time.Sleep(2 * time.Second)
			x.Do(t, get(s.Path)).Want(t, 404)
			x.Do(t, del(s.Path).With("Authorization", "Bearer "+token)).Want(t, 200)
			wantSessions(t, x.Service, 0, 0)
			if len(o.steps) == 0 || o.steps[0] != "peer token-expired" {
				t.Errorf("undone: %q", o.steps)
			}
		})
	}
}

func TestLimitsOfASession(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHEP, o, signaling.Config{Verifier: signalingtest.Verifier(t)})
	x.Create(t, "live", signalingtest.Token(t, auth.Subscribe, "live", func(c *auth.Claims) { c.Limits.Bitrate = 5 }))
	if got := o.last().session.Limits().Bitrate; got != 5 {
		t.Errorf("bitrate %d", got)
	}
}
