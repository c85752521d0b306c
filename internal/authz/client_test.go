package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/authz"
)

var about = auth.Request{Action: auth.Publish, Stream: "cam-1", Token: "t", Address: netip.MustParseAddr("203.0.113.7")}

// service answers with a status and a body and counts the questions.
type service struct {
	status int
	body   string
	asked  atomic.Int32
	last   atomic.Pointer[string]
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	text := r.Method + " " + r.Header.Get("Content-Type") + " " + string(b)
	s.last.Store(&text)
	s.asked.Add(1)
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// open starts the service, and a client of it.
func open(t *testing.T, h http.Handler) *authz.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := authz.New(server.URL + "/decide")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestQuestion(t *testing.T) {
	s := &service{status: 204}
	c := open(t, s)
	if _, err := c.Authorise(t.Context(), about); err != nil {
		t.Fatal(err)
	}
	const want = `POST application/json {"action":"publish","stream":"cam-1","token":"t","address":"203.0.113.7"}`
	if got := *s.last.Load(); got != want {
		t.Errorf("asked %s", got)
	}
	if _, err := c.Authorise(t.Context(), auth.Request{Action: auth.Subscribe, Stream: "cam-1"}); err != nil {
		t.Fatal(err)
	}
	if got := *s.last.Load(); !strings.HasSuffix(got, `{"action":"play","stream":"cam-1","token":"","address":""}`) {
		t.Errorf("asked %s", got)
	}
}

// TestAnswers: what allows, what refuses, and all else, which is no decision.
func TestAnswers(t *testing.T) {
	soon := time.Now().Add(time.Hour).Unix()
	for _, c := range []struct {
		status int
		body   string
		want   error
	}{
		{200, "", nil},
		{204, "", nil},
		{200, " \n", nil},
		{200, `{}`, nil},
		{200, fmt.Sprintf(`{"sub":"ann","exp":%d,"max_session":60,"limits":{"bitrate":5}}`, soon), nil},
		{200, `{"exp":1}`, auth.ErrRefused},
		{401, "", auth.ErrRefused},
		{401, `{"sub":"ann"}`, auth.ErrRefused},
		{403, "", auth.ErrForbidden},
		{200, "ok", authz.ErrUnavailable},
		{200, `[]`, authz.ErrUnavailable},
		{200, `{"sub":7}`, authz.ErrUnavailable},
		{200, `{"sub":"` + strings.Repeat("a", 64<<10) + `"}`, authz.ErrUnavailable},
		{201, "", authz.ErrUnavailable},
		{302, "", authz.ErrUnavailable},
		{404, "", authz.ErrUnavailable},
		{500, "", authz.ErrUnavailable},
	} {
		s := &service{status: c.status, body: c.body}
		g, err := open(t, s).Authorise(t.Context(), about)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%d %.40s: %v", c.status, c.body, err)
		}
		if g.Allows(auth.Publish, "cam-1") != (c.want == nil) || s.asked.Load() != 1 {
			t.Errorf("%d %.40s: %+v after %d questions", c.status, c.body, g, s.asked.Load())
		}
	}
}

// TestAGrantIsForOneUse, whatever the service says of others.
func TestAGrantIsForOneUse(t *testing.T) {
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	s := &service{status: 200, body: fmt.Sprintf(`{"sub":"ann","iss":"me","exp":%d,"max_session":60,`+
		`"actions":["publish","play","admin"],"streams":["*"],"limits":{"bitrate":5},"ip":["10.0.0.0/8"]}`, exp.Unix())}
	g, err := open(t, s).Authorise(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	if g.Allows(auth.Subscribe, "cam-1") || g.Allows(auth.Publish, "cam-2") || g.Allows(auth.Admin, "") {
		t.Errorf("allows too much: %+v", g)
	}
	if g.Subject != "ann" || g.Issuer != "me" || g.MaxSession != time.Minute || g.Limits.Bitrate != 5 || len(g.Prefixes) != 1 ||
		!g.Expires.Equal(exp) {
		t.Errorf("%+v", g)
	}
}

// TestAnswersAreRemembered: shortly, each for its own question; what was no decision is not.
func TestAnswersAreRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		life   time.Duration
	}{
		"allowed":   {200, "", 30 * time.Second},
		"refused":   {401, "", 5 * time.Second},
		"forbidden": {403, "", 5 * time.Second},
		"failed":    {500, "", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{status: c.status, body: c.body}
			client := authz.NewFor(s)
			ask := func(q auth.Request, want int32) {
				t.Helper()
				_, _ = client.Authorise(t.Context(), q)
				if got := s.asked.Load(); got != want {
					t.Errorf("%s: %d questions, want %d", name, got, want)
				}
			}
			ask(about, 1)
			if c.life > 0 {
				time.Sleep(c.life - time.Millisecond)
				ask(about, 1)
				time.Sleep(time.Millisecond)
			}
			ask(about, 2)
			for i, change := range []func(*auth.Request){
				func(q *auth.Request) { q.Action = auth.Subscribe },
				func(q *auth.Request) { q.Stream = "cam-2" },
				func(q *auth.Request) { q.Token = "u" },
				func(q *auth.Request) { q.Address = netip.Addr{} },
				func(q *auth.Request) { q.Stream, q.Token = "cam-1\",\"t", "" },
			} {
				q := about
				change(&q)
				ask(q, int32(3+i))
			}
		})
	}
}

