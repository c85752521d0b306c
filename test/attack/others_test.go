package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/test/harness"
)

// Two people use a node: ann has the stream ann, bob the stream bob. Each publishes and plays.
type people struct {
	*keep
	ann, bob person
}

type person struct {
	token             string
	publish, play     string // paths of the sessions
	publishID, playID string // their last segments
}

func newPeople(t *testing.T, flags ...string) *people {
	t.Helper()
	p := &people{keep: newKeep(t, flags...)}
	p.ann, p.bob = p.join(t, "ann"), p.join(t, "bob")
	return p
}

func (p *people) join(t *testing.T, name string) person {
	t.Helper()
	who := person{token: good("sub", name, "streams", []string{name}, "actions", []string{"publish", "play"})}
	at := func(kind string) client.Options {
		return client.Options{URL: p.URL + "/" + kind + "/" + name, Token: who.token}
	}
	source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, KeyframeInterval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := client.Publish(t.Context(), client.PublishOptions{Options: at("whip"), Video: []client.Encoding{{Source: source}}})
	if err != nil {
		t.Fatalf("%s cannot publish: %v", name, err)
	}
	t.Cleanup(func() { _ = pub.Close(context.Background()) })
	play, err := client.Play(t.Context(), client.PlayOptions{Options: at("whep"), NoAudio: true})
	if err != nil {
		t.Fatalf("%s cannot play: %v", name, err)
	}
	t.Cleanup(func() { _ = play.Close(context.Background()) })
	who.publish, who.play = strings.TrimPrefix(pub.URL(), p.URL), strings.TrimPrefix(play.URL(), p.URL)
	who.publishID, who.playID = last(who.publish), last(who.play)
	return who
}

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// changes are all the requests that change or look into a session.
func changes(session string) []request {
	patch := func(body string) request {
		return request{"PATCH", session, body, []string{"Content-Type", "application/trickle-ice-sdpfrag", "If-Match", "*"}}
	}
	all := []request{
		{method: "GET", path: session}, patch("a=ice-ufrag:evil\r\na=ice-pwd:evilevilevilevilevilevil\r\n"), {method: "DELETE", path: session},
	}
	if !strings.HasPrefix(session, "/whep/") {
		return all
	}
	return append(all,
		request{"POST", session + "/layer", `{"mediaId":"1","encodingId":"x"}`, []string{"Content-Type", "application/json"}},
		request{"DELETE", session + "/layer", "", nil},
		request{"POST", session + "/events", `["active"]`, []string{"Content-Type", "application/json"}},
		request{"GET", session + "/events", "", []string{"Accept", "text/event-stream"}},
	)
}

// wantAlive fails the test unless ann's sessions stand as they were.
func (p *people) wantAlive(t *testing.T) {
	t.Helper()
	for _, session := range []string{p.ann.publish, p.ann.play} {
		if a := p.do(t, request{method: "GET", path: session}.bearer(p.ann.token)); a.status != http.StatusNoContent {
			t.Errorf("ann's session is harmed: %v", a)
		}
	}
}

// TestOthersSessions: with her URL but his token bob can do nothing to ann, whatever else his
// tokens allow.
func TestOthersSessions(t *testing.T) {
	for _, mode := range []string{"url", "token"} {
		t.Run(mode, func(t *testing.T) {
			p := newPeople(t, "--session-auth", mode)
			for name, token := range map[string]string{
				"bob's": p.bob.token, "bob's for all streams": good("sub", "bob"), "nobody's for all": good("sub", nil),
				"bob as ann of another issuer": sign(object{"alg": "ES256", "kid": "2026"}, rights("iss", partner, "sub", "ann"), "ES256", keys().partner),
				"ann's without rights":         good("sub", "ann", "actions", []string{"admin"}),
				"ann's for another stream":     good("sub", "ann", "streams", []string{"ann2", "an"}),
			} {
				for _, session := range []string{p.ann.publish, p.ann.play} {
					for _, r := range changes(session) {
						p.wantForbidden(t, name, r.bearer(token))
					}
				}
			}
			for _, r := range changes(p.ann.publish) {
				p.wantForbidden(t, "ann's to play", r.bearer(good("sub", "ann", "actions", []string{"play"})))
			}
			for _, r := range changes(p.ann.play) {
				p.wantForbidden(t, "ann's to publish", r.bearer(good("sub", "ann", "actions", []string{"publish"})))
			}
			p.wantUnauthorized(t, mode)
			p.wantAlive(t)
			p.wantEnds(t)
		})
	}
}

