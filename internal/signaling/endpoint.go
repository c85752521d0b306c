package signaling

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/stream"
)

// An Opener is what WHIP and WHEP do differently: it gives a session what the offer
// asks for.
type Opener interface {
	// Open makes the session's peer and binds it to its stream, and registers with
	// s.OnEnd how each step is undone; they are undone when Open fails as well. Errors
	// that are a *Problem or *sdp.Error reach the client. ctx is that of the POST.
	Open(ctx context.Context, s *Session, offer *sdp.Offer) (Opening, error)
}

// An Opening is what an answer is written from.
type Opening struct {
	Peer   Peer
	Local  rtc.Local
	Tracks []sdp.AnswerTrack // of a subscriber, by index of the offer's sections

	VideoBitrate int64 // what a publisher is told to keep to; 0: anything

	// One of these is set, for those who look on.
	Publication  *stream.Publication
	Subscription *stream.Subscription
}

// An endpoint is the HTTP side of one protocol.
type endpoint struct {
	*Service
	kind       Kind
	opener     Opener
	extensions []Extension
}

// The methods of an endpoint and of a session, as Allow lists them.
const (
	endpointMethods = "OPTIONS, GET, HEAD, POST"
	sessionMethods  = "OPTIONS, GET, HEAD, PATCH, DELETE"
)

// Register adds the routes of one protocol: /whip/:stream and its sessions, or those of
// WHEP, and what its extensions add below sessions. Every method is routed here, so that
// none is answered by the router, and so is a URL that lacks the stream's name: whoever
// forgot it is told so.
func (s *Service) Register(e *echo.Echo, k Kind, o Opener, extensions ...Extension) {
	ep := &endpoint{Service: s, kind: k, opener: o, extensions: extensions}
	root := "/" + k.String()
	paths := []string{root, root + "/", root + "/:stream", root + "/:stream/", root + "/:stream/:session"}
	if len(extensions) > 0 {
		paths = append(paths, root+"/:stream/:session/*")
	}
	serve := drained(ep.route)
	for _, path := range paths {
		e.Any(path, serve)
		e.RouteNotFound(path, serve)
	}
}

// route tells a session's URL from its endpoint's, which may end in a slash: it is no
// resource of its own, and redirects are not for POST.
func (ep *endpoint) route(c echo.Context) error {
	if err := ep.throttle(c.Request()); err != nil {
		return err
	}
	switch t := ep.kind.target(c.Request()); {
	case t.session == "":
		return ep.serve(c)
	case t.below == "":
		return ep.serveSession(c)
	default:
		return ep.serveExtension(c, t)
	}
}

// throttle counts a request that is to change something.
func (ep *endpoint) throttle(r *http.Request) error {
	switch r.Method {
	case http.MethodOptions, http.MethodGet, http.MethodHead:
		return nil
	}
	return ep.visitors.request(ep.bases.client(r), time.Now())
}

// drained reads what a refused request still has to send before it is answered.
func drained(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := h(c)
		if err != nil {
			drain(c.Response(), c.Request())
		}
		return err
	}
}

func (ep *endpoint) streamName(r *http.Request) (string, error) {
	return streamName(ep.kind.target(r).stream)
}

func (ep *endpoint) serve(c echo.Context) error {
	switch c.Request().Method {
	case http.MethodOptions:
		return ep.options(c, endpointMethods, typeSDP)
	case http.MethodGet, http.MethodHead:
		return ep.describe(c)
	case http.MethodPost:
		return ep.post(c)
	}
	return MethodNotAllowed(endpointMethods)
}

// options answers browsers and clients alike, without credentials. A client that shows a
// good token is told the ICE servers, for players that ask before they POST an offer.
func (ep *endpoint) options(c echo.Context, allow, acceptPost string) error {
	h := c.Response().Header()
	h.Set("Allow", allow)
	h.Set("Accept-Post", acceptPost)
	h.Set("Access-Control-Allow-Methods", corsMethods) // some read it without CORS
	if allow == sessionMethods {
		h.Set("Accept-Patch", typeFragment)
	}
	if acceptPost == typeSDP && !isPreflight(c.Request()) {
		ep.offerICEServers(c)
	}
	return Empty(c, http.StatusOK)
}

