package signalingtest

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/signaling"
)

var boundRows = []Row{
	{"W114", "E45", "request_rate", testRequestRate},
	{"W114", "E45", "wrong_ids", testWrongIDs},
	{"W133", "E54", "failures", testFailures},
	{"W133", "E44", "session_quotas", testSessionQuotas},
	{"W133", "E44", "token_quota", testTokenQuota},
	{"W133", "E44", "crowded_out", testCrowdedOut},
}

// proxied lets requests come from any address; see From.
func proxied(cfg *signaling.Config) {
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
}

// From returns the request as a trusted proxy passes it on from an address.
func (r Request) From(address string) Request { return r.With("X-Forwarded-For", address) }

// wantRetry fails the test unless the reply tells to come back.
func wantRetry(t *testing.T, r Reply, status int, code string) {
	t.Helper()
	r.Want(t, status)
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	if r.Problem.Type != "urn:whippet:problem:"+code {
		t.Errorf("problem %q, want %s", r.Problem.Type, code)
	}
}

// testRequestRate: who sends too much is told to wait; others, and what changes nothing,
// are not concerned.
func testRequestRate(t *testing.T, k Kit) {
	synctest.Test(t, func(t *testing.T) {
		x := k.New(t, signaling.Config{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Limits: signaling.Limits{RequestRate: 2},
		})
		post := func(from string) Reply {
			return x.Do(t, x.OfferRequest("live", "", "").From(from).With("Origin", "https://a.example"))
		}
		for range 20 {
			post("203.0.113.7").Want(t, 400)
		}
		wantRetry(t, post("203.0.113.7"), 429, "too-many-requests")
		for _, method := range []string{"PATCH", "DELETE"} {
			wantRetry(t, x.Do(t, Request{Method: method, Path: x.Endpoint("live/none")}.From("203.0.113.7")), 429, "too-many-requests")
		}
		x.Do(t, Request{Method: "OPTIONS", Path: x.Endpoint("live")}.From("203.0.113.7")).Want(t, 200)
		x.Do(t, Request{Method: "GET", Path: x.Endpoint("live")}.From("203.0.113.7")).Want(t, 200)
		post("203.0.113.8").Want(t, 400)
		for i := range 20 { // of one customer
			post(fmt.Sprintf("2001:db8::%x", i)).Want(t, 400)
		}
		post("2001:db8::ffff").Want(t, 429)
		post("2001:db8:0:1::1").Want(t, 400)
		time.Sleep(500 * time.Millisecond)
		post("203.0.113.7").Want(t, 400)
		post("203.0.113.7").Want(t, 429)
	})
}

// testWrongIDs: sessions cannot be searched for.
func testWrongIDs(t *testing.T, k Kit) {
	synctest.Test(t, func(t *testing.T) {
		x := k.New(t, signaling.Config{Limits: signaling.Limits{RequestRate: 10}})
		status := map[int]int{}
		for i := range 1000 {
			status[x.Do(t, Request{Method: "DELETE", Path: x.Endpoint("live/" + strconv.Itoa(i))}).Status]++
		}
		if status[404] != 100 || status[429] != 900 {
			t.Errorf("answers %v", status)
		}
	})
}

// testFailures: an address that tries tokens is not listened to for a while, whatever it
// sends; others are, and so is the session it has.
func testFailures(t *testing.T, k Kit) {
	synctest.Test(t, func(t *testing.T) {
		x := k.Guarded(t, proxied, func(cfg *signaling.Config) { cfg.Limits.FailureRate = 1 })
		good := Token(t, k.Kind.Action(), "*")
		post := func(stream, from, token string) Reply {
			return x.Do(t, x.OfferRequest(stream, x.Offer(), token).From(from))
		}
		mine := NewCreated(t, post("mine", "203.0.113.7", good))
		for range 10 {
			post("live", "203.0.113.7", "guess").Want(t, 401)
		}
		wantRetry(t, post("live", "203.0.113.7", "guess"), 429, "too-many-failures")
		wantRetry(t, post("live", "203.0.113.7", good), 429, "too-many-failures")
		post("live", "203.0.113.7", "").Want(t, 401) // no guess
		post("live", "203.0.113.8", good).Want(t, 201)
		x.Do(t, Request{Method: "DELETE", Path: mine.Path}.From("203.0.113.7").With("Authorization", "Bearer "+good)).Want(t, 200)
		time.Sleep(time.Second)
		post("again", "203.0.113.7", good).Want(t, 201)
		for range 100 { // good ones cost nothing
			post("again", "203.0.113.8", Token(t, other(k.Kind), "*")).Want(t, 403)
		}
	})
}

