package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whippet-media/whippet/internal/client"
)

const (
	// healthySession is the age from which on a session had worked: what went wrong before
	// it does not count any more.
	healthySession = 10 * time.Second

	// maxMoves bounds how often in a row servers may send somebody on whose sessions did not
	// become healthy.
	maxMoves = 4

	// shortestPause and longestPause are those between two attempts that fail; a server may
	// ask for a longer one.
	shortestPause = 500 * time.Millisecond
	longestPause  = 10 * time.Second
)

// A movedError ends a session whose server wants another one to take its place.
type movedError struct{ url string } // "": at the same URL

func (e *movedError) Error() string {
	if e.url == "" {
		return "the server wants a new session"
	}
	return "the server wants a new session at " + e.url
}

// A turn is where the next session is to be, and when. It has no clock.
type turn struct {
	urls   []string      // one or more
	retry  bool          // after failures, too
	giveUp time.Duration // of nothing but failures; 0: never

	at       int    // of urls
	moved    string // where the server sent us; "": urls[at]
	failures int    // since a healthy session
	moves    int    // since a healthy session
	failing  time.Duration
}

// url returns where the next session is to be.
func (t *turn) url() string {
	if t.moved != "" {
		return t.moved
	}
	return t.urls[t.at]
}

// after takes how a session, or the attempt at one, ended, how long it took, and how much
// of that it was connected. It returns how long to wait before the next one; again is false if
// there shall be none.
func (t *turn) after(err error, lasted, connected time.Duration) (wait time.Duration, again bool) {
	if connected > healthySession {
		t.failures, t.moves, t.failing = 0, 0, 0
	}
	var moved *movedError
	if errors.As(err, &moved) && t.moves < maxMoves {
		t.moves++
		if moved.url == "" {
			return shortestPause, true
		}
		t.moved = moved.url
		return 0, true
	}
	if !t.retry || !worthRetrying(err) {
		return 0, false
	}
	wait = t.next(err)
	t.failing += lasted + wait
	return wait, t.giveUp == 0 || t.failing < t.giveUp
}

// next goes on to the next URL. All are tried before there is a longer pause.
func (t *turn) next(err error) time.Duration {
	if t.moved != "" {
		t.moved = ""
	} else {
		t.at = (t.at + 1) % len(t.urls)
	}
	t.failures++
	if t.failures%len(t.urls) != 0 {
		return shortestPause
	}
	return retryDelay(err, t.failures/len(t.urls)-1)
}

// worthRetrying is false for what the same request cannot mend.
func worthRetrying(err error) bool {
	var problem *client.ProblemError
	if errors.As(err, &problem) {
		return problem.Temporary() || problem.Status == 404 // a session may be gone
	}
	var media *mediaError
	return !errors.As(err, &media)
}

// retryDelay grows from half a second to ten, unless the server names a time.
func retryDelay(err error, attempt int) time.Duration {
	var problem *client.ProblemError
	if errors.As(err, &problem) && problem.RetryAfter > 0 {
		return problem.RetryAfter
	}
	return min(shortestPause<<min(attempt, 5), longestPause)
}

// A mediaError is one of the files or flags, not of the network.
type mediaError struct{ err error }

func (e *mediaError) Error() string { return e.err.Error() }
func (e *mediaError) Unwrap() error { return e.err }

// hold runs one session after the other, as the flags say, until one ends without an
// error, ctx ends, or it is no use. once also returns how long its session was connected.
func (f *remoteFlags) hold(ctx context.Context, con *console, once func(ctx context.Context, url string) (connected time.Duration, err error)) error {
	t := &turn{urls: f.URLs, retry: f.Retry, giveUp: f.GiveUp}
	for {
		began := time.Now()
		f.sessions++
		connected, err := once(ctx, t.url())
		if err == nil || ctx.Err() != nil {
			return advise(err)
		}
		wait, again := t.after(err, time.Since(began), connected)
		switch {
		case !again && t.failing > 0:
			return advise(fmt.Errorf("%w; nothing worked for %s", err, t.failing.Round(time.Second)))
		case !again:
			return advise(err)
		case wait == 0:
			fmt.Fprintf(con.Err, "%v\n", err)
			continue
		}
		fmt.Fprintf(con.Err, "%v; trying again in %s\n", err, wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
