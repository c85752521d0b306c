package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
)

// subscriber finds the session of a subscriber, or returns a problem.
func (h *Handler) subscriber(name, id string) (*signaling.Session, error) {
	s, err := h.find(name, id)
	if err != nil {
		return nil, err
	}
	if s.Info().Kind != signaling.WHEP {
		return nil, signaling.NewProblem(http.StatusConflict, "not-a-subscriber", "The session is its publisher's, which chooses its layers itself.")
	}
	return s, nil
}

// GetSessionLayer answers GET of a subscriber's layers.
func (h *Handler) GetSessionLayer(c echo.Context, name wire.Stream, id wire.ID) error {
	s, err := h.subscriber(name, id)
	if err != nil {
		return err
	}
	return h.showLayers(c, s)
}

// SelectSessionLayer answers POST of a selection.
func (h *Handler) SelectSessionLayer(c echo.Context, name wire.Stream, id wire.ID) error {
	s, err := h.subscriber(name, id)
	if err != nil {
		return err
	}
	b, err := h.body(c, typeJSON)
	if err != nil {
		return err
	}
	if err := h.cfg.Layers.SelectLayer(s, b); err != nil {
		return err
	}
	return h.showLayers(c, s)
}

// ResetSessionLayer answers DELETE of what was selected.
func (h *Handler) ResetSessionLayer(c echo.Context, name wire.Stream, id wire.ID) error {
	s, err := h.subscriber(name, id)
	if err != nil {
		return err
	}
	if err := h.cfg.Layers.SelectLayer(s, []byte("{}")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (h *Handler) showLayers(c echo.Context, s *signaling.Session) error {
	b, err := h.cfg.Layers.Layers(s)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, b)
}
