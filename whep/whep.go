package whep

import (
	"context"
	"net/http"

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
}

// A Handler serves /whep/. It is safe for concurrent use.
type Handler struct{ cfg Config }

// New returns the endpoint.
func New(cfg Config) *Handler { return &Handler{cfg} }

// Register adds the endpoint's routes.
func (h *Handler) Register(e *echo.Echo) {
	h.cfg.Service.Register(e, signaling.WHEP, h)
}

// Open subscribes the session's peer to its stream, live or not.
func (h *Handler) Open(_ context.Context, s *signaling.Session, offer *sdp.Offer) (signaling.Opening, error) {
	source, err := h.source(s.Stream())
	if err != nil {
		return signaling.Opening{}, err
	}
	if err := offer.MatchSource(source); err != nil {
		return signaling.Opening{}, err
	}
	sink := signaling.NewSink(s)
	cfg := signaling.PeerConfig(offer)
	cfg.Handler, cfg.Send = sink, true
	peer, err := h.cfg.Transport.NewPeer(cfg)
	if err != nil {
		return signaling.Opening{}, err
	}
	s.Owns(peer)
	sink.Attach(peer)
	plan := newPlan(s.ID(), offer, peer.SSRCs(), source)
	subscription, err := h.cfg.Streams.Subscribe(s.Stream(), sink, plan.down)
	if err != nil {
		return signaling.Opening{}, err
	}
	s.OnEnd(func(signaling.Reason) { subscription.Close() })
	sink.Report(subscription)
	return signaling.Opening{Peer: peer, Local: peer.Local(), Tracks: plan.answer}, nil
}

// source returns what the stream's publisher sends, as far as it is known. Without one
// the result is empty, or a refusal where subscribers must not wait.
func (h *Handler) source(name string) ([]codec.Format, error) {
	info, _ := h.cfg.Streams.Lookup(name)
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
