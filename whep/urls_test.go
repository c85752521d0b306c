package whep_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

// TestE5_ExtensionURLs: the rules of all URLs hold for those of the extensions.
func TestE5_ExtensionURLs(t *testing.T) {
	n := newPlayNode(t, signaling.Config{Verifier: signalingtest.Verifier(t)}, stream.Config{})
	session := n.Create(t, "live", signalingtest.Token(t, auth.Subscribe, "live")).Path
	for _, c := range []struct{ path, allow, others string }{
		{session + "/events", "GET HEAD OPTIONS POST", "PUT PATCH DELETE TRACE FOO"},
		{n.makeEvents(t, session, ""), "DELETE GET HEAD OPTIONS", "PUT PATCH POST TRACE FOO"},
		{session + "/layer", "DELETE GET HEAD OPTIONS POST", "PUT PATCH TRACE FOO"},
	} {
		q := request{Path: c.path}.With("Origin", "https://a.example")
		for _, q.Method = range strings.Fields(c.others) {
			r := n.Do(t, q).Want(t, 405)
			r.WantReadable(t)
			if got := sorted(r.Header.Get("Allow")); got != c.allow {
				t.Errorf("%s %s: Allow %q, want %q", q.Method, c.path, got, c.allow)
			}
		}
		q.Method = "OPTIONS"
		for _, q := range []request{q, q.With("Access-Control-Request-Method", "DELETE"), {Method: "OPTIONS", Path: strings.Replace(c.path, session, session+"x", 1)}} {
			r := n.Do(t, q).Want(t, 200)
			if got := sorted(r.Header.Get("Allow")); got != c.allow || r.Body != "" || r.Header.Get("Accept-Post") != "application/json" ||
				!strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "DELETE") || r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("OPTIONS of %s: %v", c.path, r.Header)
			}
		}
		q.Method, q.Path = "GET", strings.Replace(c.path, session, session+"x", 1)
		n.Do(t, q).Want(t, 404).WantReadable(t)
		q.Method, q.Path = "POST", c.path
		r := n.Do(t, q.With("Authorization", "Bearer bad")).Want(t, 401)
		r.WantReadable(t)
	}
	large := selectLayer(session, `{"rid":"`+strings.Repeat("a", 70_000)+`"}`).With("Origin", "https://a.example")
	n.Do(t, large).Want(t, 413).WantReadable(t)
	for _, path := range []string{"/event", "/events/", "/events/a/b", "/layer/", "/layer/x", "/", "//events"} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "FOO"} {
			n.Do(t, request{Method: method, Path: session + path}.With("Origin", "https://a.example")).Want(t, 404).WantReadable(t)
		}
	}
	n.Do(t, request{Method: "GET", Path: strings.Replace(session, "/whep/", "/whip/", 1) + "/layer"}).Want(t, 404)
}

func sorted(list string) string {
	all := strings.Split(list, ", ")
	slices.Sort(all)
	return strings.Join(all, " ")
}