// wantUnauthorized: a bad token is worse than none, and where session URLs need a token, none
// is not enough.
func (p *people) wantUnauthorized(t *testing.T, mode string) {
	t.Helper()
	for _, session := range []string{p.ann.publish, p.ann.play} {
		for _, r := range changes(session) {
			tries := map[string]request{
				"unsigned": r.bearer(sign(object{"alg": "none"}, rights("sub", "ann"), "", nil)),
				"expired":  r.bearer(hs(rights("sub", "ann", "exp", 1))), "empty": r.bearer(""),
			}
			if mode == "token" && r.header == nil || mode == "token" && r.header[0] != "Accept" {
				tries["none"] = r // but for EventSource, which can send none
			}
			for name, r := range tries {
				if a := p.do(t, r); a.status != http.StatusUnauthorized {
					t.Errorf("%s token, %s %s: %v, want 401", name, r.method, r.path, a)
				}
			}
		}
	}
}

// wantEnds: the token that made a session ends it.
func (p *people) wantEnds(t *testing.T) {
	t.Helper()
	for _, session := range []string{p.ann.publish, p.ann.play} {
		for _, want := range []int{http.StatusOK, http.StatusNotFound} {
			if a := p.do(t, request{method: "DELETE", path: session}.bearer(p.ann.token)); a.status != want {
				t.Errorf("ann's own DELETE: %v, want %d", a, want)
			}
		}
	}
}

// TestSessionURLsAreExact: what is near a session's URL leads nowhere, also for the owner.
func TestSessionURLsAreExact(t *testing.T) {
	p := newPeople(t)
	id := p.ann.publishID
	var public []string
	harness.Eventually(t, logged, func() error {
		if public = p.publicIDs(); len(public) < 4 {
			return fmt.Errorf("the log names the sessions %q", public)
		}
		return nil
	})
	paths := []string{
		"/whip/bob/" + id, "/whip/*/" + id, "/whep/ann/" + id, "/whip/ann/" + p.ann.playID, "/whep/ann/" + p.bob.playID,
		"/whip/ANN/" + id, "/whip/ann/" + strings.ToLower(id), "/whip/ann/" + strings.ToUpper(id), "/whip/ann/" + id[:len(id)-1],
		"/whip/ann/" + id[1:], "/whip/ann/" + id + "A", "/whip/ann/" + id + "=", "/whip/ann/" + id + "%00", "/whip/ann/" + id + "%20",
		"/whip/ann/" + id[:len(id)-1] + flip(id[len(id)-1]), "/whip/ann/*", "/whip/ann/%2A", "/whip/ann/undefined", "/whip/ann/null", "/whip/ann/0",
		"/whip/bob/..%2Fann%2F" + id, "/whip/ann%2F" + id, "/whep/ann/" + p.ann.playID + "%2Flayer",
	}
	for _, name := range public {
		paths = append(paths, "/whip/ann/"+name, "/whep/ann/"+name, "/whep/bob/"+name)
	}
	for _, path := range paths {
		for _, r := range changes(path) {
			for name, r := range map[string]request{"no token": r, "ann's": r.bearer(p.ann.token), "all rights": r.bearer(good())} {
				if a := p.do(t, r); a.status != http.StatusNotFound && a.status != http.StatusForbidden && a.status != http.StatusMethodNotAllowed {
					t.Errorf("%s: %s %s: %v, want 404", name, r.method, r.path, a)
				}
			}
		}
	}
	p.wantAlive(t)
}

// logged is how long a line of the log may take to be read here.
const logged = 10 * time.Second