// TestNothingIsRememberedLongerThanItIsGood: a grant that ends is asked about again.
func TestNothingIsRememberedLongerThanItIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exp := time.Now().Add(30 * time.Second)
		s := &service{status: 200, body: fmt.Sprintf(`{"exp":%d}`, exp.Unix())}
		client := authz.NewFor(s)
		time.Sleep(25 * time.Second)
		if g, err := client.Authorise(t.Context(), about); err != nil || g.Expires.IsZero() {
			t.Fatalf("%+v, %v", g, err)
		}
		time.Sleep(10 * time.Second)
		if _, err := client.Authorise(t.Context(), about); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{status: 200}
		client := authz.NewFor(s)
		ask := func(i int) {
			q := about
			q.Token = fmt.Sprint(i)
			_, _ = client.Authorise(t.Context(), q)
		}
		for i := range authz.MaxKept {
			ask(i)
		}
		ask(0) // needed again
		ask(-1)
		if got := client.Kept(); got != authz.MaxKept {
			t.Errorf("%d are kept", got)
		}
		before := s.asked.Load()
		ask(0)
		ask(1) // forgotten
		if got := s.asked.Load() - before; got != 1 {
			t.Errorf("%d questions, want 1", got)
		}
	})
}

// TestASlowServiceRefuses: nobody waits longer than the bound, and no more wait for the
// service at a time than may.
func TestASlowServiceRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		client := authz.NewFor(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			<-r.Context().Done()
		}))
		start := time.Now()
		var all sync.WaitGroup
		for i := range 3 * authz.MaxAsking {
			all.Go(func() {
				q := about
				q.Token = fmt.Sprint(i)
				if g, err := client.Authorise(context.Background(), q); !errors.Is(err, authz.ErrUnavailable) || g.Allows(auth.Publish, "cam-1") {
					t.Errorf("%+v, %v", g, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took != 3*time.Second || most.Load() != authz.MaxAsking {
			t.Errorf("it took %v, %d at a time", took, most.Load())
		}
	})
}

func TestURLs(t *testing.T) {
	for address, want := range map[string]bool{
		"https://login.example/x?y=z": true,
		"http://127.0.0.1:3000":       true,
		"http://[::1]/":               true,
		"http://localhost/x":          true,
		"http://auth:3000/x":          true,
		"http://10.1.2.3/x":           true,
		"http://[fd00::1]/x":          true,
		"http://login.example/x":      false,
		"http://203.0.113.7/x":        false,
		"https://u:p@login.example":   false,
		"https://login.example/#x":    false,
		"ftp://login.example":         false,
		"login.example":               false,
		"https://":                    false,
		"":                            false,
	} {
		if _, err := authz.New(address); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestErrorsDoNotShowTheURL: it may hold what others must not read.
func TestErrorsDoNotShowTheURL(t *testing.T) {
	c, err := authz.New("http://127.0.0.1:1/?secret=canary")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Authorise(t.Context(), about); !errors.Is(err, authz.ErrUnavailable) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

type verifier func(string) (auth.Grant, error)

func (f verifier) Verify(token string, _ time.Time) (auth.Grant, error) { return f(token) }

func TestAny(t *testing.T) {
	knows := func(want, subject string, otherwise error) verifier {
		return func(token string) (auth.Grant, error) {
			if token == want {
				return auth.Grant{Subject: subject}, nil
			}
			return auth.Grant{}, otherwise
		}
	}
	one, two := errors.New("one"), errors.New("two")
	v := authz.Any(knows("a", "ann", one), knows("b", "bob", two))
	for token, want := range map[string]string{"a": "ann", "b": "bob"} {
		if g, err := v.Verify(token, time.Time{}); err != nil || g.Subject != want {
			t.Errorf("%s: %+v, %v", token, g, err)
		}
	}
	if g, err := v.Verify("c", time.Time{}); !errors.Is(err, two) || g.Subject != "" {
		t.Errorf("%+v, %v", g, err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"exp":99999999999,"limits":{"kinds":["audio"]}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, body string) {
		g, err := authz.Read(body, about, time.Unix(1_800_000_000, 0))
		if err != nil {
			if g.Allows(about.Action, about.Stream) {
				t.Error("allowed with an error")
			}
			return
		}
		var any map[string]any
		if text := strings.TrimSpace(body); text != "" && text != "null" && json.Unmarshal([]byte(text), &any) != nil {
			t.Errorf("allowed by %q", body)
		}
		if g.Allows(auth.Subscribe, about.Stream) || g.Allows(about.Action, "other") {
			t.Errorf("%q allows too much", body)
		}
	})
}
