package signaling

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// The media types of the protocols.
const (
	typeJSON     = "application/json"
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840 §9
)

// HasType tells whether the request's Content-Type is want, compared without case or
// parameters (RFC 9110 §8.3.1). A broken parameter does not hide the type.
func HasType(r *http.Request, want string) bool {
	value := r.Header.Get("Content-Type")
	if got, _, err := mime.ParseMediaType(value); err == nil {
		return got == want
	}
	got, _, _ := strings.Cut(value, ";")
	return strings.EqualFold(strings.TrimSpace(got), want)
}

// ReadBody reads a whole body within the limits. Its errors are problems: a body that is
// too long gets 413 and one that is too slow 408.
func (s *Service) ReadBody(c echo.Context) ([]byte, error) {
	w, r := c.Response(), c.Request()
	if r.ContentLength > s.limits.BodyBytes {
		return nil, s.tooLarge()
	}
	deadline := http.NewResponseController(w)
	// Recorders of tests have no deadline; there the body is in memory.
	_ = deadline.SetReadDeadline(time.Now().Add(s.limits.BodyTimeout))
	body, err := io.ReadAll(io.LimitReader(r.Body, s.limits.BodyBytes+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.Body = http.NoBody // it had its time: not worth draining
		return nil, NewProblem(http.StatusRequestTimeout, "body-too-slow", "Send the body without pauses.")
	case err != nil:
		return nil, NewProblem(http.StatusBadRequest, "body-broken", "The body ended early.")
	case int64(len(body)) > s.limits.BodyBytes:
		return nil, s.tooLarge()
	}
	// Otherwise the deadline would cut the next request of the connection.
	_ = deadline.SetReadDeadline(time.Time{})
	return body, nil
}

func (s *Service) tooLarge() *Problem {
	return NewProblem(http.StatusRequestEntityTooLarge, "body-too-large",
		"Send a body of at most 64 KiB.")
}

// drain reads what is left of a refused body, within bounds. net/http gives up on
// more than 256 KiB and closes; a client that is still writing would then see a reset
// and not the answer. A client that asked first (Expect) has not sent anything.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 1 || r.Body == nil || r.Body == http.NoBody || r.Header.Get("Expect") != "" {
		return
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(drainTimeout))
	if _, err := io.CopyN(io.Discard, r.Body, drainBytes); err == io.EOF {
		_ = deadline.SetReadDeadline(time.Time{}) // the connection can be used again
	}
}
