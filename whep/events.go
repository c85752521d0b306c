package whep

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
)

// The media types of the extensions.
const (
	typeEvents = "text/event-stream"
	typeJSON   = "application/json"
)

// The methods of a session's events, and of one event stream.
const (
	eventsMethods      = "OPTIONS, GET, HEAD, POST"
	eventStreamMethods = "OPTIONS, GET, HEAD, DELETE"
)

// events is the server-sent events extension.
func (h *Handler) events() signaling.Extension {
	return signaling.Extension{
		Name: "events",
		Link: `rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="` + kindNames() + `"`,
		Allow: func(below string) string {
			switch {
			case below == "":
				return eventsMethods
			case strings.Contains(below, "/"):
				return ""
			}
			return eventStreamMethods
		},
		OpenGET: true,
		Serve:   h.serveEvents,
	}
}

func (h *Handler) serveEvents(c echo.Context, session *signaling.Session, id string) error {
	s := h.subscriber(session)
	if s == nil {
		return signaling.NoSession()
	}
	if id != "" {
		return s.serveEventStream(c, id)
	}
	if c.Request().Method == http.MethodPost {
		return s.makeEventStream(c)
	}
	return s.serveAllEvents(c)
}

// makeEventStream answers a POST that says which events are wanted: all without a body.
func (s *subscriber) makeEventStream(c echo.Context) error {
	wants, err := s.handler.wantedKinds(c)
	if err != nil {
		return err
	}
	e, err := s.open(wants)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Location", s.session.URL(c.Request())+"/events/"+e.id)
	header.Set("Cache-Control", "no-store")
	return signaling.Empty(c, http.StatusCreated)
}

func (h *Handler) wantedKinds(c echo.Context) (kindSet, error) {
	body, err := h.cfg.Service.ReadBody(c)
	switch {
	case err != nil:
		return 0, err
	case len(body) == 0:
		return allKinds, nil
	case !signaling.HasType(c.Request(), typeJSON):
		return 0, notJSON()
	}
	return parseKinds(body)
}

func notJSON() *signaling.Problem {
	p := signaling.NewProblem(http.StatusUnsupportedMediaType, "not-json", "Send JSON with Content-Type: application/json.")
	p.Header.Set("Accept-Post", typeJSON)
	return p
}

// serveAllEvents answers players that open the announced URL itself: their event stream
// has all kinds and lasts as long as the request.
func (s *subscriber) serveAllEvents(c echo.Context) error {
	switch {
	case !acceptsEvents(c.Request()):
		return c.NoContent(http.StatusNoContent)
	case c.Request().Method == http.MethodHead:
		return describeEvents(c)
	}
	e, err := s.open(allKinds)
	if err != nil {
		return err
	}
	defer s.forget(e)
	defer e.discard()
	return e.serve(c, position{})
}

func acceptsEvents(r *http.Request) bool {
	for _, list := range r.Header.Values("Accept") {
		for _, item := range strings.Split(list, ",") {
			name, _, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), typeEvents) {
				return true
			}
		}
	}
	return false
}

func (s *subscriber) serveEventStream(c echo.Context, id string) error {
	e := s.find(id)
	if e == nil {
		return noEventStream()
	}
	switch c.Request().Method {
	case http.MethodHead:
		return describeEvents(c)
	case http.MethodDelete:
		e.discard()
		s.forget(e)
		return signaling.Empty(c, http.StatusOK)
	}
	return e.serve(c, positionOf(c.Request().Header.Get("Last-Event-ID")))
}

func noEventStream() *signaling.Problem {
	return signaling.NewProblem(http.StatusNotFound, "no-such-event-stream",
		"The event stream was deleted, was not read in time, or never was. POST to …/events for a new one.")
}

func describeEvents(c echo.Context) error {
	setEventHeader(c.Response().Header())
	c.Response().WriteHeader(http.StatusOK)
	return nil
}

func setEventHeader(h http.Header) {
	h.Set("Content-Type", typeEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more to send
}

// serve sends the events from p on until the client goes, another reader comes, or the
// stream ends. To a reader that comes back though another one has taken its place it says
// 204, at which an EventSource stays away (HTML Living Standard §9.2.3).
func (e *eventStream) serve(c echo.Context, p position) error {
	r := &reader{wake: make(chan struct{}, 1)}
	switch reads, err := e.attach(r, p); {
	case err != nil:
		return err
	case !reads:
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.NoContent(http.StatusNoContent)
	}
	defer e.detach(r)
	w := beginEvents(c)
	defer w.limit() // for what the server writes behind the last event
	silence := time.NewTimer(heartbeat)
	defer silence.Stop()
	var buf []byte
	for {
		var n int
		var more bool
		buf, n, more = e.next(r, buf[:0])
		if len(buf) > 0 && w.write(buf) != nil {
			return nil
		}
		e.written(r, n)
		if !more {
			return nil
		}
		silence.Reset(heartbeat)
		select {
		case <-r.wake:
		case <-silence.C:
			if w.write([]byte(":\n\n")) != nil {
				return nil
			}
		case <-c.Request().Context().Done():
			return nil
		}
	}
}

// An eventWriter writes a response that does not end.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// beginEvents sends the header. The server's deadline for whole responses does not apply
// any more.
func beginEvents(c echo.Context) *eventWriter {
	setEventHeader(c.Response().Header())
	c.Response().WriteHeader(http.StatusOK)
	w := &eventWriter{w: c.Response().Writer, control: http.NewResponseController(c.Response().Writer)}
	_ = w.write(nil) // whoever is gone is noticed later
	return w
}

// write sends b at once, or fails when the client does not take it in time.
func (w *eventWriter) write(b []byte) error {
	w.limit()
	if _, err := w.w.Write(b); err != nil {
		return err
	}
	if err := w.control.Flush(); err != nil {
		return err
	}
	_ = w.control.SetWriteDeadline(time.Time{}) // HTTP/2 would end the stream at it, idle or not
	return nil
}

// limit lets what is written from now on fail when the client does not take it in time.
// Writers that know no deadline are those of tests.
func (w *eventWriter) limit() {
	_ = w.control.SetWriteDeadline(time.Now().Add(eventWriteTimeout))
}
