package whep_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/whep"
)

// TestE68_Reconnect: whoever listens is told to go, and where; nobody is cut by that.
func TestE68_Reconnect(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		l, deaf := n.listen(t, session, `["reconnect"]`), n.listen(t, session, `["active"]`)
		n.play.Reconnect(nil)
		n.play.Reconnect(func(stream string) string { return "https://other.example/m/whep/" + stream })
		synctest.Wait()
		want := []string{"{}", `{"url":"https://other.example/m/whep/live"}`}
		if got := l.Named("reconnect"); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if got := deaf.Events(); len(got) != 0 || l.Ended() {
			t.Errorf("told who did not ask: %+v; ended: %v", got, l.Ended())
		}
		n.Do(t, request{Method: "GET", Path: session}).Want(t, 204)
	})
}

// TestE68_LateListenerIsTold: who begins to listen after the node has said that it goes
// would else learn of it from the end of the session.
func TestE68_LateListenerIsTold(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		n.play.Reconnect(func(stream string) string { return "https://other.example/whep/" + stream })
		l := n.listen(t, session, `["reconnect"]`)
		synctest.Wait()
		if got, want := l.Named("reconnect"), []string{`{"url":"https://other.example/whep/live"}`}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// TestE68_MisfitReconnects: a session that cannot receive what the next publisher sends
// ends with a word.
func TestE68_MisfitReconnects(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		first := n.Publish(t, "live")
		session := n.playing(t, func(o *client.PlayOptions) { o.Codecs = []codec.Name{codec.VP8, codec.Opus} })
		l := n.listen(t, session, `["reconnect"]`)
		time.Sleep(time.Second)
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.Publish(t, "live", func(o *client.PublishOptions) { publishH264(o, t) })
		time.Sleep(2 * time.Second)
		if got := l.Named("reconnect"); !slices.Equal(got, []string{"{}"}) || !l.Ended() {
			t.Errorf("told %q; the event stream has ended: %v", got, l.Ended())
		}
		n.Do(t, request{Method: "GET", Path: session}).Want(t, 404)
	})
}

func TestE73_Heartbeat(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		silent, busy := n.listen(t, session, `["inactive"]`), n.listen(t, session, `["statistics"]`)
		for i := range 6 {
			time.Sleep(whep.Heartbeat)
			synctest.Wait()
			if silent.Events(); silent.Heartbeats() != i+1 {
				t.Fatalf("%d comments after %v", silent.Heartbeats(), whep.Heartbeat*time.Duration(i+1))
			}
		}
		if n := len(busy.Events()); n < 55 || busy.Heartbeats() > 0 {
			t.Errorf("%d events and %d comments in a minute", n, busy.Heartbeats())
		}
		const most = 15 * time.Second // of silence, as the row has it
		if whep.Heartbeat > most {
			t.Errorf("a comment each %v, want one each %v", whep.Heartbeat, most)
		}
	})
}

// TestE73_OutlivesTheServersDeadlines: a server that cuts responses after a minute, and
// requests after less, leaves event streams alone.
func TestE73_OutlivesTheServersDeadlines(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		runPlay(t, func(t *testing.T, n *playNode) {
			path := n.makeEvents(t, n.playing(t), `["active"]`)
			r, err := n.Pipes(t, http2).Client(t).Get("http://node.example" + path)
			if err != nil {
				t.Fatal(err)
			}
			if http2 != (r.ProtoMajor == 2) {
				t.Errorf("it is %s", r.Proto)
			}
			lines := linesOf(r.Body)
			defer func() {
				r.Body.Close()
				for range lines {
					continue
				}
			}()
			begun := time.Now()
			for time.Since(begun) < 3*time.Minute {
				select {
				case line, ok := <-lines:
					if !ok {
						t.Fatalf("HTTP/%d ended after %v", r.ProtoMajor, time.Since(begun))
					}
					if line != "" && line != ":" {
						t.Errorf("line %q", line)
					}
				case <-time.After(2 * whep.Heartbeat):
					t.Fatalf("silence after %v", time.Since(begun))
				}
			}
			n.Publish(t, "live")
			for line := range lines {
				if line == "event: active" {
					return
				}
			}
			t.Error("no event after three minutes")
		})
	}
}

// linesOf reads lines until the end.
func linesOf(r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// TestE73_ShutdownEndsEventStreams: a server waits for its responses; those of events
// must end, with what was queued.
func TestE73_ShutdownEndsEventStreams(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		path := n.makeEvents(t, session, `["reconnect"]`)
		p := n.Pipes(t, false)
		r, err := p.Client(t).Get("http://node.example" + path)
		if err != nil {
			t.Fatal(err)
		}
		body := make(chan string)
		go func() {
			b, err := io.ReadAll(r.Body)
			body <- fmt.Sprint(string(b), err)
		}()
		defer r.Body.Close()
		begun := time.Now()
		n.play.Reconnect(nil)
		n.play.CloseEvents()
		if err := p.Server.Shutdown(t.Context()); err != nil || time.Since(begun) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if got := <-body; !strings.HasSuffix(got, "event: reconnect\ndata: {}\n\n<nil>") {
			t.Errorf("the last words: %q", got)
		}
		n.Do(t, request{Method: "POST", Path: session + "/events"}).Want(t, 503)
		n.Do(t, request{Method: "GET", Path: session}).Want(t, 204)
	})
}

