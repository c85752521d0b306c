package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/whippet-media/whippet/internal/client"
)

// A teller is a server's events.
type teller struct {
	mu    sync.Mutex
	asked []string // with these tokens
	texts []string // the event streams to send, one after the other
}

func (e *teller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case r.Method == http.MethodPost:
		e.asked = append(e.asked, r.Header.Get("Authorization"))
		w.Header().Set("Location", "/events/1")
		w.WriteHeader(http.StatusCreated)
	case len(e.texts) == 0:
		http.Error(w, "gone", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, e.texts[0])
		e.texts = e.texts[1:]
	}
}

// TestReconnectsAreHeard: whole and well-formed ones, also behind the end of an event stream; and
// nothing is asked of servers that have none, or by who does not want to hear.
func TestReconnectsAreHeard(t *testing.T) {
	checkGoroutines(t)
	events := &teller{texts: []string{
		"data: " + strings.Repeat("x", 64<<10) + "\n\nevent: reconnect\ndata: {\"url\":\"http://behind.example\"}\n\n",
		": hello\n\nid: 1\nevent: viewercount\ndata: {\"viewercount\":1}\n\nid: 2\nevent: reconnect\ndata: {}\n\n" +
			"event: reconnect\ndata: nonsense\n\nevent: reconnect\ndata: {\"url\":\"ftp://x/\"}\n\nevent: reconnect\ndata: {\"url\":\"http://half.example\"}\n",
		"event: reconnect\ndata: {\ndata: \"url\":\"https://b.example/whep/live\"}\n\nevent: reconnect\ndata: {\"url\":\"/whep/other\"}\n\n",
	}}
	s := newServer(t)
	s.respond = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/events") {
			return false
		}
		events.ServeHTTP(w, r)
		return true
	}
	s.header.Set("Link", `</events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="reconnect"`)
	ctx := testContext(t)
	publisher := publishSynthetic(t, client.Options{URL: s.URL + "/whip/live"})
	defer publisher.Close(ctx) //nolint:errcheck // a test
	deaf, err := client.Play(ctx, client.PlayOptions{Options: client.Options{URL: s.URL + "/whep/live"}})
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close(ctx) //nolint:errcheck // a test
	var mu sync.Mutex
	var heard []string
	p, err := client.Play(ctx, client.PlayOptions{
		Options: client.Options{URL: s.URL + "/whep/live", Token: "secret"},
		OnReconnect: func(url string) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, url)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(ctx) //nolint:errcheck // a test
	want := []string{"", "https://b.example/whep/live", s.URL + "/whep/other"}
	eventually(t, "the events are heard", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Equal(heard, want)
	})
	events.mu.Lock()
	defer events.mu.Unlock()
	if want := []string{"Bearer secret", "Bearer secret"}; !slices.Equal(events.asked[:2], want) {
		t.Errorf("asked as %q, want %q", events.asked, want)
	}
}
