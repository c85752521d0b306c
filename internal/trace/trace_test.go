package trace_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/trace"
	"github.com/whippet-media/whippet/internal/trace/tracetest"
)

var start = time.Unix(1_800_000_000, 0)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// session is a subscriber that got everything.
func session() trace.Session {
	return trace.Session{
		Kind: "whep", ID: "abc", Stream: "studio",
		Posted: at(0), Answered: at(20), ICE: at(50), DTLS: at(90), Packet: at(95), Keyframe: at(130), Live: at(-1000),
	}
}

// describe writes spans as lines: what is below what, and when.
func describe(spans []tracetest.Span) string {
	names := map[string]string{}
	for _, s := range spans {
		names[s.ID] = s.Name
	}
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "%s < %s: %d-%d %s\n", s.Name, names[s.Parent], s.Start.Sub(start).Milliseconds(), s.End.Sub(start).Milliseconds(), s.Error)
	}
	return b.String()
}

func TestSpansOfASession(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *trace.Session)
		want   string
	}{
		"subscriber": {func(*trace.Session) {}, "POST < whep set-up: 0-20 \nICE < whep set-up: 20-50 \nDTLS < whep set-up: 50-90 \n" +
			"first packet < whep set-up: 90-95 \nfirst keyframe < whep set-up: 95-130 \nwhep set-up < : 0-130 \n"},
		"publisher": {func(s *trace.Session) { s.Kind, s.Live = "whip", at(95) }, "POST < whip set-up: 0-20 \nICE < whip set-up: 20-50 \n" +
			"DTLS < whip set-up: 50-90 \nfirst packet < whip set-up: 90-95 \nfirst keyframe < whip set-up: 95-130 \nwhip set-up < : 0-130 \n"},
		"waits for a publisher": {
			func(s *trace.Session) { s.Live, s.Packet, s.Keyframe = at(900), at(905), at(910) },
			"POST < whep set-up: 0-20 \nICE < whep set-up: 20-50 \nDTLS < whep set-up: 50-90 \npublisher < whep set-up: 90-900 \n" +
				"first packet < whep set-up: 900-905 \nfirst keyframe < whep set-up: 905-910 \nwhep set-up < : 0-910 \n",
		},
		"sent before the publisher's first packet was noted": {
			func(s *trace.Session) { s.Live, s.Packet, s.Keyframe = at(900), at(899), at(910) },
			"POST < whep set-up: 0-20 \nICE < whep set-up: 20-50 \nDTLS < whep set-up: 50-90 \npublisher < whep set-up: 90-900 \n" +
				"first packet < whep set-up: 900-900 \nfirst keyframe < whep set-up: 899-910 \nwhep set-up < : 0-910 \n",
		},
		"never connected": {
			func(s *trace.Session) {
				*s = trace.Session{Kind: "whep", Posted: at(0), Answered: at(20), Ended: at(15_000), Reason: "never-connected", Failed: true}
			},
			"POST < whep set-up: 0-20 \nICE < whep set-up: 20-15000 never-connected\nwhep set-up < : 0-15000 never-connected\n",
		},
		"refused": {
			func(s *trace.Session) {
				*s = trace.Session{Kind: "whep", Posted: at(0), Ended: at(5), Reason: "refused", Failed: true}
			},
			"POST < whep set-up: 0-5 refused\nwhep set-up < : 0-5 refused\n",
		},
		"nobody published": {
			func(s *trace.Session) {
				s.Live, s.Packet, s.Keyframe, s.Ended, s.Reason = time.Time{}, time.Time{}, time.Time{}, at(60_000), "deleted"
			},
			"POST < whep set-up: 0-20 \nICE < whep set-up: 20-50 \nDTLS < whep set-up: 50-90 \nwhep set-up < : 0-90 \n",
		},
		"sound only, lost later": {
			func(s *trace.Session) {
				s.Keyframe, s.Ended, s.Reason, s.Failed = time.Time{}, at(60_000), "failed", true
			},
			"POST < whep set-up: 0-20 \nICE < whep set-up: 20-50 \nDTLS < whep set-up: 50-90 \nfirst packet < whep set-up: 90-95 \nwhep set-up < : 0-95 \n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := tracetest.New(t)
			tr := trace.New(trace.Config{Endpoint: r.URL, Share: 1, Node: "n1", Version: "v1"})
			s := session()
			c.change(&s)
			tr.Session(s)
			tr.Close()
			spans := r.Spans()
			if got := describe(spans); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if spans[0].Resource["service.name"] != "whippet" || spans[0].Resource["service.instance.id"] != "n1" || spans[0].Resource["service.version"] != "v1" {
				t.Errorf("resource %v", spans[0].Resource)
			}
		})
	}
}

