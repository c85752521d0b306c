package whep_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

type request = signalingtest.Request

const everyEvent = "active,inactive,layers,reconnect,viewercount,statistics,diagnosis"

// extensionLinks are the Link fields of a session's extensions.
func extensionLinks(session string) []string {
	return []string{
		"<" + session + `/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="` + everyEvent + `"`,
		"<" + session + `/layer>; rel="urn:ietf:params:whep:ext:core:layer"`,
	}
}

func TestE58_E75_Links(t *testing.T) {
	trusted := signaling.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for name, c := range map[string]struct {
		cfg    signaling.Config
		header map[string]string
		base   string
	}{
		"direct":     {signaling.Config{}, nil, "http://example.com"},
		"public URL": {signaling.Config{PublicURL: "https://media.example/m/"}, nil, "https://media.example/m"},
		"proxy": {trusted, map[string]string{
			"X-Forwarded-Proto": "https", "X-Forwarded-Host": "live.example", "X-Forwarded-Prefix": "/m",
		}, "https://live.example/m"},
		"stranger": {signaling.Config{}, map[string]string{"X-Forwarded-Host": "evil.example"}, "http://example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newPlayNode(t, c.cfg, stream.Config{})
			forwarded := func(q request) request {
				for k, v := range c.header {
					q = q.With(k, v)
				}
				return q
			}
			q := n.OfferRequest("live", n.Offer(), "")
			q.Path += "?a=b"
			r := signalingtest.NewCreated(t, n.Do(t, forwarded(q)))
			if want := extensionLinks(r.URL); !slices.Equal(r.Header.Values("Link"), want) || !strings.HasPrefix(r.URL, c.base+"/whep/live/") {
				t.Errorf("session %s has links %q, want %q", r.URL, r.Header.Values("Link"), want)
			}
			path := strings.TrimPrefix(r.URL, c.base)
			e := signalingtest.NewCreated(t, n.Do(t, forwarded(request{Method: "POST", Path: path + "/events?x=y"})))
			if !strings.HasPrefix(e.URL, r.URL+"/events/") || strings.Contains(e.URL, "?") {
				t.Errorf("event stream at %s", e.URL)
			}
			for _, q := range []request{
				{Method: "OPTIONS", Path: "/whep/live"},
				{Method: "GET", Path: "/whep/live"},
				{Method: "OPTIONS", Path: path},
				{Method: "POST", Path: "/whep/live", Body: "v=0"},
				{Method: "GET", Path: path + "/layer"},
			} {
				if got := n.Do(t, q).Header.Values("Link"); len(got) != 0 {
					t.Errorf("%s %s: links %q", q.Method, q.Path, got)
				}
			}
		})
	}
}

func TestE59_E60_BodiesOfEventStreams(t *testing.T) {
	n := newPlayNode(t, signaling.Config{}, stream.Config{})
	s := n.Create(t, "live", "")
	for _, c := range []struct {
		body, contentType string
		status            int
	}{
		{`["active","layers"]`, "application/json", 201},
		{`[ "active" , "active" ]`, "Application/JSON; charset=utf-8", 201},
		{"", "", 201},
		{"", "text/plain", 201},
		{"[]", "application/json", 201},
		{`["active","zzz"]`, "application/json", 400},
		{`["scte35"]`, "application/json", 400},
		{`["Active"]`, "application/json", 400},
		{`["` + strings.Repeat("é", 1000) + `"]`, "application/json", 400},
		{`[1]`, "application/json", 400},
		{`{"active":true}`, "application/json", 400},
		{`"active"`, "application/json", 400},
		{`null`, "application/json", 400},
		{`["active"`, "application/json", 400},
		{`["active"]x`, "application/json", 400},
		{`["active"]`, "text/plain", 415},
		{`["active"]`, "", 415},
		{strings.Repeat(`["`, 40_000), "application/json", 413},
	} {
		q := request{Method: "POST", Path: s.Path + "/events", Body: c.body}
		if c.contentType != "" {
			q = q.With("Content-Type", c.contentType)
		}
		r := n.Do(t, q)
		if r.Status != c.status {
			t.Fatalf("%.40s as %q: %d, want %d: %s", c.body, c.contentType, r.Status, c.status, r.Body)
		}
		if c.status == 201 {
			path := signalingtest.NewCreated(t, r).Path
			n.Do(t, request{Method: "DELETE", Path: path}).Want(t, 200)
		}
		if c.status == 415 && r.Header.Get("Accept-Post") != "application/json" {
			t.Errorf("415 without Accept-Post: %v", r.Header)
		}
		if left := n.play.EventStreams(); left != 0 {
			t.Fatalf("%.40s leaves %d event streams", c.body, left)
		}
	}
	r := n.Do(t, request{Method: "POST", Path: s.Path + "/events", Body: `["active","zzz"]`}.With("Content-Type", "application/json"))
	if !strings.Contains(r.Problem.Detail, `"zzz"`) || !strings.Contains(r.Problem.Detail, everyEvent) {
		t.Errorf("detail %q", r.Problem.Detail)
	}
}