func (ep *endpoint) offerICEServers(c echo.Context) {
	name, err := ep.streamName(c.Request())
	if err != nil {
		return
	}
	caller, err := ep.authenticate(c.Request(), use{}) // never asks the Authoriser
	if err != nil || !caller.grant.Allows(ep.kind.Action(), name) {
		return
	}
	ep.iceServers.addTo(c.Response().Header(), randomText(9), time.Now())
}

// describe answers GET and HEAD with the same headers for every stream, live or not.
// Players find out by the content type that this is WHEP.
func (ep *endpoint) describe(c echo.Context) error {
	if _, err := ep.streamName(c.Request()); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Accept-Post", typeSDP)
	if ep.kind == WHEP {
		h.Set("Content-Type", typeSDP)
	}
	return Empty(c, http.StatusOK)
}

// Empty answers without a body and says so: net/http sets no length for HEAD.
func Empty(c echo.Context, status int) error {
	c.Response().Header().Set("Content-Length", "0")
	c.Response().WriteHeader(status)
	return nil
}

// post makes a session, or says why not.
func (ep *endpoint) post(c echo.Context) error {
	posted := time.Now()
	err := ep.begin(c, posted)
	if ep.observePost != nil {
		code := ""
		if c.Response().Status == http.StatusTemporaryRedirect {
			code = "redirected"
		}
		if err != nil {
			p, _ := problemOf(err)
			code = p.Code
		}
		ep.observePost(ep.kind, code)
	}
	return err
}

// begin makes a session. Who may do so is decided before anything is read or looked up.
func (ep *endpoint) begin(c echo.Context, posted time.Time) error {
	stream, caller, err := ep.admit(c)
	if err != nil {
		return err
	}
	if to, err := ep.place(c, stream, caller); err != nil {
		return err
	} else if to != "" {
		return redirect(c, to)
	}
	s := newSession(ep.Service, ep.kind, stream, caller)
	s.agent = shortened(c.Request().UserAgent())
	if err := ep.table.room(s); err != nil { // before the work of reading an offer
		return err
	}
	offer, err := ep.readOffer(c)
	if err != nil {
		return err
	}
	s.trace = traceOf(c.Request())
	s.timeline.Posted = posted
	if err := restrict(ep.kind, offer, caller.grant.Limits); err != nil {
		return err
	}
	if err := ep.table.reserve(s); err != nil {
		return err
	}
	if err := ep.notRevoked(caller, ep.kind.Action(), stream); err != nil { // while the offer was read
		s.end(Refused)
		return err
	}
	opening, err := ep.open(c.Request().Context(), s, offer)
	if err != nil {
		return err
	}
	return ep.created(c, s, offer, opening)
}

// admit decides whether the request may make a session of the stream it names.
func (ep *endpoint) admit(c echo.Context) (string, caller, error) {
	stream, wrong := ep.streamName(c.Request())
	who, err := ep.who(c.Request(), stream)
	if err != nil {
		return "", caller{}, err
	}
	if wrong != nil { // told only to those who may be here
		return "", caller{}, wrong
	}
	if !who.grant.Allows(ep.kind.Action(), stream) {
		return "", caller{}, Forbidden(ep.kind.Action())
	}
	return stream, who, ep.notRevoked(who, ep.kind.Action(), stream)
}

// who finds out whose request for a session it is.
func (ep *endpoint) who(r *http.Request, stream string) (caller, error) {
	if ticket := ep.ticketIn(r); ticket != "" {
		return ep.redeem(r, ticket, stream)
	}
	return ep.authenticate(r, use{ep.kind.Action(), stream})
}

func (ep *endpoint) readOffer(c echo.Context) (*sdp.Offer, error) {
	if !HasType(c.Request(), typeSDP) {
		return nil, NewProblem(http.StatusUnsupportedMediaType, "not-sdp",
			"Send an SDP offer with Content-Type: application/sdp.").with("Accept-Post", typeSDP)
	}
	body, err := ep.ReadBody(c)
	if err != nil {
		return nil, err
	}
	return sdp.ParseOffer(body, ep.kind.role())
}

