package attack

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A question is what a node asks the service of --auth-url.
type question struct{ Action, Stream, Token, Address string }

// A service decides about tokens, and remembers what it was asked.
type service struct {
	*httptest.Server

	mu    sync.Mutex
	asked []question
}

func newService(t *testing.T, decide func(http.ResponseWriter, question)) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q question
		_ = json.NewDecoder(r.Body).Decode(&q)
		s.mu.Lock()
		s.asked = append(s.asked, q)
		s.mu.Unlock()
		decide(w, q)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) questions() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]question(nil), s.asked...)
}

// TestServiceFailsClosed: only a clear yes of the service itself is one.
func TestServiceFailsClosed(t *testing.T) {
	yes := newService(t, func(w http.ResponseWriter, _ question) { w.WriteHeader(http.StatusOK) })
	answers := map[string]func(http.ResponseWriter){
		"refused": func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, "forbidden": func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"broken": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, "created": func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
		"redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", yes.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"no JSON": func(w http.ResponseWriter) { _, _ = w.Write([]byte("ok")) }, "a list": func(w http.ResponseWriter) { _, _ = w.Write([]byte("[]")) },
		"exp is text": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"exp":"never"}`)) }, "long over": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"exp":1}`)) },
		"another network": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"ip":["203.0.113.0/24"]}`)) }, "ip is text": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"ip":"*"}`)) },
		"endless": func(w http.ResponseWriter) {
			for range 1 << 10 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		},
		"hangs up": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	}
	s := newService(t, func(w http.ResponseWriter, q question) { answers[q.Token](w) })
	n := newKeep(t, "--auth-url", s.URL)
	for name := range answers {
		for _, kind := range []string{"whip", "whep"} {
			a := n.do(t, post("/"+kind+"/"+n.name(), offer(kind)).bearer(name))
			if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden && a.status != http.StatusServiceUnavailable {
				t.Errorf("%s: ACCEPTED: %v", name, a)
			}
		}
	}
	if len(s.questions()) < len(answers) || len(yes.questions()) > 0 {
		t.Errorf("the service was asked %d times, where it redirected to %d times", len(s.questions()), len(yes.questions()))
	}
	s.Close()
	a := n.do(t, post("/whip/x", offer("whip")).bearer("anything"))
	if a.status != http.StatusServiceUnavailable {
		t.Errorf("the service is down: %v", a)
	}
	n.wantIn(t, "good tokens need no service", good())
}

// TestServiceAnswersOneQuestion: a yes is for one action, one stream, one token. The service sees
// no token that the node can check, and what it is not asked about it does not open.
func TestServiceAnswersOneQuestion(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, q question) {
		if q.Action != "publish" || q.Stream != "a" || q.Token != "ticket" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	n := newKeep(t, "--auth-url", s.URL)
	for range 2 {
		a := n.do(t, post("/whip/a", offer("whip")).bearer("ticket"))
		if a.status != http.StatusCreated {
			t.Fatalf("allowed: %v", a)
		}
		n.leave(t, a)
		for name, r := range map[string]request{
			"play": post("/whep/a", offer("whep")).bearer("ticket"), "another stream": post("/whip/b", offer("whip")).bearer("ticket"),
			"another ticket": post("/whip/a", offer("whip")).bearer("Ticket"), "no ticket": post("/whip/a", offer("whip")),
			"the list": request{method: "GET", path: "/streams.json"}.bearer("ticket"), "the API": request{method: "GET", path: "/api/v1/streams"}.bearer("ticket"),
		} {
			if a := n.do(t, r); a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
				t.Errorf("%s: ACCEPTED: %v", name, a)
				n.leave(t, a)
			}
		}
	}
	n.wantIn(t, "checked here", good())
	for _, q := range s.questions() {
		if q.Token == good() || q.Action != "publish" && q.Action != "play" {
			t.Errorf("the service was asked %+v", q)
		}
	}
}

// TestTokensInURLs, where they are allowed: they are for this one request, and a bad one in the
// header is not made up for.
func TestTokensInURLs(t *testing.T) {
	n := newKeep(t, "--lenient", "query")
	token := good()
	a := n.do(t, post("/whip/x?token="+token, offer("whip")))
	if a.status != http.StatusCreated {
		t.Fatalf("a token in the URL: %v", a)
	}
	for name, values := range a.header {
		for _, v := range values {
			if strings.Contains(v, token) {
				t.Errorf("%s repeats the token: %s", name, v)
			}
		}
	}
	n.leave(t, a)
	for name, r := range map[string]request{
		"bad in the header": post("/whip/y?token="+token, offer("whip")).bearer("x.y.z"), "bad in the URL": post("/whip/y?token=x.y.z", offer("whip")),
		"two": post("/whip/y?token=x.y.z&token="+token, offer("whip")), "two names": post("/whip/y?access_token=x.y.z&token="+token, offer("whip")),
		"in the fragment": post("/whip/y#token="+token, offer("whip")), "expired": post("/whip/y?token="+good("exp", 1), offer("whip")),
	} {
		if a := n.do(t, r); a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest {
			t.Errorf("%s: ACCEPTED: %v", name, a)
			n.leave(t, a)
		}
	}
	wantNotLogged(t, n, token)
}

// wantNotLogged: who reads the log cannot use what stands there.
func wantNotLogged(t *testing.T, n *keep, secret string) {
	t.Helper()
	n.Stop()
	if strings.Contains(n.Log(), secret) {
		t.Error("the log holds a token")
	}
}
