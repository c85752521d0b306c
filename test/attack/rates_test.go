package attack

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
)

// burst is what one address may send at once at a rate of ten a second, the default of
// --max-failure-rate. Requests have the same here: at their own default a busy machine would
// not reach the bound.
const burst = 10 * 10

func slow() []string { return []string{"--max-failure-rate", "10", "--max-request-rate", "10"} }

// wantSlowed sends the request, numbered from 0, until it is answered by a 429 that says when to
// come back; at most often enough for a bound that is twice what it should be.
func (n *keep) wantSlowed(t *testing.T, by *http.Client, most int, problem string, r func(i int) request) {
	t.Helper()
	for i := range 2*most + 1 {
		a := n.doBy(t, by, r(i))
		if a.status != http.StatusTooManyRequests {
			if a.status < 300 {
				t.Fatalf("request %d: ACCEPTED: %v", i, a)
			}
			continue
		}
		if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 || a.problem() != problem {
			t.Errorf("request %d: Retry-After %q, %v, want %s", i, a.header.Get("Retry-After"), a, problem)
		}
		if i < most-1 {
			t.Errorf("slowed after %d requests, want %d at least", i, most)
		}
		return
	}
	t.Errorf("%d requests and no 429", 2*most+1)
}

// TestBruteForce: who tries tokens is not listened to for a while, whatever it says about where
// it is. Nobody else feels it, not even who is at work at the same address.
func TestBruteForce(t *testing.T) {
	p := newPeople(t, slow()...)
	n, evil, other := p.keep, from(t, "127.0.0.2"), from(t, "127.0.0.3")
	list := func(token string, header ...string) request {
		return request{"GET", "/streams.json", "", header}.bearer(token)
	}
	session := n.doBy(t, evil, post("/whep/ann", offer("whep")).bearer(good()))
	if session.status != http.StatusCreated {
		t.Fatalf("before: %v", session)
	}
	n.wantSlowed(t, evil, burst, "too-many-failures", func(i int) request {
		return list(sign(object{"alg": "HS256"}, rights("i", i), "HS256", []byte(fmt.Sprint(i))), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i%256))
	})
	for name, r := range map[string]request{
		"made-up address": list("x.y.z", "X-Forwarded-For", "203.0.113.7"), "another": list("x.y.z", "Forwarded", "for=203.0.113.7", "X-Real-IP", "203.0.113.7"),
		"publish": post("/whip/x", offer("whip")).bearer("x.y.z"), "a session": request{method: "DELETE", path: n.session(session)}.bearer("x.y.z"),
	} {
		// One in a tenth of a second is listened to.
		var a answer
		for range 10 {
			if a = n.doBy(t, evil, r); a.status == http.StatusTooManyRequests {
				break
			}
		}
		if a.status != http.StatusTooManyRequests {
			t.Errorf("%s: %v, want 429", name, a)
		}
	}
	for range 20 {
		if a := n.doBy(t, other, list(good())); a.status != http.StatusOK {
			t.Fatalf("somebody else: %v", a)
		}
	}
	if a := n.doBy(t, evil, request{method: "DELETE", path: n.session(session)}); a.status != http.StatusOK {
		t.Errorf("a session of the same address cannot end: %v", a)
	}
	p.wantAlive(t)
}

// TestRequestFlood: one address cannot keep the node busy with requests that need no token.
func TestRequestFlood(t *testing.T) {
	p := newPeople(t, slow()...)
	evil, other := from(t, "127.0.0.2"), from(t, "127.0.0.3")
	p.wantSlowed(t, evil, burst, "too-many-requests", func(i int) request {
		switch i % 3 {
		case 0:
			return post("/whip/x", offer("whip"))
		case 1:
			return request{"PATCH", "/whip/x/" + random(16), "", []string{"Content-Type", "application/trickle-ice-sdpfrag"}}
		}
		return request{method: "DELETE", path: "/whip/x/" + random(16)}
	})
	a := p.doBy(t, other, post("/whep/ann", offer("whep")).bearer(good()))
	if a.status != http.StatusCreated {
		t.Errorf("somebody else: %v", a)
	}
	p.leave(t, a)
	p.wantAlive(t)
}
