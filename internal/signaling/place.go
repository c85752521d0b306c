package signaling

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// placedMark is the query parameter of a URL that another node has sent a client to: it
// is not sent on.
const placedMark = "placed"

// place returns the URL of another node's endpoint that should have the caller's session, ""
// for none. A browser that shows a token in a header gets a ticket instead of it, for it
// would not show the token there.
func (ep *endpoint) place(c echo.Context, stream string, by caller) (string, error) {
	if ep.elsewhere == nil {
		return "", nil
	}
	r := c.Request()
	query := r.URL.Query()
	ticket, fits := ep.ticketFor(r, stream, by)
	stays := query.Has(placedMark) || !fits || !ep.mayFollow(r)
	base, err := ep.elsewhere(r.Context(), stream, stays)
	if err == nil && blocked(r, base) {
		base, err = ep.elsewhere(r.Context(), stream, true)
	}
	if err != nil || base == "" {
		return "", err
	}
	query.Set(placedMark, "1")
	query.Del(ticketMark)
	if ticket != nil {
		query.Set(ticketMark, ep.sealer.Seal(ticket, ep.bound(base, stream)...))
	}
	return EndpointURL(base, ep.kind, stream) + "?" + query.Encode(), nil
}

// mayFollow tells whether the answer of another node would reach the page the request is of.
// Where some origins are allowed only, a browser may call itself null after the redirect
// (Fetch, HTTP-redirect fetch), but for one of our own pages.
func (ep *endpoint) mayFollow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || ep.cors.any {
		return true
	}
	own := strings.HasPrefix(ep.bases.of(r)+"/", origin+"/")
	return own && slices.Contains(ep.cors.origins, origin)
}

// ticketFor returns what a ticket has to say; nil: none is needed. fits is false if one is
// needed and there can be none.
func (ep *endpoint) ticketFor(r *http.Request, stream string, by caller) (ticket []byte, fits bool) {
	if ep.Service.open || r.Header.Get("Origin") == "" || len(r.Header.Values("Authorization")) == 0 {
		return nil, true
	}
	if ep.sealer == nil {
		return nil, false
	}
	ticket, err := ticketOf(by, ep.kind, stream)
	return ticket, err == nil && len(ticket) <= maxTicketBytes
}

// blocked tells whether the browser that sends the request would not go to base: from a page
// that came by https to http.
func blocked(r *http.Request, base string) bool {
	return strings.HasPrefix(r.Header.Get("Origin"), "https:") && strings.HasPrefix(base, "http:")
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
	c.Response().Header().Set("Cache-Control", "no-store")
	return Empty(c, http.StatusTemporaryRedirect)
}
