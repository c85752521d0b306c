package signaling

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// What pages of other origins may send and see (Fetch §3.2). The lists are literal:
// "*" would not cover Authorization, and some players read Allow-Methods to find
// out about trickle ICE.
const (
	corsMethods = "OPTIONS, GET, HEAD, POST, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, If-Match, ETag, Last-Event-ID"
	corsExposed = "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, " +
		"WWW-Authenticate, Access-Control-Allow-Methods"
)

// corsPolicy says which origins may use the node. The zero policy allows none.
type corsPolicy struct {
	any     bool
	origins []string // as browsers write them: lower case, no trailing slash
}

// newCORSPolicy reads the values of --cors-origin: "*", or origins like
// "https://player.example".
func newCORSPolicy(origins []string) (corsPolicy, error) {
	var p corsPolicy
	for _, o := range origins {
		if o == "*" {
			p.any = true
			continue
		}
		origin, err := parseOrigin(o)
		if err != nil {
			return corsPolicy{}, err
		}
		p.origins = append(p.origins, origin)
	}
	return p, nil
}

func parseOrigin(s string) (string, error) {
	u, err := url.Parse(strings.ToLower(strings.TrimSuffix(s, "/")))
	if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != u.String() {
		return "", fmt.Errorf("signaling: %q is no origin; write scheme://host[:port] or *", s)
	}
	return u.String(), nil
}

// CORS is middleware that lets pages of the configured origins use the node. Use it
// globally, so that errors of the router carry the headers as well: a page cannot
// read a status it is not allowed to see. It never answers a request itself, so
// OPTIONS reaches its handler, and it allows no credentials, so "*" is safe.
func (s *Service) CORS(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		s.cors.apply(c.Request(), c.Response().Header())
		return next(c)
	}
}

func (p corsPolicy) apply(r *http.Request, h http.Header) {
	if !p.allow(r.Header.Get("Origin"), h) {
		return
	}
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	if isPreflight(r) {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightLife.Seconds())))
	}
}

// allow sets Access-Control-Allow-Origin and reports whether the origin may go on. A
// request without Origin is no business of CORS and may.
func (p corsPolicy) allow(origin string, h http.Header) bool {
	if p.any {
		h.Set("Access-Control-Allow-Origin", "*")
		return true
	}
	h.Add("Vary", "Origin")
	if origin == "" {
		return true
	}
	if !slices.Contains(p.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	return true
}

// isPreflight tells a browser's question from a client's own OPTIONS, which may
// carry credentials and gets ICE servers (Fetch §3.2.2).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}