func TestE61_E65_E73_FirstEvents(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.Publish(t, "live")
		session := n.playing(t)
		time.Sleep(2 * time.Second)
		path := n.makeEvents(t, session, "")
		l := n.Listen(t, request{Path: path}.With("Origin", "https://a.example").With("Accept-Encoding", "gzip, br"))
		synctest.Wait()
		all := l.Events() // as plain text, whatever the client could take
		if len(all) < 3 || all[0].Name != "active" || all[0].Data != "{}" || all[1].Name != "layers" {
			t.Errorf("first events %+v", all)
		}
		for i, e := range all {
			if e.ID != fmt.Sprint(i+1) {
				t.Errorf("event %d has the id %s", i+1, e.ID)
			}
		}
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
			"Content-Encoding": "", "Access-Control-Allow-Origin": "*",
		} {
			if got := l.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

func TestE62_OnlyWhatIsWanted(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		chosen, none := n.makeEvents(t, session, `["active","inactive"]`), n.listen(t, session, "[]")
		p := n.Publish(t, "live") // before the GET
		n.Play(t, "live")
		time.Sleep(3 * time.Second)
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		l := n.Listen(t, request{Path: chosen})
		n.Publish(t, "live")
		time.Sleep(3 * time.Second)
		var names []string
		for _, e := range l.Events() {
			names = append(names, e.Name)
		}
		if want := []string{"active", "inactive", "active"}; !slices.Equal(names, want) {
			t.Errorf("events %q, want %q", names, want)
		}
		if got := none.Events(); len(got) != 0 {
			t.Errorf("nothing was wanted, %+v came", got)
		}
	})
}

func TestE63_DeleteEndsAnEventStream(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		path := n.makeEvents(t, session, "")
		other := n.listen(t, session, "")
		l := n.Listen(t, request{Path: path})
		n.Do(t, request{Method: "HEAD", Path: path})
		n.Do(t, request{Method: "DELETE", Path: path}).Want(t, 200)
		synctest.Wait()
		if !l.Ended() || other.Ended() {
			t.Errorf("the GET has ended: %v; that of another: %v", l.Ended(), other.Ended())
		}
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			n.Do(t, request{Method: method, Path: path}).Want(t, 404)
		}
		n.Do(t, request{Method: "GET", Path: session}).Want(t, 204)
		if got := n.play.EventStreams(); got != 1 {
			t.Errorf("%d event streams, want 1", got)
		}
	})
}

func TestE64_E82_EverythingEndsWithTheSession(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		path := n.makeEvents(t, session, "")
		l := n.Listen(t, request{Path: path})
		all := n.Listen(t, request{Path: session + "/events"}.With("Accept", "text/event-stream"))
		unread := n.makeEvents(t, session, "")
		n.Do(t, request{Method: "DELETE", Path: session}).Want(t, 200)
		synctest.Wait()
		if !l.Ended() || !all.Ended() {
			t.Error("an event stream outlives its session")
		}
		for _, q := range []request{
			{Method: "GET", Path: path},
			{Method: "GET", Path: unread},
			{Method: "DELETE", Path: path},
			{Method: "POST", Path: session + "/events"},
			{Method: "GET", Path: session + "/events"},
			{Method: "POST", Path: session + "/layer"},
			{Method: "DELETE", Path: session + "/layer"},
			{Method: "GET", Path: session + "/layer"},
		} {
			n.Do(t, q).Want(t, 404)
		}
		if got := n.play.EventStreams(); got != 0 {
			t.Errorf("%d event streams left", got)
		}
	})
}

func TestE65_E66_PublisherComesAndGoes(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		l := n.listen(t, n.playing(t), `["active","inactive"]`)
		time.Sleep(5 * time.Second)
		if got := l.Events(); len(got) != 0 {
			t.Errorf("nobody published, %+v came", got)
		}
		for range 3 {
			p := n.Publish(t, "live")
			time.Sleep(time.Second)
			if got := l.Events(); len(got) != 1 || got[0].Name != "active" || got[0].Data != "{}" {
				t.Errorf("after the begin %+v", got)
			}
			time.Sleep(5 * time.Second)
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := l.Events(); len(got) != 1 || got[0].Name != "inactive" || got[0].Data != "{}" {
				t.Errorf("after the end %+v", got)
			}
			time.Sleep(5 * time.Second)
		}
		if got := l.Events(); len(got) != 0 {
			t.Errorf("at last %+v", got)
		}
	})
}

