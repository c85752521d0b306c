package outbound_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/outbound"
	"github.com/whippet-media/whippet/internal/stream"
)

// TestPushOffers: the POST goes to the stream's own URL with the token and an offer of what is
// published, and with the end of the push the session is deleted where the far end has it.
func TestPushOffers(t *testing.T) {
	for location, want := range map[string]string{
		"/sessions/7":                    "https://far.example/sessions/7",
		"s/7":                            "https://far.example/live/s/7",
		"https://edge.far.example/s/7?a": "https://edge.far.example/s/7?a",
		"http://far.example/s/7":         "", // never from HTTPS to where everybody can read it
		"ftp://far.example/s":            "",
		"":                               "",
		strings.Repeat("x", 5000):        "",
	} {
		play(t, func(s *stage) {
			s.publish("cam")
			p := s.push()
			s.run(2 * time.Second)
			posts := s.requests(http.MethodPost)
			if len(posts) != 1 || posts[0].url != "https://far.example/live/cam?key=secret-query" || posts[0].token != "Bearer secret-token" {
				s.t.Fatalf("asked %+v", posts)
			}
			for _, line := range []string{"a=sendonly", "a=setup:actpass", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=rtpmap:111 opus/48000/2"} {
				if !strings.Contains(posts[0].body, line+"\r\n") {
					t.Errorf("no %s in\n%s", line, posts[0].body)
				}
			}
			p.Close()
			switch gone := s.requests(http.MethodDelete); {
			case want == "" && len(gone) > 0:
				t.Errorf("%.40q: DELETE %s", location, gone[0].url)
			case want != "" && (len(gone) != 1 || gone[0].url != want || gone[0].token != "Bearer secret-token"):
				t.Errorf("%.40q: ended by %+v", location, gone)
			}
		}, created(location))
	}
}

// TestPushRefusals: each response is final or followed by another attempt, as it should.
func TestPushRefusals(t *testing.T) {
	for _, c := range []struct {
		reply  reply
		reason outbound.Reason
		final  bool
	}{
		{status(400), outbound.Refused, true},
		{status(401), outbound.Refused, true},
		{status(403), outbound.Refused, true},
		{status(404), outbound.Absent, true},
		{status(405), outbound.Refused, true},
		{status(406), outbound.Refused, true},
		{status(410), outbound.Absent, true},
		{status(415), outbound.Refused, true},
		{status(422), outbound.Refused, true},
		{status(408), outbound.Busy, false},
		{status(409), outbound.Busy, false},
		{status(425), outbound.Busy, false},
		{status(429), outbound.Busy, false},
		{status(500), outbound.Unavailable, false},
		{status(502), outbound.Unavailable, false},
		{status(503), outbound.Unavailable, false},
		{status(301, "Location", "/x"), outbound.Redirected, true},
		{status(302, "Location", "/x"), outbound.Redirected, true},
		{status(303, "Location", "/x"), outbound.Redirected, true},
		{status(307), outbound.Redirected, true},
		{status(307, "Location", "ftp://far.example/"), outbound.Redirected, true},
		{status(308, "Location", "http://far.example/"), outbound.Redirected, true},
		{status(307, "Location", "/again"), outbound.Redirected, true},
		{status(204), outbound.BadAnswer, true},
		{reply{status: 201, body: "<html>"}, outbound.BadAnswer, true},
		{reply{status: 201, body: strings.Repeat("x", 65<<10)}, outbound.BadAnswer, true},
		{reply{err: errNetwork}, outbound.Unreachable, false},
	} {
		t.Run(fmt.Sprint(c.reply.status, c.reply.header["Location"], len(c.reply.body)), func(t *testing.T) {
			play(t, func(s *stage) {
				s.publish("cam")
				p := s.push()
				s.run(3 * time.Minute)
				info := p.Info()
				if len(info) != 1 || info[0].Reason != c.reason || info[0].Status != c.reply.status || info[0].Far != "far.example" {
					s.t.Fatalf("info %+v", info)
				}
				tries := p.Total().Failed
				switch {
				case c.final && (tries != 1 || info[0].State != outbound.Rejected):
					t.Errorf("%d attempts, %s", tries, info[0].State)
				case !c.final && (tries < 6 || tries > 20 || info[0].State != outbound.Waiting):
					t.Errorf("%d attempts in three minutes, %s", tries, info[0].State)
				}
				p.Close()
				for _, text := range []string{"secret", "/live/"} {
					if log := s.log.text(); strings.Contains(log, text) {
						t.Errorf("%q in the log: %s", text, log)
					}
				}
			}, c.reply)
		})
	}
}

