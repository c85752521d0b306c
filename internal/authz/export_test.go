package authz

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// Bounds.
const (
	MaxKept   = maxKept
	MaxAsking = maxAsking
)

// Kept returns how many answers are remembered.
func (c *Client) Kept() int { return len(c.kept.all) }

// Read reads an answer's body.
func Read(body string, q auth.Request, now time.Time) (auth.Grant, error) {
	return read(strings.NewReader(body), q, now)
}

// NewFor returns a client of a service without a network.
func NewFor(h http.Handler) *Client {
	c, err := New("https://login.example/decide")
	if err != nil {
		panic(err)
	}
	c.http.Transport = direct{h}
	return c
}

type direct struct{ http.Handler }

// RoundTrip calls the handler, and fails as soon as the request's context ends.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}