// open lets the opener do its part, and undoes it if the session cannot be.
func (ep *endpoint) open(ctx context.Context, s *Session, offer *sdp.Offer) (Opening, error) {
	opening, err := ep.opener.Open(ctx, s, offer)
	if err != nil {
		s.end(Refused)
		return Opening{}, err
	}
	return opening, nil
}

// created writes the 201 in the one shape that satisfies all clients.
func (ep *endpoint) created(c echo.Context, s *Session, offer *sdp.Offer, o Opening) error {
	answer := answerOf(o.Local)
	answer.SessionID = randomNumber()
	answer.Tracks, answer.VideoBitrate = o.Tracks, o.VideoBitrate
	body := offer.Answer(answer)
	tag := s.ice.begin(offer, o.Peer)
	s.begin()
	s.build(o)
	if !ep.table.publish(s) {
		return Overloaded("session-ended", "The session ended while it began. Try again.")
	}
	s.answered(o.Peer)
	s.tell(Created, s.whence()...)
	h := c.Response().Header()
	h.Set("Location", s.URL(c.Request()))
	h.Set("ETag", tag)
	h.Set("Accept-Patch", typeFragment)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	ep.iceServers.addTo(h, s.public, time.Now())
	ep.announce(h, s.URL(c.Request()))
	return c.Blob(http.StatusCreated, typeSDP, body)
}

func randomNumber() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// serveSession serves a session's URL. What is not there is 404 for every method but
// OPTIONS.
func (ep *endpoint) serveSession(c echo.Context) error {
	r := c.Request()
	if r.Method == http.MethodOptions {
		return ep.options(c, sessionMethods, typeSDP)
	}
	stream, err := ep.streamName(r)
	if err != nil {
		return err
	}
	s := ep.table.lookup(ep.kind, stream, ep.kind.target(r).session)
	caller, err := ep.authorizeSession(r, ep.kind, stream, s)
	if err != nil {
		return err
	}
	if s == nil || s.ended() && r.Method != http.MethodDelete {
		return NoSession()
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return c.NoContent(http.StatusNoContent)
	case http.MethodPatch:
		return ep.patch(c, s, caller)
	case http.MethodDelete:
		return ep.delete(c, s)
	}
	return MethodNotAllowed(sessionMethods)
}

// NoSession returns the 404 for a session that is not there any more.
func NoSession() *Problem {
	return NewProblem(http.StatusNotFound, "no-such-session",
		"The session has ended or never was. POST a new offer.")
}

// patch applies a fragment. One that comes with another token of the session's subject
// renews the session.
func (ep *endpoint) patch(c echo.Context, s *Session, by caller) error {
	r := c.Request()
	if !HasType(r, typeFragment) {
		return ep.wrongPatchType(r)
	}
	body, err := ep.ReadBody(c)
	if err != nil {
		return err
	}
	reply, err := s.ice.patch(parseIfMatch(r.Header.Values("If-Match")), ep.lenientIfMatch, body)
	if err != nil {
		return err
	}
	s.renew(by)
	if s.ended() {
		return NoSession()
	}
	if reply.body != nil {
		s.tell(Restarted)
	}
	return reply.write(c)
}

// wrongPatchType tells an SDP answer nobody asked for, which WHEP wants refused as such,
// from other media types.
func (ep *endpoint) wrongPatchType(r *http.Request) *Problem {
	if ep.kind == WHEP && HasType(r, typeSDP) {
		return NewProblem(http.StatusUnprocessableEntity, "unexpected-answer",
			"The session is negotiated already; no SDP answer is expected.")
	}
	return NewProblem(http.StatusUnsupportedMediaType, "not-a-fragment",
		"Send an SDP fragment with Content-Type: application/trickle-ice-sdpfrag.").
		with("Accept-Patch", typeFragment)
}

// delete ends the session before it answers, so that its name is free at once. Entity
// tags do not matter (RFC 9725 §4.3.1).
func (ep *endpoint) delete(c echo.Context, s *Session) error {
	if !s.delete() {
		return NoSession()
	}
	return Empty(c, http.StatusOK)
}
