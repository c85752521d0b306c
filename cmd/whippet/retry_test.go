package main

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
)

var (
	errUnreachable = errors.New("nobody answers")
	errRefused     = &client.ProblemError{Status: http.StatusServiceUnavailable, RetryAfter: 7 * time.Second}
	errForbidden   = &client.ProblemError{Status: http.StatusForbidden}
)

// An attempt is how one ends, and what must become of it.
type attempt struct {
	err       error
	connected time.Duration
	wait      time.Duration
	url       string // of the next; "": none
}

func TestTurn(t *testing.T) {
	moved := fmt.Errorf("play: %w", &movedError{"x"})
	for name, c := range map[string]struct {
		turn     turn
		attempts []attempt
	}{
		"without --retry a failure is the end": {turn{urls: []string{"a"}}, []attempt{{err: errUnreachable}}},
		"it grows to ten seconds": {turn{urls: []string{"a"}, retry: true}, []attempt{
			{errUnreachable, 0, 500 * time.Millisecond, "a"},
			{errUnreachable, 0, time.Second, "a"},
			{errUnreachable, 0, 2 * time.Second, "a"},
			{errUnreachable, 0, 4 * time.Second, "a"},
			{errUnreachable, 0, 8 * time.Second, "a"},
			{errUnreachable, 0, 10 * time.Second, "a"},
			{errUnreachable, healthySession, 10 * time.Second, "a"},
			{errUnreachable, healthySession + 1, 500 * time.Millisecond, "a"},
		}},
		"the server says when":     {turn{urls: []string{"a"}, retry: true}, []attempt{{errRefused, 0, 7 * time.Second, "a"}}},
		"what is no use":           {turn{urls: []string{"a"}, retry: true}, []attempt{{err: errForbidden}}},
		"a file is no use, either": {turn{urls: []string{"a"}, retry: true}, []attempt{{err: &mediaError{errUnreachable}}}},
		"all are tried before a pause": {turn{urls: []string{"a", "b", "c"}, retry: true}, []attempt{
			{errRefused, 0, shortestPause, "b"},
			{errUnreachable, 0, shortestPause, "c"},
			{errRefused, 0, 7 * time.Second, "a"},
			{errUnreachable, 0, shortestPause, "b"},
			{errUnreachable, 0, shortestPause, "c"},
			{errUnreachable, 0, time.Second, "a"},
		}},
		"where the server sends us, then back": {turn{urls: []string{"a", "b"}, retry: true}, []attempt{
			{moved, 0, 0, "x"},
			{errUnreachable, 0, shortestPause, "a"},
			{errUnreachable, 0, shortestPause, "b"},
		}},
		"a new session at the same URL": {turn{urls: []string{"a"}}, []attempt{{&movedError{}, 0, shortestPause, "a"}}},
		"nobody is sent in circles": {turn{urls: []string{"a"}}, []attempt{
			{moved, 0, 0, "x"},
			{moved, 0, 0, "x"},
			{moved, healthySession + 1, 0, "x"},
			{moved, 0, 0, "x"},
			{moved, 0, 0, "x"},
			{moved, 0, 0, "x"},
			{err: moved},
		}},
		"it is given up": {turn{urls: []string{"a"}, retry: true, giveUp: 3 * time.Second}, []attempt{
			{errUnreachable, 0, 500 * time.Millisecond, "a"},
			{errUnreachable, 0, time.Second, "a"},
			{errUnreachable, healthySession + 1, 500 * time.Millisecond, "a"},
			{errUnreachable, 0, time.Second, "a"},
			{err: errUnreachable},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, a := range c.attempts {
				wait, again := c.turn.after(a.err, 0, a.connected)
				if again != (a.url != "") || again && (wait != a.wait || c.turn.url() != a.url) {
					t.Fatalf("after attempt %d: %v, in %v at %s; want %q in %v", i, again, wait, c.turn.url(), a.url, a.wait)
				}
			}
		})
	}
}
