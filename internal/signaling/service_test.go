package signaling_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

func TestW131_InternalErrorsSayNothing(t *testing.T) {
	o := &fakeOpener{err: errors.New("secret detail")}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	r, err := http.Post(x.Server(t).URL+"/whip/live", "application/sdp", strings.NewReader(x.Offer()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body := signalingtest.ReadAll(t, r.Body); r.StatusCode != 500 || !strings.Contains(body, "internal-error") || strings.Contains(body, "secret") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	wantSessions(t, x.Service, 0, 0)
	for _, err := range []error{rtc.ErrClosed, rtc.ErrTooManyPeers, fmt.Errorf("x: %w", rtc.ErrClosed)} {
		o.err = err
		x.Post(t, "live", x.Offer(), "").Want(t, 503)
	}
}

func TestW131_PanicsAreAnswered(t *testing.T) {
	var log strings.Builder
	s, err := signaling.New(signaling.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e := echo.New()
	e.HTTPErrorHandler = s.HandleError
	e.Use(s.CORS, s.Recover)
	e.GET("/bug", func(echo.Context) error { panic("secret detail") })
	e.GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest("GET", "/bug", http.NoBody))
	if w.Code != 500 || w.Header().Get("Content-Type") != "application/problem+json" ||
		w.Header().Get("Access-Control-Allow-Origin") != "*" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if text := log.String(); !strings.Contains(text, "secret detail") || !strings.Contains(text, "service_test.go") {
		t.Errorf("the log does not say where: %s", text)
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("an abort was not passed on")
		}
	}()
	e.ServeHTTP(w, httptest.NewRequest("GET", "/abort", http.NoBody))
}

// TestGrant: handlers outside of sessions ask who sends a request.
func TestGrant(t *testing.T) {
	open := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{}).Service
	guarded := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)}).Service
	r := httptest.NewRequest("GET", "/streams.json", http.NoBody)
	if g, err := open.Grant(r); err != nil || !g.Allows(auth.Subscribe, "live") {
		t.Errorf("open: %+v, %v", g, err)
	}
	var problem *signaling.Problem
	if _, err := guarded.Grant(r); !errors.As(err, &problem) || problem.Status != 401 || problem.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a token: %v", err)
	}
	r.Header.Set("Authorization", "Bearer "+signalingtest.Token(t, auth.Subscribe, "live"))
	if g, err := guarded.Grant(r); err != nil || !g.Allows(auth.Subscribe, "live") || g.Allows(auth.Publish, "live") {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestW3_HostsInLocation(t *testing.T) {
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{})
	for i, host := range []string{"[2001:db8::7]:8080", "[::1]", "live.example:8443", "192.0.2.1"} {
		q := x.OfferRequest(fmt.Sprint("s", i), x.Offer(), "")
		path := q.Path
		q.Path = "http://" + host + path
		if got := signalingtest.NewCreated(t, x.Do(t, q)).URL; !strings.HasPrefix(got, "http://"+host+path+"/") {
			t.Errorf("%s: Location %q", host, got)
		}
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []signaling.Config{
		{CORSOrigins: []string{"a.example"}},
		{CORSOrigins: []string{"https://a.example/path"}},
		{PublicURL: "a.example"},
		{PublicURL: "ftp://a.example"},
		{PublicURL: "https://a.example?x=1"},
		{ICEServers: []string{"turn:t.example"}},
		{ICEServers: []string{"http://t.example"}, TURNSecret: "s"},
		{ICEServers: []string{"stun:a,b"}},
		{ICEServers: []string{"stun:"}},
		{ICEServers: []string{"turn:a?x=1"}, TURNSecret: "s"},
	} {
		if s, err := signaling.New(cfg); err == nil {
			s.Close()
			t.Errorf("accepted: %+v", cfg)
		}
	}
}