// TestSpansSayWhatTheyAreOf, and nothing that is secret.
func TestSpansSayWhatTheyAreOf(t *testing.T) {
	r := tracetest.New(t)
	tr := trace.New(trace.Config{Endpoint: r.URL, Share: 1})
	tr.Session(session())
	tr.Close()
	spans := r.Spans()
	root := spans[len(spans)-1]
	if got := fmt.Sprint(root.Attributes); got != "map[whippet.kind:whep whippet.session:abc whippet.stream:studio]" {
		t.Error(got)
	}
}

// TestTraceOfThePostIsContinued: its id and state, and whether it is sampled.
func TestTraceOfThePostIsContinued(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, c := range []struct {
		header  string
		share   float64
		sampled bool
		joined  bool
	}{
		{"", 1, true, false},
		{"", 0, false, false},
		{"00-" + id + "-" + parent + "-01", 0, true, true},
		{"00-" + id + "-" + parent + "-00", 1, false, true},
		{"rubbish", 1, true, false},
		{"00-00000000000000000000000000000000-" + parent + "-01", 1, true, false},
	} {
		r := tracetest.New(t)
		tr := trace.New(trace.Config{Endpoint: r.URL, Share: c.share})
		s := session()
		s.Parent, s.State = c.header, "a=1"
		tr.Session(s)
		tr.Close()
		spans := r.Spans()
		if (len(spans) > 0) != c.sampled {
			t.Errorf("%q with share %v: %d spans", c.header, c.share, len(spans))
			continue
		}
		for _, span := range spans {
			if (span.Trace == id) != c.joined || c.joined != (span.State == "a=1") {
				t.Errorf("%q: span of trace %s, state %q", c.header, span.Trace, span.State)
			}
		}
		if c.sampled && c.joined && spans[len(spans)-1].Parent != parent {
			t.Errorf("%q: the set-up's parent is %s", c.header, spans[len(spans)-1].Parent)
		}
	}
}

// TestReceiverThatFails: what may pass is tried again, what will not is not, and what is
// not delivered is counted and logged once.
func TestReceiverThatFails(t *testing.T) {
	for _, c := range []struct {
		name     string
		answers  []int // the last one for all others
		requests int
		dropped  uint64
	}{
		{"for a moment", []int{503, 200}, 2, 0},
		{"for good", []int{502}, 3, 1},
		{"by refusing", []int{400}, 1, 1},
		{"by sending elsewhere", []int{307}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var logs bytes.Buffer
			r := tracetest.New(t)
			r.Answer = func(n int) int { return c.answers[min(n, len(c.answers))-1] }
			tr := trace.New(trace.Config{Endpoint: r.URL, Share: 1, Log: slog.New(slog.NewTextHandler(&logs, nil))})
			tr.Session(session())
			for end := time.Now().Add(20 * time.Second); r.Requests() < c.requests && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			tr.Close()
			if r.Requests() != c.requests || tr.Dropped() != c.dropped {
				t.Errorf("%d requests, %d dropped", r.Requests(), tr.Dropped())
			}
			if lines := uint64(strings.Count(logs.String(), "\n")); lines != c.dropped || strings.Contains(logs.String(), r.URL) {
				t.Errorf("logged %q", logs.String())
			}
		})
	}
}

// TestQueueIsBounded: a receiver that hangs costs traces, and nobody's time.
func TestQueueIsBounded(t *testing.T) {
	r := tracetest.New(t)
	hang := make(chan struct{})
	r.Answer = func(int) int { <-hang; return http.StatusOK }
	tr := trace.New(trace.Config{Endpoint: r.URL, Share: 1})
	const sessions = 3 * trace.MaxQueued
	for range sessions {
		tr.Session(session())
	}
	close(hang)
	tr.Close()
	if got := tr.Dropped(); got < sessions-trace.MaxQueued-2*trace.MaxBatch || got > sessions-trace.MaxQueued {
		t.Errorf("%d of %d dropped", got, sessions)
	}
	if got := uint64(len(r.Spans()) / 6); got+tr.Dropped() != sessions {
		t.Errorf("%d delivered and %d dropped of %d", got, tr.Dropped(), sessions)
	}
}

// TestNoTracer: what is off does nothing.
func TestNoTracer(t *testing.T) {
	var tr *trace.Tracer
	tr.Session(session())
	tr.Close()
	if tr.Dropped() != 0 {
		t.Error("counts")
	}
}
