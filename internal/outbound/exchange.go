package outbound

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
)

const typeSDP = "application/sdp"

// An endpoint is one of another server, with what opens it.
type endpoint struct {
	http    http.RoundTripper
	url     *url.URL
	token   string // "": none
	agent   string
	pulling bool
}

// A granted is what a far end gives for an offer.
type granted struct {
	status  int
	answer  []byte
	session *url.URL // nil: it cannot be ended but by leaving
}

// post sends an offer, also on to where it is redirected (RFC 9725 §4.5: 307 and 308, which keep
// the method). The token goes along: a server that sends us on is trusted to know where to, but
// never from HTTPS to where everybody can read it. Errors are *failure.
func (e *endpoint) post(ctx context.Context, offer []byte) (*granted, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	at := e.url
	for range maxRedirects + 1 {
		r, body, err := e.send(ctx, http.MethodPost, at, offer)
		if r == nil {
			return nil, because(Unreachable)
		}
		switch r.StatusCode {
		case http.StatusOK, http.StatusCreated:
			return e.grant(at, r, body, err)
		case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			if at = target(at, r); at == nil {
				return nil, &failure{reason: Redirected, status: r.StatusCode, final: true}
			}
		default:
			return nil, refusal(r, e.pulling)
		}
	}
	return nil, &failure{reason: Redirected, status: http.StatusTemporaryRedirect, final: true}
}

// grant is what a response gives that has an answer, or should. A session whose answer was cut off,
// or is too long, is ended.
func (e *endpoint) grant(at *url.URL, r *http.Response, body []byte, err error) (*granted, error) {
	g := &granted{status: r.StatusCode, answer: body, session: target(at, r)}
	switch {
	case err != nil:
		e.bye(g.session)
		return nil, because(Unreachable)
	case len(body) > maxAnswer:
		e.bye(g.session)
		return nil, &failure{reason: BadAnswer, status: r.StatusCode, final: true}
	}
	return g, nil
}

// target returns where a response's Location leads; nil: nowhere we go.
func target(from *url.URL, r *http.Response) *url.URL {
	location := r.Header.Get("Location")
	if location == "" || len(location) > maxLocation {
		return nil
	}
	to, err := from.Parse(location)
	switch {
	case err != nil, to.Host == "", to.User != nil, to.Scheme != "http" && to.Scheme != "https":
		return nil
	case from.Scheme == "https" && to.Scheme != "https":
		return nil
	}
	return to
}

// bye ends a session over there, if it has a URL. What comes of that changes nothing: a far end
// that does not hear it finds out by itself.
func (e *endpoint) bye(session *url.URL) {
	if session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), byeTimeout)
	defer cancel()
	_, _, _ = e.send(ctx, http.MethodDelete, session, nil)
}

// send sends one request, which nobody sends on, and reads at most a byte more than maxAnswer. The
// response is nil where there was none; with an error it may lack a part of its body.
func (e *endpoint) send(ctx context.Context, method string, to *url.URL, body []byte) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("User-Agent", e.agent)
	if body != nil {
		r.Header.Set("Content-Type", typeSDP)
		r.Header.Set("Accept", typeSDP)
	}
	if e.token != "" {
		r.Header.Set("Authorization", "Bearer "+e.token)
	}
	reply, err := e.http.RoundTrip(r) // no client: it would follow redirects by itself
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer+1))
	return reply, got, err
}
