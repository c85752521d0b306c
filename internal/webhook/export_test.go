package webhook

import "time"

// MaxQueued, Senders and MaxAttempts are the bounds.
const (
	MaxQueued   = maxQueued
	Senders     = senders
	MaxAttempts = maxAttempts
)

// Hasty makes a Hub that waits milliseconds where others wait seconds, but for an answer.
func Hasty(c Config, send, flush time.Duration) Config {
	c.pace = pace{first: time.Millisecond, longest: 2 * time.Millisecond, send: send, flush: flush}
	return c
}