func TestE65_E66_Takeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPlayNode(t, signaling.Config{}, stream.Config{Takeover: true})
		n.Publish(t, "live")
		l := n.listen(t, n.playing(t), `["active","inactive"]`)
		time.Sleep(2 * time.Second)
		n.Publish(t, "live")
		time.Sleep(2 * time.Second)
		var names []string
		for _, e := range l.Events() {
			names = append(names, e.Name)
		}
		if want := []string{"active", "inactive", "active"}; !slices.Equal(names, want) {
			t.Errorf("events %q, want %q", names, want)
		}
	})
}

func TestE69_Viewers(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		l := n.listen(t, n.playing(t), `["viewercount"]`)
		synctest.Wait()
		if got := l.Named("viewercount"); !slices.Equal(got, []string{`{"viewercount":1}`}) {
			t.Errorf("at first %q", got)
		}
		n.Play(t, "live")
		n.Play(t, "live")
		n.Play(t, "elsewhere")
		time.Sleep(5 * time.Second)
		got := l.Named("viewercount")
		if len(got) == 0 || got[len(got)-1] != `{"viewercount":3}` {
			t.Errorf("then %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := l.Events(); len(got) != 0 {
			t.Errorf("nobody came or left, but %+v", got)
		}
		const sessions = 40 // in 4 s
		for range sessions {
			n.Create(t, "live", "")
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if got := l.Named("viewercount"); len(got) < 4 || len(got) > 6 || got[len(got)-1] != fmt.Sprintf(`{"viewercount":%d}`, 3+sessions) {
			t.Errorf("while %d come in 4 s: %q", sessions, got)
		}
	})
}

func TestE71_PlainGET(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.Publish(t, "live")
		session := n.playing(t)
		url := session + "/events"
		time.Sleep(time.Second)
		for _, accept := range []string{"", "*/*", "text/html", "text/event-streams"} {
			q := request{Method: "GET", Path: url}
			if accept != "" {
				q = q.With("Accept", accept)
			}
			n.Do(t, q).Want(t, 204)
		}
		for _, accept := range []string{"text/event-stream", "text/html, Text/Event-Stream;q=0.9"} {
			l := n.Listen(t, request{Path: url}.With("Accept", accept))
			time.Sleep(2 * time.Second)
			all := l.Events()
			names := map[string]bool{}
			for _, e := range all {
				names[e.Name] = true
			}
			if l.Header.Get("Content-Type") != "text/event-stream" || all[0].Name != "active" || !names["layers"] || !names["viewercount"] || !names["statistics"] {
				t.Errorf("%s: %+v", accept, all)
			}
			l.Leave()
			if got := n.play.EventStreams(); got != 0 {
				t.Errorf("%d event streams left", got)
			}
		}
		if got := n.Do(t, request{Method: "HEAD", Path: url}.With("Accept", "text/event-stream")); got.Status != 200 || n.play.EventStreams() != 0 {
			t.Errorf("HEAD: %d, %d event streams", got.Status, n.play.EventStreams())
		}
	})
}

var unguessable = regexp.MustCompile(`^[A-Za-z0-9_-]{22,}$`)

func TestE72_EventStreamsAreCapabilities(t *testing.T) {
	for _, strict := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newPlayNode(t, signaling.Config{Verifier: signalingtest.Verifier(t), RequireBearer: strict}, stream.Config{})
			token := signalingtest.Token(t, auth.Subscribe, "live")
			other := signalingtest.Token(t, auth.Subscribe, "other")
			s := n.Create(t, "live", token)
			post := request{Method: "POST", Path: s.Path + "/events"}.With("Authorization", "Bearer "+token)
			paths := map[string]bool{}
			for range 3 {
				path := signalingtest.NewCreated(t, n.Do(t, post)).Path
				id := path[strings.LastIndex(path, "/")+1:]
				if paths[path] = true; !unguessable.MatchString(id) || strings.Contains(path, token) {
					t.Errorf("event stream at %s", path)
				}
				l := n.Listen(t, request{Path: path}.With("Origin", "https://a.example"))
				if l.Header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("a page may not read it: %v", l.Header)
				}
				n.Listen(t, request{Path: path}.With("Authorization", "Bearer "+token))
				n.Do(t, request{Method: "GET", Path: path}.With("Authorization", "Bearer bad")).Want(t, 401)
				n.Do(t, request{Method: "GET", Path: path}.With("Authorization", "Bearer "+other)).Want(t, 403)
				n.Do(t, request{Method: "GET", Path: path + "x"}).Want(t, 404)
				n.Do(t, request{Method: "GET", Path: s.Path + "x/events/" + id}).Want(t, 404)
			}
			if len(paths) != 3 {
				t.Errorf("event streams at %v", paths)
			}
			n.Listen(t, request{Path: s.Path + "/events"}.With("Accept", "text/event-stream"))
		})
	}
}