// testSessionQuotas: caps of a token, a subject and an address, each for itself.
func testSessionQuotas(t *testing.T, k Kit) {
	for name, c := range map[string]struct {
		limits     signaling.Limits
		same       bool // the third session has the token of the first two
		subject    string
		from       string
		want, free int // of a third session with the same, and of one with something else
	}{
		"token":   {signaling.Limits{TokenSessions: 2}, true, "ann", "203.0.113.7", 429, 201},
		"subject": {signaling.Limits{SubjectSessions: 2}, false, "ann", "203.0.113.8", 429, 201},
		"address": {signaling.Limits{AddressSessions: 2}, false, "bob", "203.0.113.7", 429, 201},
		"none":    {signaling.Limits{}, true, "ann", "203.0.113.7", 201, 201},
	} {
		t.Run(name, func(t *testing.T) {
			x := k.Guarded(t, proxied, func(cfg *signaling.Config) { cfg.Limits = c.limits })
			mint := func(subject string) string {
				return Token(t, k.Kind.Action(), "*", func(c *auth.Claims) { c.Subject = subject })
			}
			first := mint("ann")
			post := func(stream, from, token string) Reply {
				return x.Do(t, x.OfferRequest(stream, x.Offer(), token).From(from))
			}
			one := NewCreated(t, post("one", "203.0.113.7", first))
			post("two", "203.0.113.7", first).Want(t, 201)
			third := first
			if !c.same {
				third = Token(t, k.Kind.Action(), "*", func(d *auth.Claims) { d.Subject, d.ID = c.subject, "third" })
			}
			if r := post("three", c.from, third).Want(t, c.want); c.want == 429 {
				wantRetry(t, r, 429, "too-many-sessions")
			}
			post("other", "203.0.113.9", mint("carl")).Want(t, c.free)
			x.Do(t, Request{Method: "DELETE", Path: one.Path}).Want(t, 200)
			post("three", c.from, third).Want(t, 201)
		})
	}
}

// testTokenQuota: a token bounds its own sessions. A publisher that comes back replaces
// its session of before.
func testTokenQuota(t *testing.T, k Kit) {
	x := k.Guarded(t)
	one := Token(t, k.Kind.Action(), "*", func(c *auth.Claims) { c.Limits.Sessions = 1 })
	x.Create(t, "live", one)
	wantRetry(t, x.Post(t, "other", x.Offer(), one), 429, "too-many-sessions")
	if k.Kind == signaling.WHIP {
		x.Create(t, "live", one)
	} else {
		x.Post(t, "live", x.Offer(), one).Want(t, 429)
	}
}

// testCrowdedOut: an address that only POSTs takes what others leave, and no more.
func testCrowdedOut(t *testing.T, k Kit) {
	synctest.Test(t, func(t *testing.T) {
		const room = 11
		x := k.New(t, signaling.Config{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Limits: signaling.Limits{HalfOpen: room},
		})
		post := func(i int, from string) Reply {
			return x.Do(t, x.OfferRequest(fmt.Sprint("s", i), x.Offer(), "").From(from))
		}
		oldest := NewCreated(t, post(0, "203.0.113.7"))
		for i := 1; i < room; i++ {
			time.Sleep(time.Millisecond)
			post(i, "203.0.113.7").Want(t, 201)
		}
		wantRetry(t, post(room, "203.0.113.7"), 503, "too-many-unconnected")
		for i := range room / 2 {
			post(100+i, "203.0.113.8").Want(t, 201)
		}
		synctest.Wait()
		wantSessions(t, x, room)
		x.Do(t, Request{Method: "GET", Path: oldest.Path}).Want(t, 404)
		post(room, "203.0.113.8").Want(t, 503) // it would have as many as the other
		post(room+1, "203.0.113.9").Want(t, 201)
		synctest.Wait()
		wantSessions(t, x, room)
	})
}
