package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// GetStreamSettings answers GET of a stream's own settings.
func (h *Handler) GetStreamSettings(c echo.Context, name wire.Stream) error {
	if err := streamOf(name); err != nil {
		return err
	}
	set, version := h.cfg.Streams.Settings(name)
	return showSettings(c, set, version)
}

// ChangeStreamSettings answers PATCH of them.
func (h *Handler) ChangeStreamSettings(c echo.Context, name wire.Stream, _ wire.ChangeStreamSettingsParams) error {
	if err := streamOf(name); err != nil {
		return err
	}
	precondition, err := preconditionOf(c.Request())
	if err != nil {
		return err
	}
	var patch wire.StreamSettings
	if err := h.read(c, &patch, typePatch, typeJSON); err != nil {
		return err
	}
	if err := checkSettings(&patch); err != nil {
		return err
	}
	set, version, err := h.configure(name, func(now stream.Settings, version uint64) (stream.Settings, error) {
		return merged(now, &patch), precondition.holds(tagOf(version))
	})
	if err != nil {
		return err
	}
	return showSettings(c, set, version)
}

// ResetStreamSettings answers DELETE of them.
func (h *Handler) ResetStreamSettings(c echo.Context, name wire.Stream, _ wire.ResetStreamSettingsParams) error {
	if err := streamOf(name); err != nil {
		return err
	}
	precondition, err := preconditionOf(c.Request())
	if err != nil {
		return err
	}
	_, _, err = h.configure(name, func(_ stream.Settings, version uint64) (stream.Settings, error) {
		return stream.Settings{}, precondition.holds(tagOf(version))
	})
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (h *Handler) configure(name string, change func(stream.Settings, uint64) (stream.Settings, error)) (stream.Settings, uint64, error) {
	set, version, err := h.cfg.Streams.Configure(name, change)
	if errors.Is(err, stream.ErrSettingsFull) {
		err = signaling.NewProblem(http.StatusServiceUnavailable, "too-many-settings",
			"As many streams have settings of their own as may. Take some back.").RetryAfter(settingsRetry)
	}
	return set, version, err
}

func checkSettings(s *wire.StreamSettings) error {
	if err := between("maxSubscribers", s.MaxSubscribers, 0, maxSubscribersSetting); err != nil {
		return err
	}
	for _, b := range []struct {
		name  string
		value *int64
	}{{"maxBitrate", s.MaxBitrate}, {"maxSessionBitrate", s.MaxSessionBitrate}} {
		if b.value != nil && (*b.value < 0 || *b.value > maxBitrateSetting) {
			return badValue(b.name + " is 0 to " + strconv.Itoa(maxBitrateSetting) + " bits per second.")
		}
	}
	return nil
}

// merged applies a patch.
func merged(s stream.Settings, patch *wire.StreamSettings) stream.Settings {
	if patch.MaxSubscribers != nil {
		s.MaxSubscribers = *patch.MaxSubscribers
	}
	if patch.MaxBitrate != nil {
		s.MaxBitrate = *patch.MaxBitrate
	}
	if patch.MaxSessionBitrate != nil {
		s.MaxSessionBitrate = *patch.MaxSessionBitrate
	}
	return s
}

func showSettings(c echo.Context, s stream.Settings, version uint64) error {
	c.Response().Header().Set("ETag", tagOf(version))
	return answer(c, http.StatusOK, wire.StreamSettings{
		MaxSubscribers: &s.MaxSubscribers, MaxBitrate: &s.MaxBitrate, MaxSessionBitrate: &s.MaxSessionBitrate,
	})
}
