package whip

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A Config says what the endpoint stands on. Service, Transport and Streams are required;
// none is closed by this package. Which publisher wins a name is the registry's policy.
type Config struct {
	Service   *signaling.Service
	Transport *rtc.Transport
	Streams   *stream.Registry

	// MaxBitrate is what one publisher may send, in bits per second, besides the limit of
	// its token; 0: anything.
	MaxBitrate int64
}

// A Handler serves /whip/. It is safe for concurrent use.
type Handler struct{ cfg Config }

// New returns the endpoint.
func New(cfg Config) *Handler { return &Handler{cfg} }

// Register adds the endpoint's routes.
func (h *Handler) Register(e *echo.Echo) {
	h.cfg.Service.Register(e, signaling.WHIP, h, h.diagnosis())
}

// Open claims the stream's name for the session and starts a publication that its peer
// feeds.
func (h *Handler) Open(ctx context.Context, s *signaling.Session, offer *sdp.Offer) (signaling.Opening, error) {
	claim, err := h.claim(ctx, s)
	if err != nil {
		return signaling.Opening{}, err
	}
	bounds := h.bounds(s)
	claim.Bound(bounds)
	source := signaling.NewSource(s)
	cfg := signaling.PeerConfig(offer)
	cfg.Handler = source
	peer, err := h.cfg.Transport.NewPeer(cfg)
	if err != nil {
		claim.Release()
		return signaling.Opening{}, err
	}
	s.OwnsPeer(peer)
	s.OnEnd(func(signaling.Reason) { claim.Release() })
	source.Attach(peer)
	publication := claim.Start(source, signaling.PublisherConfig(offer))
	if publication == nil {
		return signaling.Opening{}, busy()
	}
	source.Feed(publication)
	return signaling.Opening{Peer: peer, Local: peer.Local(), VideoBitrate: videoBitrate(bounds.Bitrate), Publication: publication}, nil
}

// bounds are what the token and the settings allow the publisher.
func (h *Handler) bounds(s *signaling.Session) stream.Bounds {
	l := s.Limits()
	b := stream.Bounds{Bitrate: l.Bitrate, Width: l.Width, Height: l.Height, Encodings: l.Layers, Subscribers: l.Subscribers}
	if m := h.cfg.MaxBitrate; m > 0 && (b.Bitrate == 0 || m < b.Bitrate) {
		b.Bitrate = m
	}
	return b
}

// videoBitrate is what a publisher is told to send as video, so that with sound, headers
// and retransmissions it keeps to its bound; 0: anything.
func videoBitrate(bound int64) int64 {
	if bound == 0 {
		return 0
	}
	return max((bound-soundBitrate)*videoShare/100, leastVideo)
}

// claim takes the stream's name, or tells the client that it is taken.
func (h *Handler) claim(ctx context.Context, s *signaling.Session) (*stream.Claim, error) {
	claim, err := h.cfg.Streams.Claim(ctx, s.Stream(), s.Owner())
	if errors.Is(err, stream.ErrBusy) {
		return nil, busy()
	}
	return claim, err
}

func busy() *signaling.Problem {
	return signaling.NewProblem(http.StatusConflict, "stream-busy",
		"Another publisher sends this stream. Stop it, or publish under another name.").
		RetryAfter(busyRetry)
}
