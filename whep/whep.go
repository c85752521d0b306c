package whep

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A Config says what the endpoint stands on. Service, Transport and Streams are
// required; none is closed by this package.
type Config struct {
	Service   *signaling.Service
	Transport *rtc.Transport
	Streams   *stream.Registry

	// RequireLive refuses subscribers of a stream nobody publishes, with 409 and
	// Retry-After. Otherwise they wait.
	RequireLive bool

	// Elsewhere brings streams from where else their publishers may be; nil: from nowhere.
	Elsewhere Elsewhere
}

// Elsewhere is where a stream's publisher may be, if not on this node.
type Elsewhere interface {
	// Join lets a subscriber have a stream from wherever its publisher is, until leave is
	// called, and returns soon, with the formats that will come. None: the publisher is
	// on this node, or nobody publishes the stream yet.
	Join(ctx context.Context, stream string) (formats []codec.Format, leave func(), err error)
}

// A Handler serves /whep/. It is safe for concurrent use.
type Handler struct {
	cfg          Config
	eventStreams atomic.Int32 // there are
	fellBehind   atomic.Uint64

	// mu guards the fields below. It is not held while a subscriber is used.
	mu          sync.Mutex
	closed      bool
	going       func(stream string) string         // of Reconnect; nil: not called yet
	subscribers map[*signaling.Session]*subscriber // of sessions that have not ended
}

// New returns the endpoint.
func New(cfg Config) *Handler {
	return &Handler{cfg: cfg, subscribers: map[*signaling.Session]*subscriber{}}
}

// Register adds the endpoint's routes.
func (h *Handler) Register(e *echo.Echo) {
	h.cfg.Service.Register(e, signaling.WHEP, h, h.events(), h.layer())
}

// Reconnect tells the subscribers that listen to events that they should begin a new
// session, since theirs will end, and tells so from now on whoever begins to listen. where
// returns the endpoint to begin it at, by the stream's name; "", or where nil: the one
// that was used. It must not block, and neither does Reconnect, which ends nothing.
func (h *Handler) Reconnect(where func(stream string) string) {
	if where == nil {
		where = func(string) string { return "" }
	}
	h.mu.Lock()
	h.going = where
	h.mu.Unlock()
	for _, s := range h.all() {
		s.reconnect(where(s.session.Stream()))
	}
}

// leaving returns what Reconnect was called with; nil: it was not.
func (h *Handler) leaving() func(stream string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.going
}

// CloseEvents refuses further event streams and ends those there are, once their readers
// have what is queued: responses that never end would hold up a server that is shut down.
// Sessions go on.
func (h *Handler) CloseEvents() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	for _, s := range h.all() {
		s.closeStreams()
	}
}

// Subscribers returns how many sessions there are.
func (h *Handler) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subscribers)
}

// EventStreams returns how many event streams there are.
func (h *Handler) EventStreams() int { return int(h.eventStreams.Load()) }

// DroppedEventStreams returns how many event streams were dropped since New because their
// reader fell behind, or there was none.
func (h *Handler) DroppedEventStreams() uint64 { return h.fellBehind.Load() }

// countEventStream takes one of the event streams of the node.
func (h *Handler) countEventStream() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return signaling.Closing()
	case h.eventStreams.Load() >= maxEventStreams:
		return signaling.NewProblem(http.StatusServiceUnavailable, "event-streams-full",
			"The node serves as many event streams as it may. The session plays without.").RetryAfter(eventsRetry)
	}
	h.eventStreams.Add(1)
	return nil
}

func (h *Handler) all() []*subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.subscribers))
}

// subscriber returns what a session made; nil if it has ended.
func (h *Handler) subscriber(s *signaling.Session) *subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.subscribers[s]
}

// add keeps the subscriber until its session ends.
func (h *Handler) add(s *subscriber) {
	h.mu.Lock()
	h.subscribers[s.session] = s
	h.mu.Unlock()
	s.session.OnEnd(func(signaling.Reason) {
		h.mu.Lock()
		delete(h.subscribers, s.session)
		h.mu.Unlock()
		s.end()
	})
}

// Open subscribes the session's peer to its stream, live or not.
func (h *Handler) Open(ctx context.Context, s *signaling.Session, offer *sdp.Offer) (signaling.Opening, error) {
	relayed, err := h.join(ctx, s)
	if err != nil {
		return signaling.Opening{}, err
	}
	source, err := h.source(s.Stream(), relayed)
	if err != nil {
		return signaling.Opening{}, err
	}
	if err := offer.MatchSource(source); err != nil {
		return signaling.Opening{}, err
	}
	sub := newSubscriber(h, s, offer)
	sink := signaling.NewSink(s, func() { sub.reconnect("") })
	cfg := signaling.PeerConfig(offer)
	cfg.Handler, cfg.Send = sink, true
	peer, err := h.cfg.Transport.NewPeer(cfg)
	if err != nil {
		return signaling.Opening{}, err
	}
	s.Owns(peer)
	sink.Attach(peer)
	plan := newPlan(s.ID(), offer, peer.SSRCs(), source)
	sub.subscription, err = h.cfg.Streams.SubscribeWithin(s.Stream(), s.Limits().Subscribers, sink, plan.down)
	if err != nil {
		return signaling.Opening{}, err
	}
	sub.subscription.Limit(s.Limits().Bitrate)
	sub.subscription.LimitSize(s.Limits().Width, s.Limits().Height)
	s.OnEnd(func(signaling.Reason) { sub.subscription.Close() })
	h.add(sub)
	sink.Report(sub.subscription)
	return signaling.Opening{Peer: peer, Local: peer.Local(), Tracks: plan.answer, Subscription: sub.subscription}, nil
}

// join brings the session's stream here, if its publisher is elsewhere, for as long as the
// session lives. It returns the formats that will come from there.
func (h *Handler) join(ctx context.Context, s *signaling.Session) ([]codec.Format, error) {
	if h.cfg.Elsewhere == nil {
		return nil, nil
	}
	formats, leave, err := h.cfg.Elsewhere.Join(ctx, s.Stream())
	if err != nil {
		return nil, signaling.Overloaded("stream-unknown",
			"It cannot be found out where the stream is published now. Try again.")
	}
	s.OnEnd(func(signaling.Reason) { leave() })
	return formats, nil
}

// source returns what the stream's publisher sends, as far as it is known. Without one
// the result is empty, or a refusal where subscribers must not wait. relayed is what will
// come from another node.
func (h *Handler) source(name string, relayed []codec.Format) ([]codec.Format, error) {
	info, _ := h.cfg.Streams.Lookup(name)
	if !info.Live() && len(relayed) > 0 {
		return relayed, nil
	}
	if !info.Live() && h.cfg.RequireLive {
		return nil, signaling.NewProblem(http.StatusConflict, "no-publisher",
			"Nobody publishes this stream now. Try again later.").RetryAfter(absentRetry)
	}
	var formats []codec.Format
	for _, e := range []*forwarder.Encoding{info.Audio, info.Video} {
		if e != nil {
			formats = append(formats, e.Format())
		}
	}
	return formats, nil
}
