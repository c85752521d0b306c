package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A Check is one thing a node can find out about itself.
type Check struct {
	Name string // stable, kebab-case
	// Run says in a sentence what it found, and if that is not good what to do. It
	// returns when ctx ends at the latest.
	Run func(ctx context.Context) (text string, good bool)
}

// SelfTest answers POST of a self-test: one at a time, since a test takes sessions and
// time.
func (h *Handler) SelfTest(c echo.Context) error {
	if !h.testing.TryLock() {
		return signaling.NewProblem(http.StatusConflict, "self-test-runs", "Another self-test runs. Wait for its end.").RetryAfter(selfTestTimeout)
	}
	defer h.testing.Unlock()
	ctx, cancel := context.WithTimeout(c.Request().Context(), selfTestTimeout)
	defer cancel()
	out := wire.SelfTest{Good: true, Checks: []wire.Check{}}
	for _, check := range h.cfg.Checks {
		began := time.Now()
		text, good := check.Run(ctx)
		out.Good = out.Good && good
		out.Checks = append(out.Checks, wire.Check{Name: check.Name, Good: good, Text: text, Took: milliseconds(time.Since(began))})
	}
	return answer(c, http.StatusOK, out)
}
