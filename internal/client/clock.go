package client

import (
	"context"
	"sync"
	"time"
)

// A mediaClock says when media time falls due. All sources of a publisher share
// one, so that they stay together. Safe for concurrent use.
type mediaClock struct {
	mu    sync.Mutex
	start time.Time // of media time 0
}

func newMediaClock(start time.Time) *mediaClock { return &mediaClock{start: start} }

// due returns when media time at falls due. A clock that lags by more than
// catchUp is moved on, for all sources.
func (c *mediaClock) due(at time.Duration, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := c.start.Add(at)
	if late := now.Sub(due); late > catchUp {
		c.start = c.start.Add(late)
		due = now
	}
	return due
}

// sleepUntil returns at t, or false when the context ends before.
func sleepUntil(ctx context.Context, t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
