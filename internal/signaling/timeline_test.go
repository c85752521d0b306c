package signaling_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

// TestTimelineOfASession: each step once, the first time it was told.
func TestTimelineOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHEP, o, signaling.Config{
			ObserveMedia: func(_ *signaling.Session, keyframe bool) { told = append(told, keyframe) },
		})
		start := time.Now()
		x.Create(t, "live", "")
		s := o.last().session
		time.Sleep(time.Second)
		s.OnState(rtc.Connected)
		for n := range 2 {
			s.OnBegin(stream.Beginning{At: start.Add(time.Duration(2+n) * time.Second), Live: start})
			s.OnBegin(stream.Beginning{At: start.Add(time.Duration(3+n) * time.Second), Live: start, Keyframe: true})
		}
		time.Sleep(time.Hour)
		s.End(signaling.Failed)
		synctest.Wait()
		at := func(p time.Time) time.Duration { return p.Sub(start) }
		got := s.Timeline()
		if at(got.Posted) != 0 || at(got.Answered) != 0 || !got.ICE.IsZero() || at(got.DTLS) != time.Second ||
			at(got.Packet) != 2*time.Second || at(got.Keyframe) != 3*time.Second || at(got.Live) != 0 || at(got.Ended) != time.Hour+time.Second {
			t.Errorf("%+v", got)
		}
		if fmt.Sprint(told) != "[false true]" {
			t.Errorf("told %v", told)
		}
	})
}

// TestPostsAreToldByTheirAnswer: the code of the problem, or none.
func TestPostsAreToldByTheirAnswer(t *testing.T) {
	var mu sync.Mutex
	var got []string
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{
		ObservePost: func(k signaling.Kind, code string) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, k.String()+" "+code)
		},
	})
	x.Create(t, "live", "")
	x.Post(t, "live", "no offer", "").Want(t, 400)
	x.Post(t, "%2e", x.Offer(), "").Want(t, 404)
	x.Do(t, signalingtest.Request{Method: "GET", Path: x.Endpoint("live")}).Want(t, 200)
	if len(got) != 3 || got[0] != "whip " || got[1] == "whip " || got[2] != "whip no-such-stream" {
		t.Errorf("%q", got)
	}
}

// TestTraceHeadersAreKept as they come, but for those that are too long.
func TestTraceHeadersAreKept(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	long := strings.Repeat("x", 513)
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	for _, c := range []struct{ parent, state, wantParent, wantState string }{
		{"", "", "", ""},
		{parent, "a=1,b=2", parent, "a=1,b=2"},
		{parent, long, parent, ""},
		{long, "a=1", "", ""},
	} {
		q := x.OfferRequest("live", x.Offer(), "").With("traceparent", c.parent).With("tracestate", c.state)
		x.Do(t, q).Want(t, 201)
		if got := o.last().session.Trace(); got.Parent != c.wantParent || got.State != c.wantState {
			t.Errorf("%+v gives %+v", c, got)
		}
	}
}
