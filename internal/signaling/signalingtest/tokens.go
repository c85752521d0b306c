package signalingtest

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/signaling"
)

var authRows = []Row{
	{"W120_W121_W122_W123", "E54", "post", testPostAuth},
	{"W124", "E54", "two_headers", testTwoHeaders},
	{"W125", "E54", "scheme", testScheme},
	{"", "E55", "bare_token", testBareToken},
	{"W126", "E54", "open_node", testOpenNode},
	{"W127", "E54", "query_token", testQueryToken},
	{"W124", "E54", "header_and_url", testHeaderAndURL},
	{"W127", "E54", "token_in_url", testTokenInURL},
	{"W128", "E54", "auth_first", testAuthFirst},
}

// other is the action the kind does not need.
func other(k signaling.Kind) auth.Action {
	if k == signaling.WHIP {
		return auth.Subscribe
	}
	return auth.Publish
}

func testPostAuth(t *testing.T, k Kit) {
	x := k.Guarded(t)
	action := k.Kind.Action()
	past := func(c *auth.Claims) { c.Expires = time.Now().Add(-time.Hour) }
	later := func(c *auth.Claims) { c.NotBefore = time.Now().Add(time.Hour) }
	elsewhere := func(c *auth.Claims) { c.Audience = []string{"elsewhere"} }
	good := Token(t, action, "live")
	for name, c := range map[string]struct {
		token  string
		status int
		code   string // of WWW-Authenticate
	}{
		"good":           {good, 201, ""},
		"none":           {"", 401, ""},
		"garbage":        {"undefined", 401, "invalid_token"},
		"forged":         {good[:len(good)-4] + "AAAA", 401, "invalid_token"},
		"expired":        {Token(t, action, "live", past), 401, "invalid_token"},
		"early":          {Token(t, action, "live", later), 401, "invalid_token"},
		"other audience": {Token(t, action, "live", elsewhere), 401, "invalid_token"},
		"too long":       {strings.Repeat("x", 16<<10), 401, "invalid_token"},
		"other action":   {Token(t, other(k.Kind), "live"), 403, "insufficient_scope"},
		"other stream":   {Token(t, action, "cam-*"), 403, "insufficient_scope"},
	} {
		r := x.Post(t, "live", x.Offer(), c.token)
		if r.Status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, r.Status, c.status, r.Body)
			continue
		}
		challenge := r.Header.Get("WWW-Authenticate")
		if c.status > 400 && !strings.HasPrefix(challenge, "Bearer realm=") {
			t.Errorf("%s: challenge %q", name, challenge)
		}
		if c.code == "" && strings.Contains(challenge, "error") || c.code != "" && !strings.Contains(challenge, `error="`+c.code+`"`) {
			t.Errorf("%s: challenge %q", name, challenge)
		}
		if name == "none" && !strings.Contains(r.Body, "Bearer <token>") {
			t.Errorf("not readable: %s", r.Body)
		}
		if c.token != "" && strings.Contains(r.Body, c.token) {
			t.Errorf("%s: the token is in the body", name)
		}
	}
	wantSessions(t, x, 1)
}

func testTwoHeaders(t *testing.T, k Kit) {
	x := k.Guarded(t)
	token := "Bearer " + Token(t, k.Kind.Action(), "live")
	r := httptest.NewRequest("POST", x.Endpoint("live"), strings.NewReader(x.Offer()))
	r.Header.Set("Content-Type", "application/sdp")
	r.Header["Authorization"] = []string{token, token}
	w := httptest.NewRecorder()
	x.Handler.ServeHTTP(w, r)
	if got := w.Header().Get("WWW-Authenticate"); w.Code != 400 || !strings.Contains(got, "invalid_request") {
		t.Errorf("%d, %q", w.Code, got)
	}
}

func testScheme(t *testing.T, k Kit) {
	x := k.Guarded(t)
	token := Token(t, k.Kind.Action(), "*")
	for i, c := range []struct {
		header string
		want   int
	}{
		{"bearer " + token, 201},
		{"BEARER  " + token, 201},
		{"Bearer " + token + " \t", 201},
		{"Bearer" + token, 401},
		{"Token " + token, 401},
		{token, 401},
		{"Bearer", 401},
		{"Bearer ", 401},
		{"Basic dTpw", 401},
	} {
		q := x.OfferRequest(fmt.Sprint("s", i), x.Offer(), "").With("Authorization", c.header)
		if r := x.Do(t, q); r.Status != c.want {
			t.Errorf("%.12q: %d, want %d", c.header, r.Status, c.want)
		}
	}
}