// TestE73_Resume: a reader that comes back gets what it did not get, nothing twice if it
// says what it has, and the one before it is let go.
func TestE73_Resume(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		path := n.makeEvents(t, n.playing(t), `["reconnect"]`)
		say := func(from, to int) {
			for i := from; i < to; i++ {
				n.play.Reconnect(func(string) string { return fmt.Sprintf("https://%d.example", i) })
			}
			synctest.Wait()
		}
		ids := func(l *signalingtest.Listener) string {
			synctest.Wait()
			var all []string
			for _, e := range l.Events() {
				all = append(all, e.ID)
			}
			return strings.Join(all, " ")
		}
		say(0, 2)
		first := n.Listen(t, request{Path: path})
		if got := ids(first); got != "1 2" {
			t.Errorf("the first reader got %q", got)
		}
		second := n.Listen(t, request{Path: path})
		say(2, 4)
		if got := ids(second); got != "3 4" || !first.Ended() {
			t.Errorf("the second reader got %q; the first has ended: %v", got, first.Ended())
		}
		second.Leave()
		say(4, 5)
		for last, want := range map[string]string{"2": "3 4 5", "4": "", "99": "", "x": "", "": ""} {
			l := n.Listen(t, request{Path: path}.With("Last-Event-ID", last))
			got := ids(l)
			if last != "2" && strings.HasSuffix(got, "5") {
				got = strings.TrimSuffix(strings.TrimSuffix(got, "5"), " ") // whoever came first got it
			}
			if got != want {
				t.Errorf("behind %q: %q, want %q", last, got, want)
			}
			l.Leave()
		}
		l := n.Listen(t, request{Path: path})
		say(5, 5+2*whep.MaxKept)
		l.Leave()
		last := n.Listen(t, request{Path: path}.With("Last-Event-ID", "5"))
		if got := len(strings.Fields(ids(last))); got != whep.MaxKept {
			t.Errorf("%d events are kept, want %d", got, whep.MaxKept)
		}
	})
}

// TestE73_TwoReadersDoNotAlternate: EventSources come back by themselves when another one
// takes their place. The one that was replaced stays away while the other reads, and is
// welcome once it is gone.
func TestE73_TwoReadersDoNotAlternate(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		path := n.makeEvents(t, n.playing(t), `["reconnect"]`)
		n.play.Reconnect(nil)
		first := n.Listen(t, request{Path: path})
		synctest.Wait()
		second := n.Listen(t, request{Path: path}.With("Last-Event-ID", "1"))
		synctest.Wait()
		if got := len(first.Events()); got != 1 || !first.Ended() || first.Replaced() != "1-replaced" {
			t.Fatalf("the first reader got %d events, has ended: %v, comes back with %q", got, first.Ended(), first.Replaced())
		}
		back := request{Method: "GET", Path: path}.With("Last-Event-ID", first.Replaced())
		for range 3 {
			if r := n.Do(t, back).Want(t, 204); r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("204 may be kept: %v", r.Header)
			}
		}
		n.play.Reconnect(nil)
		synctest.Wait()
		if got := second.Events(); len(got) != 1 || second.Ended() || second.Replaced() != "" {
			t.Errorf("the second reader got %+v, has ended: %v", got, second.Ended())
		}
		second.Leave()
		again := n.Listen(t, back)
		synctest.Wait()
		if got := again.Events(); len(got) != 1 || got[0].ID != "2" || again.Ended() {
			t.Errorf("when the other is gone: %+v", got)
		}
		third := n.Listen(t, request{Path: path}) // a new one, not one that comes back
		synctest.Wait()
		again.Events()
		if !again.Ended() || again.Replaced() != "2-replaced" || third.Ended() {
			t.Errorf("a third reader: the one before has ended: %v, %q", again.Ended(), again.Replaced())
		}
	})
}

// TestE74_StalledReader: one that never reads costs a bounded queue; nobody waits for it.
func TestE74_StalledReader(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.Publish(t, "live")
		player := n.Play(t, "live")
		session := signalingtest.PathOf(t, player.URL())
		path, unread := n.makeEvents(t, session, `["reconnect"]`), n.makeEvents(t, session, `["reconnect"]`)
		stalled, healthy := n.Listen(t, request{Path: path}), n.listen(t, session, `["reconnect"]`)
		stalled.Stall()
		const events = 10_000
		for i := range events {
			n.play.Reconnect(nil)
			if q := n.play.Queued(); q > whep.MaxQueued {
				t.Fatalf("%d events queued", q)
			}
			if i%10 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if got := len(healthy.Events()); got != events {
			t.Errorf("a healthy reader got %d events of %d", got, events)
		}
		signalingtest.WantPlaying(t, player)
		for _, gone := range []string{path, unread} {
			n.Do(t, request{Method: "GET", Path: gone}).Want(t, 404)
		}
		time.Sleep(whep.EventWriteTimeout)
		synctest.Wait()
		if got := n.play.EventStreams(); got != 1 {
			t.Errorf("%d event streams, want the healthy one", got)
		}
		if !stalled.Ended() {
			t.Error("the stalled response goes on")
		}
	})
}

