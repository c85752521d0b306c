package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
)

// GetSettings answers GET of the settings in force.
func (h *Handler) GetSettings(c echo.Context) error {
	out := wire.Settings{Settings: []wire.Setting{}}
	for _, s := range h.cfg.Settings {
		out.Settings = append(out.Settings, wire.Setting{
			Name: s.Name, Values: append([]string{}, s.Values...), Secret: s.Secret, Changed: s.Changed,
		})
	}
	return answer(c, http.StatusOK, out)
}

// GetDocument answers GET of openapi.yaml.
func (h *Handler) GetDocument(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", []byte(h.cfg.Document))
}