// TestPushRedirects: a POST is sent on as it is, the token with it, as often as the bound says.
func TestPushRedirects(t *testing.T) {
	on := func(to string) reply { return status(307, "Location", to) }
	play(t, func(s *stage) {
		s.publish("cam")
		p := s.push()
		s.run(2 * time.Second)
		posts := s.requests(http.MethodPost)
		want := []string{
			"https://far.example/live/cam?key=secret-query", "https://far.example/1", "https://b.example/2", "https://b.example/3",
			"https://b.example/4", "https://b.example/5",
		}
		if len(posts) != len(want) {
			s.t.Fatalf("asked %+v", posts)
		}
		for i, r := range posts {
			if r.url != want[i] || r.token != "Bearer secret-token" || r.body != posts[0].body {
				t.Errorf("number %d: %+v", i, r)
			}
		}
		p.Close()
		if gone := s.requests(http.MethodDelete); len(gone) != 1 || gone[0].url != "https://b.example/session" {
			t.Errorf("ended by %+v", gone)
		}
	}, on("/1"), status(308, "Location", "https://b.example/2"), on("/3"), on("/4"), on("/5"), created("session"))
}

// TestPushTooManyRedirects: one more is one too many.
func TestPushTooManyRedirects(t *testing.T) {
	play(t, func(s *stage) {
		s.publish("cam")
		p := s.push()
		s.run(time.Minute)
		if n := len(s.requests(http.MethodPost)); n != 6 {
			t.Errorf("%d requests", n)
		}
		p.Close()
	}, status(307, "Location", "/round"))
}

// TestPushBacksOff: pauses grow to a bound, and are never shorter than the far end asks.
func TestPushBacksOff(t *testing.T) {
	gaps := func(s *stage) (all []time.Duration) {
		posts := s.requests(http.MethodPost)
		for i := 1; i < len(posts); i++ {
			all = append(all, posts[i].at-posts[i-1].at)
		}
		return all
	}
	play(t, func(s *stage) {
		s.publish("cam")
		p := s.push()
		s.run(5 * time.Minute)
		want := time.Second
		for i, gap := range gaps(s) {
			if gap < want/2 || gap > want*3/2+100*time.Millisecond {
				t.Errorf("pause %d is %v, want about %v", i, gap, want)
			}
			want = min(2*want, 30*time.Second)
		}
		p.Close()
	}, status(503))
	for header, want := range map[string]time.Duration{"45": 45 * time.Second, "Sat, 01 Jan 2000 00:00:40 GMT": 30 * time.Second, "86400": 5 * time.Minute} {
		play(t, func(s *stage) {
			s.publish("cam")
			p := s.push()
			s.run(6 * time.Minute)
			if all := gaps(s); len(all) == 0 || all[0] < want || all[0] > want+10*time.Second {
				t.Errorf("%s: pauses %v", header, all)
			}
			p.Close()
		}, status(429, "Retry-After", header), status(429, "Retry-After", header), status(503))
	}
}

// TestPushNeverConnects: an answer from nowhere is given up, deleted, and asked for again.
func TestPushNeverConnects(t *testing.T) {
	play(t, func(s *stage) {
		s.publish("cam")
		p := s.push()
		s.run(time.Minute)
		i := p.Info()[0]
		if i.Reason != outbound.NeverConnected || i.Opened != 0 || i.Failed < 2 {
			t.Errorf("info %+v", i)
		}
		if n := len(s.requests(http.MethodDelete)); uint64(n) != i.Failed {
			t.Errorf("%d of %d sessions deleted", n, i.Failed)
		}
		p.Close()
	}, created("/s"))
}

// TestPushAsksAgain: what was refused is asked again much later, without a new publisher.
func TestPushAsksAgain(t *testing.T) {
	play(t, func(s *stage) {
		s.publish("cam")
		p := s.push()
		s.run(5*time.Minute - time.Second)
		if n := len(s.requests(http.MethodPost)); n != 1 {
			t.Errorf("asked %d times", n)
		}
		s.run(3 * time.Minute)
		if n := len(s.requests(http.MethodPost)); n < 2 { // the second one is accepted, and comes to nothing
			t.Errorf("asked %d times", n)
		}
		if i := p.Info()[0]; i.State == outbound.Rejected || i.Reason != outbound.NeverConnected {
			t.Errorf("info %+v", i)
		}
		line := s.lines()[0]
		if retry, _ := line["retry"].(float64); line["event"] != "refused" || retry < 300 || retry > 450 {
			t.Errorf("line %+v", line)
		}
		p.Close()
	}, status(403), created("/s"))
}

