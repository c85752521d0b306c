package signaling

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/stream"
)

// A Problem is an error that tells the client what is wrong and what to do (RFC
// 9457). It never holds a token, a session URL or the client's SDP.
type Problem struct {
	Status int         // HTTP status, 400 to 599
	Code   string      // stable, kebab-case; the type is urn:whippet:problem:<code>
	Detail string      // a sentence that says what to do
	Header http.Header // further response headers, or nil
}

// NewProblem returns a problem without further headers.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Detail: detail, Header: http.Header{}}
}

// RetryAfter sets Retry-After to the delay, rounded up to whole seconds and at
// least one, and returns p.
func (p *Problem) RetryAfter(delay time.Duration) *Problem {
	seconds := max(1, int64((delay+time.Second-1)/time.Second))
	p.Header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	return p
}

// with sets a response header and returns p.
func (p *Problem) with(name, value string) *Problem {
	p.Header.Set(name, value)
	return p
}

// Error returns the code and the detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// problemJSON is the wire form of a Problem, RFC 9457 §3.1.
type problemJSON struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (p *Problem) body() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read it in a terminal: <token>, not \u003ctoken\u003e
	err := e.Encode(problemJSON{
		Type:   "urn:whippet:problem:" + p.Code,
		Title:  title(p.Code),
		Status: p.Status,
		Detail: p.Detail,
	})
	if err != nil {
		panic("signaling: a problem cannot be marshalled: " + err.Error())
	}
	return b.Bytes()
}

// title makes the short summary of a problem type from its code, so that the two
// cannot drift apart: "body-too-large" is "Body too large".
func title(code string) string {
	s := strings.ReplaceAll(code, "-", " ")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// write sends the problem. A HEAD request gets the headers alone.
func (p *Problem) write(c echo.Context) error {
	h := c.Response().Header()
	for name, values := range p.Header {
		h[name] = values
	}
	body := p.body()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	c.Response().WriteHeader(p.Status)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, err := c.Response().Write(body)
	return err
}

// MethodNotAllowed returns a 405 that lists the methods there are, as Allow does.
func MethodNotAllowed(allow string) *Problem {
	return NewProblem(http.StatusMethodNotAllowed, "method-not-allowed",
		"Use one of the methods in the Allow header.").with("Allow", allow)
}

// Overloaded returns a 503 with Retry-After: the node cannot take another session now.
func Overloaded(code, detail string) *Problem {
	return NewProblem(http.StatusServiceUnavailable, code, detail).RetryAfter(retryOverload)
}

// limitProblem finds what a full or closing part below us says, or nil.
func limitProblem(err error) *Problem {
	switch {
	case errors.Is(err, rtc.ErrClosed), errors.Is(err, stream.ErrClosed):
		return Closing()
	case errors.Is(err, stream.ErrStreamFull):
		return Overloaded("stream-full", "The stream has as many subscribers as it may. Try again later.")
	case errors.Is(err, rtc.ErrTooManyPeers), errors.Is(err, stream.ErrFull):
		return nodeFull()
	}
	return nil
}

// Closing returns the 503 of a node that is shut down.
func Closing() *Problem {
	return Overloaded("closing", "The node is closing. Try again or use another.")
}

func nodeFull() *Problem {
	return Overloaded("node-full", "The node serves as many clients as it may. Try again later.")
}

// problemOf finds the problem in an error. Errors that are none of ours become an
// internal-error whose detail says nothing; known is then false.
func problemOf(err error) (p *Problem, known bool) {
	var ours *Problem
	if errors.As(err, &ours) {
		return ours, true
	}
	if p := limitProblem(err); p != nil {
		return p, true
	}
	var sdpErr *sdp.Error
	if errors.As(err, &sdpErr) {
		return NewProblem(sdpStatus(sdpErr), sdpErr.Code, sdpErr.Detail), true
	}
	var router *echo.HTTPError
	if errors.As(err, &router) && router.Code >= 400 && router.Code < 500 {
		return routerProblem(router.Code), true
	}
	return NewProblem(http.StatusInternalServerError, "internal-error",
		"The node could not do this. Its log says why."), false
}

func sdpStatus(e *sdp.Error) int {
	if e.Malformed {
		return http.StatusBadRequest
	}
	return http.StatusUnprocessableEntity
}

// routerProblem dresses an error the router made by itself.
func routerProblem(status int) *Problem {
	switch status {
	case http.StatusNotFound:
		return NewProblem(status, "not-found",
			"There is nothing at this URL. Publish to /whip/{stream}, play from /whep/{stream}.")
	case http.StatusMethodNotAllowed:
		return NewProblem(status, "method-not-allowed", "Use one of the methods in the Allow header.")
	case http.StatusRequestEntityTooLarge:
		return NewProblem(status, "body-too-large", "Send a smaller body.")
	}
	text := http.StatusText(status)
	return NewProblem(status, strings.ReplaceAll(strings.ToLower(text), " ", "-"), text+".")
}

// Recover is middleware that makes an error of a handler's panic, so that the client
// gets an answer and the log the stack. Use it globally.
func (s *Service) Recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch bug := recover(); bug {
			case nil:
			case http.ErrAbortHandler: //nolint:errorlint // a panic value, not an error
				panic(bug)
			default:
				err = fmt.Errorf("panic: %v\n%s", bug, debug.Stack())
			}
		}()
		return next(c)
	}
}

// HandleError writes err as a problem. Set it as echo's HTTPErrorHandler. Errors that
// are not ours are logged and answered by a 500 without their text. A response
// that has begun is left alone.
func (s *Service) HandleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p, known := problemOf(err)
	if !known {
		s.log.Error("request", "event", "failed", "method", c.Request().Method, "route", c.Path(), "error", err)
	}
	s.refused(c.Request(), p)
	s.log.Debug("request", "event", "refused", "method", c.Request().Method, "route", c.Path(), "status", p.Status, "code", p.Code)
	if err := p.write(c); err != nil {
		s.log.Debug("request", "event", "undelivered", "method", c.Request().Method, "route", c.Path(), "error", err)
	}
}
