package api

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
)

// levels returns the levels of all packages; none where nothing is logged.
func (h *Handler) levels() map[string]slog.Level {
	if h.cfg.Levels == nil {
		return nil
	}
	return h.cfg.Levels.Levels()
}

// GetLogLevels answers GET of the log levels.
func (h *Handler) GetLogLevels(c echo.Context) error {
	out := wire.LogLevels{}
	for pkg, level := range h.levels() {
		out[pkg] = wire.LogLevel(strings.ToLower(level.String()))
	}
	return answer(c, http.StatusOK, out)
}

// ChangeLogLevels answers PATCH of them: all of the changes are made or none is.
func (h *Handler) ChangeLogLevels(c echo.Context) error {
	b, err := h.body(c, typePatch, typeJSON)
	if err != nil {
		return err
	}
	members, err := object(b)
	if err != nil {
		return err
	}
	changes, err := levelChanges(members, h.levels())
	if err != nil {
		return err
	}
	for pkg, level := range changes {
		h.cfg.Levels.SetLevel(pkg, level)
	}
	return h.GetLogLevels(c)
}

func levelChanges(members map[string]json.RawMessage, known map[string]slog.Level) (map[string]slog.Level, error) {
	changes := map[string]slog.Level{}
	for pkg, raw := range members {
		if _, ok := known[pkg]; !ok {
			return nil, badValue("There is no package " + quoted(pkg) + ". There are " + strings.Join(slices.Sorted(maps.Keys(known)), ", ") + ".")
		}
		var level wire.LogLevel
		if json.Unmarshal(raw, &level) != nil || !level.Valid() {
			return nil, badValue(pkg + " is debug, info, warn or error.")
		}
		var l slog.Level
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, err
		}
		changes[pkg] = l
	}
	return changes, nil
}
