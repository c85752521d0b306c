package signaling

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// placedMark is the query parameter of a URL that another node has sent a client to: it
// is not sent on.
const placedMark = "placed"

// place returns the URL of another node's endpoint that should have the session, "" for
// none. A browser that shows a token in a header is not sent elsewhere, for it would not
// show it there; nor is one where not all origins are allowed, for it may call itself null there (Fetch,
// HTTP-redirect fetch).
func (ep *endpoint) place(c echo.Context, stream string) (string, error) {
	r := c.Request()
	if ep.elsewhere == nil {
		return "", nil
	}
	query := r.URL.Query()
	keeps := r.Header.Get("Origin") == "" || ep.cors.any && r.Header.Get("Authorization") == ""
	base, err := ep.elsewhere(r.Context(), stream, query.Has(placedMark) || !keeps)
	if err != nil || base == "" {
		return "", err
	}
	query.Set(placedMark, "1")
	return EndpointURL(base, ep.kind, stream) + "?" + query.Encode(), nil
}

// EndpointURL returns a stream's endpoint at the node whose URL, without a trailing slash,
// is base.
func EndpointURL(base string, k Kind, stream string) string {
	return base + "/" + k.String() + "/" + url.PathEscape(stream)
}

// redirect answers a POST with 307, the status that keeps method and body
// (RFC 9725 §4.5).
func redirect(c echo.Context, to string) error {
	drain(c.Response(), c.Request())
	c.Response().Header().Set("Location", to)
	return Empty(c, http.StatusTemporaryRedirect)
}