// TestE74_StalledConnection is the same over net/http: nothing of the connection is left.
func TestE74_StalledConnection(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		path := n.makeEvents(t, n.playing(t), `["reconnect"]`)
		c, err := n.Pipes(t, false).Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: node.example\r\n\r\n", path)
		r := bufio.NewReader(c)
		if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 {
			t.Fatal(response, err)
		}
		for range 2 * whep.MaxQueued {
			n.play.Reconnect(nil)
		}
		time.Sleep(whep.EventWriteTimeout + time.Second)
		_ = c.SetReadDeadline(time.Now().Add(time.Second)) // an error if it is closed already
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("the connection is open: %v", err)
		}
		n.Do(t, request{Method: "GET", Path: path}).Want(t, 404)
	})
}

func TestEventStreamsAreBounded(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		s, other := n.Create(t, "live", "").Path, n.Create(t, "live", "").Path
		post := func(session string) signalingtest.Reply {
			return n.Do(t, request{Method: "POST", Path: session + "/events"})
		}
		for range whep.MaxPerSession {
			post(s).Want(t, 201)
		}
		if r := post(s).Want(t, 422); !strings.HasSuffix(r.Problem.Type, ":too-many-event-streams") {
			t.Errorf("problem %+v", r.Problem)
		}
		n.Do(t, request{Method: "GET", Path: s + "/events"}.With("Accept", "text/event-stream")).Want(t, 422)
		n.play.Fill(whep.MaxPerSession + 1)
		post(other).Want(t, 201)
		if r := post(other).Want(t, 503); !strings.HasSuffix(r.Problem.Type, ":event-streams-full") || r.Header.Get("Retry-After") == "" {
			t.Errorf("problem %+v, %v", r.Problem, r.Header)
		}
		n.Do(t, request{Method: "DELETE", Path: s}).Want(t, 200)
		for range whep.MaxPerSession - 1 {
			post(other).Want(t, 201)
		}
	})
}

// TestStatistics: what the subscriber gets, once a second.
func TestStatistics(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		l := n.listen(t, n.playing(t), `["statistics"]`)
		time.Sleep(3 * time.Second)
		if got := l.Named("statistics"); len(got) < 2 || got[1] != `{"estimate":0,"bitrate":0,"paused":false,"automatic":true}` {
			t.Errorf("without a publisher %q", got)
		}
		p := n.Publish(t, "live")
		time.Sleep(5 * time.Second)
		l.Events()
		time.Sleep(10*time.Second + time.Millisecond)
		all := l.Named("statistics")
		if len(all) != 10 {
			t.Errorf("%d in ten seconds", len(all))
		}
		for _, data := range all {
			s := decode[statistics](t, data)
			if s.Bitrate < 400_000 || s.Bitrate > 700_000 || s.Width != 640 || s.Height != 360 || s.Spatial != 0 || !s.Automatic || s.Paused {
				t.Errorf("%s", data)
			}
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		all = l.Named("statistics")
		if last := decode[statistics](t, all[len(all)-1]); last.Bitrate != 0 {
			t.Errorf("after the end %s", all[len(all)-1])
		}
	})
}

type statistics struct {
	Estimate, Bitrate int64
	RID               string
	Spatial           int `json:"spatialLayerId"`
	Temporal          int `json:"temporalLayerId"`
	Width, Height     int
	Paused, Automatic bool
}

// TestDiagnosis: what is wrong with the publisher is told when it changes.
func TestDiagnosis(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		p := n.Publish(t, "live", func(o *client.PublishOptions) { o.Video = []client.Encoding{rung(t, "", 360, 5*time.Second)} })
		l := n.listen(t, n.playing(t), `["diagnosis"]`)
		time.Sleep(5 * time.Second)
		if got := l.Events(); len(got) != 0 {
			t.Errorf("all is well, but %+v", got)
		}
		time.Sleep(20 * time.Second)
		all := l.Named("diagnosis")
		if len(all) == 0 {
			t.Fatal("the publisher fell silent and nothing was said")
		}
		type finding struct{ Code, Text string }
		if got := decode[[]finding](t, all[len(all)-1]); len(got) != 1 || got[0].Code != "no-media" || !strings.HasSuffix(got[0].Text, ".") {
			t.Errorf("told %q", all)
		}
		time.Sleep(20 * time.Second)
		if got := l.Events(); len(got) > 1 { // for how long it is silent may be said anew
			t.Errorf("nothing changed, but %+v", got)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := l.Named("diagnosis"); !slices.Equal(got, []string{`[]`}) {
			t.Errorf("after the end %q", got)
		}
	})
}
