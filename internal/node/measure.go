package node

import (
	"time"

	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/internal/trace"
)

// measure puts what becomes of a session into the node's histograms.
func (n *Node) measure(news signaling.News) {
	s := news.Session
	t := s.Timeline()
	switch news.Event {
	case signaling.Created:
		n.took(s, metrics.Answer, t.Posted, t.Answered)
	case signaling.Connected:
		n.took(s, metrics.ICE, t.Answered, t.ICE)
		n.took(s, metrics.DTLS, t.ICE, t.DTLS)
	case signaling.Ended:
		n.instruments.Ended(s.Kind().String(), string(news.Reason))
		if t.Keyframe.IsZero() { // else it was told of then
			n.traced(s, t, news.Reason)
		}
		if news.Connected {
			n.instruments.Length(s.Kind().String(), t.Ended.Sub(t.DTLS), s.ID())
		} else {
			n.took(s, metrics.ICE, t.Answered, t.ICE) // DTLS never came
		}
	}
}

// measureMedia does so when media begins.
func (n *Node) measureMedia(s *signaling.Session, keyframe bool) {
	t := s.Timeline()
	if keyframe {
		n.took(s, metrics.FirstKeyframe, since(t.Posted, s, t), t.Keyframe)
		n.traced(s, t, "")
		return
	}
	n.took(s, metrics.FirstPacket, since(t.DTLS, s, t), t.Packet)
}

// traced tells of a session whose set-up is over.
func (n *Node) traced(s *signaling.Session, t signaling.Timeline, reason signaling.Reason) {
	if n.tracer == nil {
		return
	}
	from := s.Trace()
	n.tracer.Session(trace.Session{
		Kind: s.Kind().String(), ID: s.ID(), Stream: s.Stream(), Parent: from.Parent, State: from.State,
		Posted: t.Posted, Answered: t.Answered, ICE: t.ICE, DTLS: t.DTLS, Live: t.Live, Packet: t.Packet, Keyframe: t.Keyframe, Ended: t.Ended,
		Reason: string(reason), Failed: reason == signaling.Refused || reason == signaling.Unused || reason == signaling.Failed,
	})
}

// took notes what a step took, unless it or the one before did not come.
func (n *Node) took(s *signaling.Session, step metrics.Step, from, to time.Time) {
	if !from.IsZero() && !to.IsZero() {
		n.instruments.Setup(s.Kind().String(), step, max(to.Sub(from), 0), s.ID())
	}
}

// since is when a session could have gone on from a step: a subscriber that waits for a
// publisher waits for nothing of ours.
func since(step time.Time, s *signaling.Session, t signaling.Timeline) time.Time {
	if s.Kind() == signaling.WHEP && t.Live.After(step) {
		return t.Live
	}
	return step
}

// left puts the last counters of a subscriber into the histograms.
func (n *Node) left(c stream.SubscriptionCounts) {
	if c.Measures.Watched > 0 {
		n.instruments.Froze(c.Measures.Frozen.Seconds() / c.Measures.Watched.Seconds())
	}
}
