package relay_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay"
)

func TestTokens(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, other := relay.NewSecret([]byte(strings.Repeat("a", 32))), relay.NewSecret([]byte(strings.Repeat("b", 32)))
	token := s.Sign(now, "p", "x", "yz")
	for name, test := range map[string]struct {
		err  error
		good bool
	}{
		"good":            {s.Check(token, now, "p", "x", "yz"), true},
		"29 s later":      {s.Check(token, now.Add(29*time.Second), "p", "x", "yz"), true},
		"29 s earlier":    {s.Check(token, now.Add(-29*time.Second), "p", "x", "yz"), true},
		"31 s later":      {s.Check(token, now.Add(31*time.Second), "p", "x", "yz"), false},
		"31 s earlier":    {s.Check(token, now.Add(-31*time.Second), "p", "x", "yz"), false},
		"another cluster": {other.Check(token, now, "p", "x", "yz"), false},
		"another purpose": {s.Check(token, now, "q", "x", "yz"), false},
		"another text":    {s.Check(token, now, "p", "x", "yy"), false},
		"texts cut anew":  {s.Check(token, now, "p", "xy", "z"), false},
		"fewer texts":     {s.Check(token, now, "p", "x"), false},
		"another time":    {s.Check(strings.Replace(token, "1800000000", "1800000001", 1), now, "p", "x", "yz"), false},
		"a zero in front": {s.Check("0"+token, now, "p", "x", "yz"), false},
		"nothing":         {s.Check("", now, "p", "x", "yz"), false},
		"no time":         {s.Check("now."+token, now, "p", "x", "yz"), false},
		"huge time":       {s.Check("9223372036854775807."+token, now, "p", "x", "yz"), false},
		"no signature":    {s.Check("1800000000.", now, "p", "x", "yz"), false},
	} {
		if (test.err == nil) != test.good || test.err != nil && !errors.Is(test.err, relay.ErrToken) {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

// A question is one node asking another.
type question struct {
	asker   relay.Asker
	handler relay.HolderHandler
	proxy   func(http.Handler) http.Handler // what lies between them
}

func newQuestion() *question {
	secret := relay.NewSecret([]byte(strings.Repeat("s", 32)))
	return &question{
		asker: relay.Asker{Secret: secret, Now: time.Now},
		handler: relay.HolderHandler{Secret: secret, Now: time.Now, Publisher: func(stream string) (string, bool) {
			return "sub:\x00alice", stream == "cam"
		}},
		proxy: func(h http.Handler) http.Handler { return h },
	}
}

func (q *question) ask(t *testing.T, stream, owner string) (relay.Answer, error) {
	t.Helper()
	var target http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { target.ServeHTTP(w, r) }))
	defer s.Close()
	if q.handler.URL == "" {
		q.handler.URL = s.URL
	}
	target = q.proxy(q.handler)
	return q.asker.Ask(t.Context(), relay.Holder{Node: "n", URL: s.URL, Epoch: 7}, stream, owner)
}

func TestAsk(t *testing.T) {
	for _, test := range []struct {
		stream, owner string
		want          relay.Answer
	}{
		{"cam", "sub:\x00bob", relay.Answer{Alive: true}},
		{"cam", "sub:\x00alice", relay.Answer{Alive: true, SameOwner: true}},
		{"cam", "", relay.Answer{Alive: true}},
		{"a&b=c", "x", relay.Answer{}},
	} {
		if got, err := newQuestion().ask(t, test.stream, test.owner); got != test.want || err != nil {
			t.Errorf("%q by %q: %+v, %v", test.stream, test.owner, got, err)
		}
	}
}

// TestAskTrustsNobodyElse: an answer counts only if it is of this cluster, to this
// question, from the node that was asked.
func TestAskTrustsNobodyElse(t *testing.T) {
	other := relay.NewSecret([]byte(strings.Repeat("o", 32)))
	for name, spoil := range map[string]func(*question){
		"another secret asks":    func(q *question) { q.asker.Secret = other },
		"another secret answers": func(q *question) { q.handler.Secret = other },
		"another node":           func(q *question) { q.handler.URL = "http://elsewhere" },
		"clocks apart": func(q *question) {
			q.handler.Now = func() time.Time { return time.Now().Add(time.Hour) }
		},
		"the answer changed": func(q *question) {
			q.proxy = func(h http.Handler) http.Handler { return forged(h, `{"alive":false}`) }
		},
		"another stream's answer": func(q *question) {
			q.proxy = func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "cam", "dead", 1)
					h.ServeHTTP(w, r)
				})
			}
		},
		"an old answer": func(q *question) {
			q.proxy = func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					q.asker.Now = func() time.Time { return time.Now().Add(-10 * time.Second) }
					old := httptest.NewRequest(http.MethodGet, r.URL.String(), http.NoBody)
					old.Header.Set("Authorization", "Whippet "+q.asker.Secret.Sign(q.asker.Now(), "holder question", q.handler.URL, "cam", "", r.URL.Query().Get("nonce")))
					h.ServeHTTP(w, old)
				})
			}
		},
		"no path": func(q *question) { q.proxy = func(http.Handler) http.Handler { return http.NotFoundHandler() } },
		"endless": func(q *question) {
			q.proxy = func(h http.Handler) http.Handler { return forged(h, strings.Repeat(" ", 1<<20)) }
		},
	} {
		q := newQuestion()
		spoil(q)
		if got, err := q.ask(t, "cam", ""); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// forged answers with another body under the right signature.
func forged(h http.Handler, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		real := httptest.NewRecorder()
		h.ServeHTTP(real, r)
		for name, v := range real.Header() {
			w.Header()[name] = v
		}
		_, _ = w.Write([]byte(body))
	})
}

func TestAskIsBoundedByContext(t *testing.T) {
	block := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-block }))
	defer s.Close()
	defer close(block)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := newQuestion().asker.Ask(ctx, relay.Holder{URL: s.URL}, "cam", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
