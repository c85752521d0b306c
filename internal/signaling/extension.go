package signaling

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// An Extension is what a protocol adds to each of its sessions: resources below the
// session's URL, which the 201 announces in a Link header (RFC 9725 §4.9,
// draft-ietf-wish-whep-04 §4.10). They take JSON, and they are there as long as their
// session is.
type Extension struct {
	// Name is the path segment behind the session's, without slashes.
	Name string

	// Link is what the Link header says behind the target: `rel="urn:…"`, and what
	// further parameters there are, separated by "; ". "": it is not announced, as what is
	// no extension by the letter of the RFC must not be.
	Link string

	// Allow lists the methods of what stands below Name, as the header does; "" if
	// nothing does. below is "" for the extension's own URL, else a path without its
	// first slash.
	Allow func(below string) string

	// OpenGET lets GET and HEAD come without a token even where session URLs demand one,
	// since browsers' EventSource can send none. A token that is there must hold.
	OpenGET bool

	// Serve answers the methods of Allow, but for OPTIONS. The caller is authorised to
	// use the session.
	Serve func(c echo.Context, s *Session, below string) error
}

// announce adds a Link field for each extension, behind those of ICE servers, which some
// clients expect to come first.
func (ep *endpoint) announce(h http.Header, session string) {
	for i := range ep.extensions {
		if ep.extensions[i].Link == "" {
			continue
		}
		h.Add("Link", "<"+session+"/"+ep.extensions[i].Name+">; "+ep.extensions[i].Link)
	}
}

// extension finds what a path behind a session's leads to: the methods are "" for nothing.
func (ep *endpoint) extension(path string) (x *Extension, below, methods string) {
	name, below, deeper := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for i := range ep.extensions {
		if x := &ep.extensions[i]; x.Name == name && deeper == (below != "") {
			return x, below, x.Allow(below)
		}
	}
	return nil, "", ""
}

// serveExtension serves a URL below a session's. The session is looked for before the
// method, as for the session's own URL.
func (ep *endpoint) serveExtension(c echo.Context, t target) error {
	r := c.Request()
	x, below, methods := ep.extension(t.below)
	if methods == "" {
		return echo.ErrNotFound
	}
	if r.Method == http.MethodOptions {
		return ep.options(c, methods, typeJSON)
	}
	stream, err := streamName(t.stream)
	if err != nil {
		return err
	}
	s := ep.table.lookup(ep.kind, stream, t.session)
	if !x.open(r) || ep.presents(r) {
		if _, err := ep.authorizeSession(r, ep.kind, stream, s); err != nil {
			return err
		}
	}
	if s == nil || s.ended() {
		return NoSession()
	}
	if !slices.Contains(strings.Split(methods, ", "), r.Method) {
		return MethodNotAllowed(methods)
	}
	return x.Serve(c, s, below)
}

// open tells whether the request needs no token.
func (x *Extension) open(r *http.Request) bool {
	return x.OpenGET && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}
