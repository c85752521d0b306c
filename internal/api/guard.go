package api

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/signaling"
)

// documentPath is where the document is: the one thing that needs no token.
const documentPath = Prefix + "openapi.yaml"

// guard lets through who may do what the request's method does. What is at the URL is
// nobody else's business, so it comes before 404 and 405.
func (h *Handler) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		c.Response().Header().Set("Cache-Control", "no-store")
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if r.Method == http.MethodOptions || reads && r.URL.Path == documentPath {
			return next(c)
		}
		grant, err := h.cfg.Service.Operator(r)
		if err != nil {
			return err
		}
		return permitted(c, next, grant, reads)
	}
}

func permitted(c echo.Context, next echo.HandlerFunc, grant auth.Grant, reads bool) error {
	switch {
	case slices.Contains(grant.Actions, auth.Admin), reads && slices.Contains(grant.Actions, auth.Metrics):
		return next(c)
	case reads:
		return signaling.Forbidden(auth.Metrics)
	}
	return signaling.Forbidden(auth.Admin)
}
