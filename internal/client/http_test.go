package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// answer makes a server that gives every request one response.
func answer(t *testing.T, status int, header map[string]string, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestProblemIsShown(t *testing.T) {
	checkGoroutines(t)
	problem := map[string]string{"Content-Type": "application/problem+json", "Retry-After": "3"}
	url := answer(t, 409, problem, `{"type":"urn:whippet:problem:busy","title":"Busy","detail":"studio has a\npublisher; stop it"}`)
	_, err := client.Play(testContext(t), client.PlayOptions{Options: client.Options{URL: url + "/whep/a?token=secret"}})
	var got *client.ProblemError
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	want := client.ProblemError{
		Method: "POST", URL: url + "/whep/a", Status: 409, Type: "urn:whippet:problem:busy",
		Title: "Busy", Detail: "studio has a publisher; stop it", RetryAfter: 3 * time.Second,
	}
	if *got != want {
		t.Errorf("got %+v\nwant %+v", *got, want)
	}
	if text := err.Error(); !strings.Contains(text, "stop it (try again in 3s)") || strings.Contains(text, "secret") {
		t.Errorf("reads %q", text)
	}
	if !got.Temporary() {
		t.Error("409 is not temporary")
	}
}

func TestBadResponses(t *testing.T) {
	checkGoroutines(t)
	sdp := map[string]string{"Content-Type": "application/sdp", "Location": "/s/1"}
	for name, test := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   string
	}{
		"html page":     {200, map[string]string{"Content-Type": "text/html"}, "<html>", "not a WHIP or WHEP endpoint"},
		"no token":      {401, nil, "", "wants a token"},
		"no right":      {403, nil, "", "does not allow"},
		"wrong path":    {404, nil, "", "check the path"},
		"no location":   {201, map[string]string{"Content-Type": "application/sdp"}, "v=0\r\n", "no Location"},
		"no sdp":        {201, map[string]string{"Content-Type": "text/plain", "Location": "/s/1"}, "hello", "no SDP answer"},
		"broken answer": {201, sdp, "v=0\r\nnonsense", "answer cannot be used"},
		"redirect 302":  {302, map[string]string{"Location": "/elsewhere"}, "", "307"},
		"redirect loop": {307, map[string]string{"Location": "/whep/a"}, "", "more than"},
		"plain text":    {503, map[string]string{"Content-Type": "text/plain"}, "full\x1b[31m", "full [31m"},
	} {
		t.Run(name, func(t *testing.T) {
			url := answer(t, test.status, test.header, test.body)
			_, err := client.Play(testContext(t), client.PlayOptions{Options: client.Options{URL: url + "/whep/a"}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestBadURLs(t *testing.T) {
	checkGoroutines(t)
	for _, url := range []string{"", "studio", "ftp://x/y", "http://", "http://[::1", "http://127.0.0.1:1/whep/a"} {
		if _, err := client.Play(testContext(t), client.PlayOptions{Options: client.Options{URL: url}}); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
}

// A session whose answer is useless must not be left on the server.
func TestRefusedAnswerIsDeleted(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	deleted := make(chan string, 1)
	s.respond = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			deleted <- r.URL.Path
			return true
		}
		w.Header().Set("Location", "/sessions/7")
		w.Header().Set("Content-Type", "application/sdp")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "v=0\r\nbroken")
		return true
	}
	if _, err := client.Play(testContext(t), client.PlayOptions{Options: client.Options{URL: s.URL + "/whep/a"}}); err == nil {
		t.Fatal("accepted")
	}
	select {
	case path := <-deleted:
		if path != "/sessions/7" {
			t.Errorf("deleted %s", path)
		}
	default:
		t.Error("the session is left on the server")
	}
}

func TestRedirectKeepsThePost(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	s.respond = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/whip/old" {
			return false
		}
		w.Header().Set("Location", "/whip/new")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
	p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/old", Token: "T0ken"})
	defer p.Close(testContext(t))
	if !strings.HasPrefix(p.URL(), s.URL+"/whip/new/") {
		t.Errorf("session at %s", p.URL())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.requests[len(s.requests)-1]; last.Header.Get("Authorization") != "Bearer T0ken" || last.Method != "POST" {
		t.Errorf("redirected as %s with %q", last.Method, last.Header.Get("Authorization"))
	}
}

// TestRedirectKeepsTheToken: on another host, too, but not where others can read it.
func TestRedirectKeepsTheToken(t *testing.T) {
	s := newServer(t)
	there := strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "/whip/new"
	redirect := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", there)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	plain, secure := httptest.NewServer(redirect), httptest.NewTLSServer(redirect)
	defer plain.Close()
	defer secure.Close()
	p := publishSynthetic(t, client.Options{URL: plain.URL, Token: "T0ken"})
	defer p.Close(testContext(t)) //nolint:errcheck // a test
	s.mu.Lock()
	if last := s.requests[len(s.requests)-1]; last.Header.Get("Authorization") != "Bearer T0ken" {
		t.Errorf("redirected with %q", last.Header.Get("Authorization"))
	}
	asked := len(s.requests)
	s.mu.Unlock()
	_, err := client.Play(testContext(t), client.PlayOptions{Options: client.Options{URL: secure.URL, Token: "T0ken", HTTP: secure.Client()}})
	if err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("from https to http: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) != asked {
		t.Error("the token went over plain HTTP")
	}
}

func TestLinksAreRead(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	s.header["Link"] = []string{
		`<stun:stun.example:3478>; rel="ice-server"`,
		`<turn:turn.example>; rel="ice-server"; username="a,b;c"; credential="q\"x"; credential-type="password", </events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive"`,
		`broken`, `<x>`,
	}
	p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/a"})
	defer p.Close(testContext(t))
	links := p.Links()
	if len(links) != 3 {
		t.Fatalf("got %+v", links)
	}
	turn, events := links[1], links[2]
	if turn.URL != "turn:turn.example" || turn.Params["username"] != "a,b;c" || turn.Params["credential"] != `q"x` {
		t.Errorf("turn: %+v", turn)
	}
	if events.URL != s.URL+"/events" || events.Params["events"] != "active,inactive" {
		t.Errorf("events: %+v", events)
	}
	if servers := p.PeerConnection().GetConfiguration().ICEServers; len(servers) != 2 {
		t.Errorf("servers in use: %+v", servers)
	}
}

func TestCancelledExchange(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.respond = func(w http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	if _, err := client.Play(ctx, client.PlayOptions{Options: client.Options{URL: s.URL + "/whep/a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	checkGoroutines(t)
	synthetic := func() client.Source {
		s, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sound, err := client.ClipAudio()
	if err != nil {
		t.Fatal(err)
	}
	url := client.Options{URL: "http://127.0.0.1:1/whip/a"}
	for want, opts := range map[string]client.PublishOptions{
		"nothing to publish":     {Options: url},
		"no audio codec":         {Options: url, Audio: synthetic()},
		"no video codec":         {Options: url, Video: []client.Encoding{{Source: sound}}},
		"RID of its own":         {Options: url, Video: []client.Encoding{{Source: synthetic()}, {Source: synthetic()}}},
		"MTU of 100":             {Options: url, MTU: 100, Video: []client.Encoding{{Source: synthetic()}}},
		"connection refused":     {Options: url, Video: []client.Encoding{{Source: synthetic()}}},
		"must start with http:/": {Video: []client.Encoding{{Source: synthetic()}}},
	} {
		if _, err := client.Publish(testContext(t), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := client.Play(testContext(t), client.PlayOptions{Options: url, NoVideo: true, NoAudio: true}); err == nil {
		t.Error("playing nothing was accepted")
	}
}