// publicIDs are the sessions' names as logs show them: who reads logs must not end sessions.
func (p *people) publicIDs() (ids []string) {
	for _, word := range strings.Fields(p.Log()) {
		if id, ok := strings.CutPrefix(word, "session="); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestEventsNeedTheURL: server-sent events come without a token because browsers send none;
// then the URL must be unguessable, and each subscriber's own.
func TestEventsNeedTheURL(t *testing.T) {
	p := newPeople(t)
	listen := func(path string) request {
		return request{method: "GET", path: path, header: []string{"Accept", "text/event-stream"}}
	}
	made := p.do(t, request{"POST", p.ann.play + "/events", `["active"]`, []string{"Content-Type", "application/json"}})
	if made.status != http.StatusCreated {
		t.Fatalf("events: %v", made)
	}
	events := p.session(made)
	for _, path := range []string{
		"/whep/ann/events", "/whep/ann/*/events", "/whep/ann//events", "/whep/ann/x/events/" + last(events), p.bob.play + "/events/" + last(events),
		p.ann.publish + "/events", "/whep/bob/" + p.ann.playID + "/events", p.ann.play + "/events/" + last(events) + "x", p.ann.play + "/events/1", p.ann.play + "//events",
		p.ann.play + "/events/../events/x", "/whep/ann/" + last(events) + "/events",
	} {
		for name, r := range map[string]request{"no token": listen(path), "all rights": listen(path).bearer(good("sub", "ann"))} {
			if a := p.do(t, r); strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
				t.Errorf("%s: events at %s: %v", name, path, a)
			}
		}
	}
	for name, token := range map[string]string{"bob's": p.bob.token, "bad": "x.y.z"} {
		if a := p.do(t, listen(events).bearer(token)); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
			t.Errorf("%s token reads ann's events: %v", name, a)
		}
		if a := p.do(t, request{method: "DELETE", path: events}.bearer(token)); a.status < 400 {
			t.Errorf("%s token ends ann's events: %v", name, a)
		}
	}
	if a := p.do(t, request{method: "HEAD", path: events, header: []string{"Accept", "text/event-stream"}}); a.status != http.StatusOK {
		t.Errorf("ann's events: %v", a)
	}
}

// TestRightsAreForStreams: a token to play does not publish, nor the reverse, and none of them
// works for a stream next door, however its name is written.
func TestRightsAreForStreams(t *testing.T) {
	n := newKeep(t)
	token := func(action string, streams ...string) string {
		return good("actions", []string{action}, "streams", streams)
	}
	play, publish := token("play", "studio"), token("publish", "studio")
	n.wantForbidden(t, "publish with a play token", post("/whip/studio", offer("whip")).bearer(play))
	n.wantForbidden(t, "play with a publish token", post("/whep/studio", offer("whep")).bearer(publish))
	n.wantForbidden(t, "list with a publish token", request{method: "GET", path: "/streams.json"}.bearer(publish))
	for _, name := range []string{
		"studio2", "Studio", "studi", "astudio", "studio.", "studio-", "%73tudio2", "*", "stu*", "s%74udio%00", "studio%2F..%2Fother",
		"..%2Fstudio", "studio;other", "other;studio", "other%3Fstudio", "other/../studio", "studio%20", "\uff53tudio",
	} {
		for query, r := range map[string]request{"": {}, "?stream=studio": {}, "?name=studio&streams=*": {}} {
			r = post("/whip/"+name+query, offer("whip"))
			if a := n.do(t, r.bearer(publish)); a.status != http.StatusForbidden && a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
				t.Errorf("%s: %v, want 403 or 404", r.path, a)
				n.leave(t, a)
			}
		}
	}
	for _, glob := range []string{"", "s*x", "*x", "studi", "STUDIO", "studio/*", "stud?o", "[s]tudio", "stu{dio}", "/studio", "s*t*u*d*i*o*x"} {
		n.wantForbidden(t, fmt.Sprintf("glob %q", glob), post("/whip/studio", offer("whip")).bearer(token("publish", glob)))
	}
	for _, glob := range []string{"studio", "*", "s*", "*o", "s*d*o", "**"} {
		a := n.do(t, post("/whip/studio", offer("whip")).bearer(token("publish", "x", glob)))
		if a.status != http.StatusCreated {
			t.Errorf("glob %q: %v", glob, a)
		}
		n.leave(t, a)
	}
}
