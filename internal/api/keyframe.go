package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// WishKeyframe answers POST of a wish for a keyframe.
func (h *Handler) WishKeyframe(c echo.Context, name wire.Stream, params wire.WishKeyframeParams) error {
	rid := ""
	if params.Rid != nil {
		rid = *params.Rid
	}
	if len(rid) > maxRID {
		return badParameter("rid is the name of an encoding.")
	}
	if _, err := h.lookup(name); err != nil {
		return err
	}
	n, err := h.cfg.Streams.WishKeyframe(name, rid)
	switch {
	case errors.Is(err, stream.ErrNotLive):
		return signaling.NewProblem(http.StatusConflict, "no-publisher", "Nobody publishes this stream now. Try again later.").
			RetryAfter(absentRetry)
	case errors.Is(err, stream.ErrNoEncoding):
		return signaling.NewProblem(http.StatusUnprocessableEntity, "no-such-layer", "The publisher sends no such encoding of video now.")
	case err != nil:
		return err
	}
	return answer(c, http.StatusAccepted, wire.KeyframeWish{Encodings: n})
}
