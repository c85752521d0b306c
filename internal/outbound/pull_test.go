package outbound_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/outbound"
)

// pull lets cam come from far.example.
func (s *stage) pull(always bool, next outbound.Elsewhere) *outbound.Pulls {
	s.pulls = outbound.NewPulls(s.cfg, []outbound.Origin{
		{Stream: "cam", URL: "https://far.example/live/abc?key=secret-query", Token: "secret-token", Always: always},
	}, next)
	return s.pulls
}

// join subscribes to a stream and tells how long that took.
func (s *stage) join(p *outbound.Pulls, name string) (leave func(), took time.Duration) {
	s.t.Helper()
	begun := time.Now()
	_, leave, err := p.Join(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return leave, time.Since(begun)
}

// TestPullOnDemand: nothing is asked before somebody subscribes, and nothing again after the last
// one left. A stream that is absent may come; subscribers are not kept waiting for it.
func TestPullOnDemand(t *testing.T) {
	play(t, func(s *stage) {
		p := s.pull(false, nil)
		s.run(time.Minute)
		if all := s.requests(""); len(all) > 0 {
			s.t.Errorf("asked %+v", all)
		}
		leave, took := s.join(p, "cam")
		if took > 100*time.Millisecond {
			s.t.Errorf("the first one waited %v for a refusal", took)
		}
		s.run(time.Second / 4)
		again, took := s.join(p, "cam")
		if took > 0 {
			s.t.Errorf("the second one waited %v for the next attempt", took)
		}
		s.run(5 * time.Minute)
		posts := s.requests(http.MethodPost)
		if n := len(posts); n < 10 || n > 30 {
			s.t.Errorf("%d attempts in five minutes", n)
		}
		for _, line := range []string{"a=recvonly", "a=setup:actpass", "a=rtpmap:111 opus/48000/2", "profile-level-id=42e01f", "AV1/90000", "H265/90000"} {
			if !strings.Contains(posts[0].body, line) {
				s.t.Errorf("no %s in\n%s", line, posts[0].body)
			}
		}
		if i := p.Info()[0]; i.Reason != outbound.Absent || i.Status != 404 || i.State != outbound.Waiting {
			s.t.Errorf("info %+v", i)
		}
		leave()
		leave() // counts once
		s.run(time.Minute)
		if n := len(s.requests("")); n == len(posts) {
			s.t.Error("nothing is asked for who is left")
		}
		again()
		s.run(outbound.PullLinger + time.Second)
		after := len(s.requests(""))
		s.run(10 * time.Minute)
		if n := len(s.requests("")); n != after || p.Info()[0].State != outbound.Idle {
			s.t.Errorf("%d requests after all left, %s", n-after, p.Info()[0].State)
		}
		if log := s.log.text(); strings.Contains(log, "secret") || strings.Contains(log, "/live/") {
			s.t.Error(log)
		}
	}, status(404))
}

// TestPullRefused: what a retry would not change is not tried again soon for those who are there,
// but at once for those who come later.
func TestPullRefused(t *testing.T) {
	play(t, func(s *stage) {
		p := s.pull(false, nil)
		leave, _ := s.join(p, "cam")
		s.run(4 * time.Minute)
		if i := p.Info()[0]; i.State != outbound.Rejected || i.Failed != 1 {
			s.t.Errorf("info %+v", i)
		}
		s.run(4 * time.Minute)
		if i := p.Info()[0]; i.State != outbound.Rejected || i.Failed != 2 {
			s.t.Errorf("info %+v", i)
		}
		leave()
		s.run(outbound.PullLinger + time.Second)
		leave, _ = s.join(p, "cam")
		s.run(time.Minute)
		if i, t := p.Info()[0], p.Total(); i.State != outbound.Rejected || i.Failed != 3 || t.Ends[outbound.Refused] != 3 {
			s.t.Errorf("info %+v, total %+v", i, t)
		}
		leave()
	}, status(403))
}

// TestPullAlways: it is asked for without anybody.
func TestPullAlways(t *testing.T) {
	play(t, func(s *stage) {
		s.pull(true, nil)
		s.run(time.Minute)
		if n := len(s.requests(http.MethodPost)); n < 3 {
			s.t.Errorf("%d attempts", n)
		}
	}, status(503))
}

// TestPullYields: a publisher of this node has its name, and so has one elsewhere in the cluster.
func TestPullYields(t *testing.T) {
	play(t, func(s *stage) {
		s.publish("cam")
		s.run(time.Second)
		p := s.pull(true, nil)
		leave, took := s.join(p, "cam")
		s.run(time.Minute)
		if all := s.requests(""); len(all) > 0 || took > 0 {
			s.t.Errorf("asked %+v, waited %v", all, took)
		}
		s.unpublish()
		s.run(5 * time.Second)
		if all := s.requests(""); len(all) == 0 {
			s.t.Error("not asked after the publisher left")
		}
		leave()
	}, status(404))
	play(t, func(s *stage) {
		elsewhere := true
		s.cfg.Elsewhere = func(_ context.Context, name string) bool { return elsewhere && name == "cam" }
		p := s.pull(false, nil)
		leave, took := s.join(p, "cam")
		s.run(time.Minute)
		if all := s.requests(""); len(all) > 0 || took > 0 {
			s.t.Errorf("asked %+v, waited %v", all, took)
		}
		s.pulls.Close()
		leave()
	}, status(404))
}

// TestPullNameTaken: where another publisher takes the name while the far end is asked, its
// session is ended and the publisher stays.
func TestPullNameTaken(t *testing.T) {
	play(t, func(s *stage) {
		p := s.pull(false, nil)
		_, leave := s.slow(p)
		s.run(time.Minute)
		if i := p.Info()[0]; i.Reason != outbound.Taken || i.State != outbound.Idle {
			s.t.Errorf("info %+v", i)
		}
		if n := len(s.requests(http.MethodDelete)); n != 1 {
			s.t.Errorf("%d sessions deleted", n)
		}
		if info, _ := s.streams.Lookup("cam"); !info.Live() {
			s.t.Error("the publisher is gone")
		}
		leave()
	}, offered("/s"))
}

// slow subscribes, and publishes the stream while the far end is being asked.
func (s *stage) slow(p *outbound.Pulls) (took time.Duration, leave func()) {
	s.answering = func() {
		if s.claim == nil {
			s.publish("cam")
			time.Sleep(time.Second)
		}
	}
	leave, took = s.join(p, "cam")
	return took, leave
}

// elsewhere is where other streams come from.
type elsewhere struct {
	formats []codec.Format
	err     error
	joined  int
}

func (e *elsewhere) Join(context.Context, string) ([]codec.Format, func(), error) {
	if e.err != nil {
		return nil, nil, e.err
	}
	e.joined++
	return e.formats, sync.OnceFunc(func() { e.joined-- }), nil
}

// TestPullsPassOn: streams that are not pulled come from elsewhere as if there were no pulls, and
// a pulled one that another node has comes from there.
func TestPullsPassOn(t *testing.T) {
	vp8 := []codec.Format{{Name: codec.VP8}}
	play(t, func(s *stage) {
		e := &elsewhere{formats: vp8}
		s.cfg.Elsewhere = func(context.Context, string) bool { return true }
		p := s.pull(false, e)
		for _, name := range []string{"other", "cam"} {
			formats, leave, err := p.Join(s.t.Context(), name)
			if err != nil || len(formats) != 1 || e.joined != 1 {
				s.t.Errorf("%s: %v %v, joined %d", name, formats, err, e.joined)
			}
			leave()
			leave()
			if e.joined != 0 {
				s.t.Errorf("%s: still joined", name)
			}
		}
		e.err = errNetwork
		if _, _, err := p.Join(s.t.Context(), "other"); !errors.Is(err, errNetwork) {
			s.t.Errorf("got %v", err)
		}
		_, leave, err := p.Join(s.t.Context(), "cam") // needs no directory
		if err != nil {
			s.t.Fatal(err)
		}
		leave()
	}, status(404))
	play(t, func(s *stage) {
		_, leave, err := s.pull(false, nil).Join(s.t.Context(), "other")
		if err != nil {
			s.t.Fatal(err)
		}
		leave()
	}, status(404))
}

// TestPullKeepsNobodyWaiting: a far end that does not answer delays a subscriber by a bounded time.
func TestPullKeepsNobodyWaiting(t *testing.T) {
	play(t, func(s *stage) {
		s.answering = func() { time.Sleep(9 * time.Second) }
		p := s.pull(false, nil)
		leave, took := s.join(p, "cam")
		if took != 3*time.Second {
			s.t.Errorf("waited %v", took)
		}
		leave()
		s.run(20 * time.Second)
	}, status(503))
}
