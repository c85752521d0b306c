package signaling

import (
	"net/http"
	"strings"
	"time"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

// A Timeline says when a session passed each step of its set-up. The zero Time: not yet,
// or never. Steps come in the order of the fields, but for media that is not there yet.
type Timeline struct {
	Posted   time.Time // its POST came
	Answered time.Time // the 201 was ready to be sent
	ICE      time.Time // the first pair of candidates was chosen
	DTLS     time.Time // the keys were there
	Packet   time.Time // the first packet of media came from a publisher, or was sent to a subscriber
	Keyframe time.Time // the same of the first keyframe of video
	Live     time.Time // since when the publisher that these are of sends
	Ended    time.Time
}

// A Trace is what a POST said of the trace it belongs to (W3C Trace Context): the headers
// traceparent and tracestate, unchecked; "" where there is none or it is too long.
type Trace struct{ Parent, State string }

// Timeline returns what the session went through so far.
func (s *Session) Timeline() Timeline {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.timeline
	if s.prober != nil && (t.ICE.IsZero() || t.DTLS.IsZero()) {
		t.ICE, t.DTLS = s.prober.Progress()
	}
	return t
}

// Trace returns what the session's POST said of a trace.
func (s *Session) Trace() Trace { return s.trace }

// A prober tells how far a peer has got. [rtc.Peer] does.
type prober interface {
	Progress() (ice, dtls time.Time)
}

var _ prober = (*rtc.Peer)(nil)

// answered notes that the session's client is told of its peer now.
func (s *Session) answered(p Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeline.Answered = time.Now()
	s.prober, _ = p.(prober)
}

// OnBegin notes that media begins, the first packet or the first keyframe. It does not
// block, and takes no lock that anybody holds while they wait for a shard.
func (s *Session) OnBegin(b stream.Beginning) {
	step := &s.timeline.Packet
	if b.Keyframe {
		step = &s.timeline.Keyframe
	}
	s.mu.Lock()
	first := step.IsZero() && s.timeline.Ended.IsZero()
	if first {
		*step = b.At
		s.timeline.Live = b.Live
	}
	s.mu.Unlock()
	if first && s.service.observeMedia != nil {
		s.service.observeMedia(s, b.Keyframe)
	}
}

// traceOf reads the headers. What is in them is another's to check.
func traceOf(r *http.Request) Trace {
	t := Trace{r.Header.Get("traceparent"), strings.Join(r.Header.Values("tracestate"), ",")}
	if len(t.Parent) > maxTraceHeader {
		return Trace{}
	}
	if len(t.State) > maxTraceHeader {
		t.State = ""
	}
	return t
}
