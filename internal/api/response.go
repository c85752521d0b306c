package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// write writes JSON as people read it in a terminal: <tag>, not \u003ctag\u003e.
func write(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// answer sends a value as JSON.
func answer(c echo.Context, status int, v any) error {
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		return err
	}
	return blob(c, status, b.Bytes())
}

// blob sends JSON. HEAD gets the headers alone.
func blob(c echo.Context, status int, b []byte) error {
	h := c.Response().Header()
	h.Set("Content-Type", typeJSON)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.Response().WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	_, err := c.Response().Write(b)
	return err
}

// known returns a pointer to v, nil if v says nothing.
func known[T comparable](v T) *T {
	var nothing T
	if v == nothing {
		return nil
	}
	return &v
}

// when writes a point of time in milliseconds, as all responses do; nil for the zero one.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(stamp(t))
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// milliseconds writes a duration with three digits behind the point.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
