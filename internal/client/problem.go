package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A ProblemError is a response that is not the one hoped for, with what its
// problem+json body says (RFC 9457). Find it with errors.As.
type ProblemError struct {
	Method, URL string
	Status      int           // HTTP status
	Type        string        // "urn:whippet:problem:…"; "" if the server named none
	Title       string        // short, "" if the server named none
	Detail      string        // what went wrong and what to do, "" if the server did not say
	RetryAfter  time.Duration // when to try again; 0 if the server did not say
}

// Error tells method, status and the server's detail; without one, what this
// status usually means.
func (e *ProblemError) Error() string {
	why := e.Detail
	if why == "" {
		why = e.Title
	}
	if why == "" {
		why = hint(e.Status)
	}
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if why != "" {
		text += ": " + why
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(" (try again in %s)", e.RetryAfter)
	}
	return text
}

// Temporary tells whether the same request may succeed later unchanged.
func (e *ProblemError) Temporary() bool {
	switch e.Status {
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusRequestTimeout:
		return true
	}
	return e.Status >= 500
}

func hint(status int) string {
	switch status {
	case http.StatusOK, http.StatusNoContent:
		return "this is not a WHIP or WHEP endpoint: those answer 201 with an SDP answer"
	case http.StatusUnauthorized:
		return "the server wants a token, or does not accept this one"
	case http.StatusForbidden:
		return "the token does not allow this action on this stream"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "there is no such endpoint: check the path of the URL"
	case http.StatusNotAcceptable:
		return "the server wants to make the offer itself, which is not supported"
	case http.StatusConflict:
		return "the stream has a publisher already, or none yet to play"
	}
	return ""
}

// newProblem reads what a response's body tells. Bodies of other types are
// taken as detail where they are short text.
func newProblem(method, url string, resp *http.Response, body []byte) *ProblemError {
	e := &ProblemError{Method: method, URL: url, Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(min(s, 3600)) * time.Second
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case strings.HasSuffix(kind, "json"):
		var p struct{ Type, Title, Detail string }
		if json.Unmarshal(body, &p) == nil {
			e.Type, e.Title, e.Detail = printable(p.Type), printable(p.Title), printable(p.Detail)
		}
	case kind == "text/plain":
		e.Detail = printable(strings.TrimSpace(string(body)))
	}
	return e
}

// printable makes a server's text safe for a terminal and cuts it.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	const longest = 600
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