// TestPushFollowsAMove: a stream whose publisher went to another node is left to that one soon.
func TestPushFollowsAMove(t *testing.T) {
	play(t, func(s *stage) {
		s.cfg.Elsewhere = func(_ context.Context, name string) bool { return name == "cam" } // asked once nobody publishes
		s.publish("cam")
		p := s.push()
		s.run(2 * time.Minute)
		s.unpublish()
		s.run(3 * time.Second)
		if all := p.Info(); len(all) > 0 {
			t.Errorf("pushes %+v", all)
		}
	}, status(403))
}

// TestPushEndsInTime: a far end that does not answer the DELETE holds up nobody for long.
func TestPushEndsInTime(t *testing.T) {
	play(t, func(s *stage) {
		s.deleting = func(r *http.Request) { <-r.Context().Done() }
		s.publish("cam")
		p := s.push()
		s.run(2 * time.Second)
		begun := time.Now()
		p.Close()
		if took := time.Since(begun); took != 3*time.Second || len(s.requests(http.MethodDelete)) != 1 {
			t.Errorf("it took %v and %d requests", took, len(s.requests(http.MethodDelete)))
		}
	}, created("/s"))
}

// TestPushAnswerCut: a session whose answer does not come through is ended, and asked for again.
func TestPushAnswerCut(t *testing.T) {
	cut := created("/s")
	cut.cut = true
	play(t, func(s *stage) {
		s.publish("cam")
		p := s.push()
		s.run(10 * time.Second)
		i, gone := p.Info()[0], s.requests(http.MethodDelete)
		if i.Reason != outbound.Unreachable || i.Failed < 2 || uint64(len(gone)) != i.Failed {
			t.Errorf("info %+v, %d deleted", i, len(gone))
		}
	}, cut)
}

// TestPushFollowsThePublisher: nothing is asked while nobody publishes, a refusal counts for one
// publisher only, and streams that do not match are left alone.
func TestPushFollowsThePublisher(t *testing.T) {
	play(t, func(s *stage) {
		p := s.push(outbound.Target{Streams: "cam*", URL: "https://far.example/{stream}"})
		s.publish("other")
		s.run(time.Minute)
		s.unpublish()
		if all := s.requests(""); len(all) > 0 {
			t.Errorf("asked %+v", all)
		}
		for n := 1; n <= 3; n++ {
			s.publish("cam-1")
			s.run(time.Minute)
			if posts := s.requests(http.MethodPost); len(posts) != n || posts[n-1].url != "https://far.example/cam-1" || posts[n-1].token != "" {
				t.Errorf("publisher %d: asked %+v", n, posts)
			}
			s.unpublish()
			if n == 2 {
				continue // the next one takes its place at once
			}
			s.run(outbound.PushLinger + time.Second)
			if len(p.Info()) != 0 {
				t.Errorf("info %+v", p.Info())
			}
		}
		p.Close()
		if got := p.Total(); got.Failed != 3 || got.Ends[outbound.Refused] != 3 || len(got.Ends) != 1 {
			t.Errorf("total %+v", got)
		}
	}, status(403))
}

// TestPushesAreBounded: one too many waits until another one ends.
func TestPushesAreBounded(t *testing.T) {
	play(t, func(s *stage) {
		var targets []outbound.Target
		for i := range 257 {
			targets = append(targets, outbound.Target{Streams: "cam", URL: fmt.Sprintf("https://far.example/%d", i)})
		}
		s.publish("cam")
		p := s.push(targets...)
		s.run(5 * time.Second)
		if n := len(p.Info()); n != 256 {
			t.Errorf("%d pushes", n)
		}
		told := 0
		for _, line := range s.lines() {
			if line["event"] == "full" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
		p.Close()
	}, status(403))
}

// TestPushWithoutMeans: a node that cannot serve one more subscriber, or open a socket, says so
// and tries again.
func TestPushWithoutMeans(t *testing.T) {
	play(t, func(s *stage) {
		s.cfg.Listen = noSocket
		s.publish("cam")
		p := s.push()
		s.run(30 * time.Second)
		if i := p.Info()[0]; i.Reason != outbound.Full || i.State != outbound.Waiting || i.Failed < 3 {
			t.Errorf("info %+v", i)
		}
		p.Close()
	}, created("/s"))
	play(t, func(s *stage) {
		s.streams.Close()
		s.streams = stream.NewRegistry(stream.Config{Shards: 1, MaxNode: 1})
		s.cfg.Streams = s.streams
		s.publish("cam")
		if _, err := s.streams.Subscribe("cam", nobody{}, nil); err != nil {
			s.t.Fatal(err)
		}
		p := s.push()
		s.run(30 * time.Second)
		i := p.Info()[0]
		if i.Reason != outbound.Full || uint64(len(s.requests(http.MethodDelete))) != i.Failed {
			t.Errorf("info %+v, %d deleted", i, len(s.requests(http.MethodDelete)))
		}
		p.Close()
	}, created("/s"))
}
