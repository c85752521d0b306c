package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
)

// A router adds the generated routes to echo. What answers GET answers HEAD too.
type router struct {
	*echo.Echo
	methods map[string][]string // by path
}

// GET adds a route for GET and HEAD.
func (r *router) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.note(path, http.MethodGet, http.MethodHead)
	r.Echo.HEAD(path, h, m...)
	return r.Echo.GET(path, h, m...)
}

// POST adds a route.
func (r *router) POST(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.note(path, http.MethodPost)
	return r.Echo.POST(path, h, m...)
}

// PATCH adds a route.
func (r *router) PATCH(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.note(path, http.MethodPatch)
	return r.Echo.PATCH(path, h, m...)
}

// DELETE adds a route.
func (r *router) DELETE(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.note(path, http.MethodDelete)
	return r.Echo.DELETE(path, h, m...)
}

func (r *router) note(path string, methods ...string) {
	r.methods[path] = append(r.methods[path], methods...)
}

// close adds what answers OPTIONS, and refuses every other method, of the paths there are.
func (r *router) close() {
	for path, methods := range r.methods {
		slices.Sort(methods)
		allow := "OPTIONS, " + strings.Join(methods, ", ")
		answer := func(c echo.Context) error {
			if c.Request().Method != http.MethodOptions {
				return signaling.MethodNotAllowed(allow)
			}
			c.Response().Header().Set("Allow", allow)
			return signaling.Empty(c, http.StatusOK)
		}
		r.Echo.OPTIONS(path, answer)
		r.Echo.RouteNotFound(path, answer) // any other method
	}
}