func testBareToken(t *testing.T, k Kit) {
	token := Token(t, k.Kind.Action(), "live")
	for bare, want := range map[bool]int{false: 401, true: 201} {
		x := k.Guarded(t, func(cfg *signaling.Config) { cfg.BareToken = bare })
		x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Authorization", token)).Want(t, want)
	}
}

func testOpenNode(t *testing.T, k Kit) {
	x := k.Open(t)
	x.Post(t, "live", x.Offer(), "undefined").Want(t, 201)
	r := x.Create(t, "other", "x")
	x.Do(t, Request{Method: "DELETE", Path: r.Path}.With("Authorization", "Bearer y")).Want(t, 200)
}

func testQueryToken(t *testing.T, k Kit) {
	x := k.Guarded(t)
	token := Token(t, k.Kind.Action(), "live")
	for _, name := range []string{"access_token", "token", "jwt"} {
		q := x.OfferRequest("live", x.Offer(), "")
		q.Path += "?" + name + "=" + token
		x.Do(t, q).Want(t, 401)
	}
	q := x.OfferRequest("live", x.Offer(), token)
	q.Path += "?token=" + token
	if r := NewCreated(t, x.Do(t, q)); strings.Contains(r.URL, token) || strings.Contains(r.URL, "?") {
		t.Errorf("Location %q", r.URL)
	}
}

// testHeaderAndURL: two tokens are one too many, good or bad, in two ways or in one.
func testHeaderAndURL(t *testing.T, k Kit) {
	x := k.Guarded(t, func(cfg *signaling.Config) { cfg.QueryToken = true })
	token := Token(t, k.Kind.Action(), "live")
	session := x.Create(t, "live", token)
	for name, q := range map[string]Request{
		"both":          x.OfferRequest("live", x.Offer(), token),
		"another":       x.OfferRequest("live", x.Offer(), "x"),
		"other scheme":  x.OfferRequest("live", x.Offer(), "").With("Authorization", "Basic dTpw"),
		"on a session":  Request{Method: "DELETE", Path: session.Path}.With("Authorization", "Bearer "+token),
		"twice in URL":  x.OfferRequest("live?token="+token, x.Offer(), ""),
		"by two names":  x.OfferRequest("live?access_token="+token, x.Offer(), ""),
		"on the events": {Method: "GET", Path: session.Path + "?token=" + token},
	} {
		separator := "?"
		if strings.Contains(q.Path, "?") {
			separator = "&"
		}
		q.Path += separator + "token=" + token
		if r := x.Do(t, q).Want(t, 400); !strings.Contains(r.Header.Get("WWW-Authenticate"), `error="invalid_request"`) ||
			strings.Contains(r.Body, token) {
			t.Errorf("%s: %q %s", name, r.Header.Get("WWW-Authenticate"), r.Body)
		}
	}
	wantSessions(t, x, 1)
}

// testTokenInURL: where it is allowed it counts like the header's, and is told nobody.
func testTokenInURL(t *testing.T, k Kit) {
	var log strings.Builder
	x := k.Guarded(t, func(cfg *signaling.Config) {
		cfg.QueryToken, cfg.RequireBearer = true, true
		cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	good, foreign := Token(t, k.Kind.Action(), "live"), Token(t, other(k.Kind), "live")
	post := func(query string) Reply { return x.Do(t, x.OfferRequest("live?"+query, x.Offer(), "")) }
	post("token=guess").Want(t, 401)
	post("token=").Want(t, 401)
	post("jwt="+good).Want(t, 401)
	post("token="+foreign).Want(t, 403)
	s := NewCreated(t, post("a=b&access_token="+good))
	if strings.Contains(s.URL, "?") || strings.Contains(strings.Join(s.Header.Values("Link"), " "), good) {
		t.Errorf("Location %q, links %q", s.URL, s.Header.Values("Link"))
	}
	x.Do(t, Request{Method: "DELETE", Path: s.Path}).Want(t, 401)
	x.Do(t, Request{Method: "DELETE", Path: s.Path + "?token=" + foreign}).Want(t, 403)
	x.Do(t, Request{Method: "DELETE", Path: s.Path + "?token=" + good}).Want(t, 200)
	x.Service.Close()
	for _, token := range []string{good, foreign, "guess"} {
		if strings.Contains(log.String(), token) {
			t.Errorf("logged: %s", log.String())
		}
	}
}

func testAuthFirst(t *testing.T, k Kit) {
	x := k.Guarded(t)
	q := x.OfferRequest("-unknown", garbage, "").With("Content-Type", "text/plain")
	x.Do(t, q).Want(t, 401)
	q.Body = strings.Repeat("x", 1<<20)
	x.Do(t, q).Want(t, 401)
}
