package outbound

import (
	"context"
	"crypto/rand"
	mrand "math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A push is one stream on its way to one target, from when its publisher begins to send until
// it has been gone for a while.
type push struct {
	worker
	pushes *Pushes

	// owned by run
	gone  time.Time // since when nobody sends the stream; zero: somebody does
	asked time.Time // since it is gone, when it was last looked for on other nodes
}

// run keeps a session while the stream has a publisher.
func (x *push) run(ctx context.Context) {
	for {
		info, ok := x.settle(ctx)
		if !ok {
			return
		}
		x.set(Connecting)
		f := x.attempt(ctx, info)
		if pause := x.ended(f); f.reason.ours() || !x.rest(ctx, pause, f.final, info.Publication) {
			return
		}
	}
}

func (x *push) lookup() stream.Info {
	info, _ := x.pushes.cfg.Streams.Lookup(x.info.Stream)
	return info
}

// settle waits until both sound and picture are there, or for a while; false: nobody sends.
func (x *push) settle(ctx context.Context) (stream.Info, bool) {
	end := time.Now().Add(settleTime)
	for {
		info := x.lookup()
		switch known := info.Audio != nil || info.Video != nil; {
		case !own(info):
			return info, false
		case info.Audio != nil && info.Video != nil, known && time.Now().After(end):
			return info, true
		}
		if !sleep(ctx, lookInterval/5) {
			return info, false
		}
	}
}

// rest waits for the next attempt; after a refusal no longer than until another publisher sends the
// stream, which the far end may take. false: nobody sends it any more.
func (x *push) rest(ctx context.Context, pause time.Duration, refused bool, publication uint64) bool {
	end := time.Now().Add(pause)
	for sleep(ctx, min(lookInterval, time.Until(end))) {
		now, info := time.Now(), x.lookup()
		switch {
		case x.left(ctx, now, info):
			return false
		case !now.Before(end), refused && own(info) && info.Publication != publication:
			return true
		}
	}
	return false
}

// left tells whether the stream's publisher is gone for good: for a while, or to another node, which
// pushes it from now on.
func (x *push) left(ctx context.Context, now time.Time, info stream.Info) bool {
	if own(info) {
		x.gone = time.Time{}
		return false
	}
	if x.gone.IsZero() {
		x.gone, x.asked = now, now
	}
	if now.Sub(x.asked) >= holdInterval {
		x.asked = now
		ctx, cancel := context.WithTimeout(ctx, claimTimeout)
		defer cancel()
		if x.pushes.cfg.Elsewhere(ctx, x.info.Stream) {
			return true
		}
	}
	return now.Sub(x.gone) >= PushLinger
}

// attempt is one session, from its POST to its end.
func (x *push) attempt(ctx context.Context, info stream.Info) *failure {
	s := newSink()
	var err error
	if s.session, err = x.pushes.cfg.newSession(x.endpoint, true, s); err != nil {
		return asFailure(err)
	}
	defer s.session.close()
	tracks := newTracks(formatsOf(info))
	answer, err := s.session.negotiate(ctx, sdp.Subscriber, pushed(tracks.formats, tracks.of))
	if err != nil {
		if ctx.Err() != nil {
			return because(Shutdown)
		}
		return asFailure(err)
	}
	x.agreed(answer)
	sub, err := x.pushes.cfg.Streams.Subscribe(x.info.Stream, s, tracks.answered(answer))
	if err != nil {
		return because(Full)
	}
	defer sub.Close()
	s.receive(sub)
	if err := s.session.accept(answer); err != nil {
		return asFailure(err)
	}
	return follow(ctx, &s.states, s.interrupt, x.opened, func(now time.Time) Reason { return x.why(ctx, now, info) })
}

// why tells whether a session must end: nobody sends the stream, or a kind of media came that
// was not there when it was offered.
func (x *push) why(ctx context.Context, now time.Time, offered stream.Info) Reason {
	info := x.lookup()
	switch {
	case x.left(ctx, now, info):
		return Gone
	case !own(info):
		return ""
	}
	if info.Audio != nil && offered.Audio == nil || info.Video != nil && offered.Video == nil {
		return Misfit
	}
	return ""
}

func formatsOf(info stream.Info) []codec.Format {
	var all []codec.Format
	for _, e := range []*forwarder.Encoding{info.Audio, info.Video} {
		if e != nil {
			all = append(all, e.Format())
		}
	}
	return all
}

// tracks are what one session sends.
type tracks struct {
	id      string
	formats []codec.Format // sent now, one of each kind
	ssrcs   map[codec.Kind]uint32
	repair  uint32
}

func newTracks(formats []codec.Format) *tracks {
	first := mrand.Uint32() | 1 //nolint:gosec // no secret; not 0
	return &tracks{
		id: rand.Text(), formats: formats, repair: first + 4,
		ssrcs: map[codec.Kind]uint32{codec.Audio: first, codec.Video: first + 2},
	}
}

// of describes what is sent of a kind.
func (t *tracks) of(k codec.Kind) sdp.AnswerTrack {
	a := sdp.AnswerTrack{SSRC: t.ssrcs[k], StreamID: t.id, TrackID: t.id + "-" + k.String(), CNAME: t.id}
	if k == codec.Video {
		a.RTXSSRC = t.repair
	}
	for _, f := range t.formats {
		if f.Name.Kind() == k {
			a.Source = f
		}
	}
	return a
}

// answered describes to the forwarder what the far end takes.
func (t *tracks) answered(answer *sdp.Offer) []forwarder.SubscriberTrack {
	var all []forwarder.SubscriberTrack
	for i := range answer.Sections {
		s := &answer.Sections[i]
		if !s.Accepted {
			continue
		}
		a := t.of(s.Kind)
		if len(s.RepairTypes()) == 0 {
			a.RTXSSRC = 0
		}
		all = append(all, signaling.SubscriberTrack(s, a))
	}
	return all
}
