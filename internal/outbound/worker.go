package outbound

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/whippet-media/whippet/internal/sdp"
)

// A State is where a push or a pull stands.
type State string

// The states.
const (
	Idle       State = "idle"       // nobody wants it now, or it comes from elsewhere; pulls only
	Connecting State = "connecting" // the far end was asked
	Connected  State = "connected"  // ICE and DTLS are done
	Waiting    State = "waiting"    // until the next attempt
	Rejected   State = "refused"    // the far end does not want it: it is asked again much later
)

// States returns all states, in the order in which one follows the other.
func States() []State { return []State{Idle, Connecting, Connected, Waiting, Rejected} }

// An Info describes a push or a pull at one moment.
type Info struct {
	Stream string
	Number int    // which target or origin it is, from 1 in the order they were given
	Far    string // host of the far end, with its port if it has one
	State  State
	Since  time.Time // of the state

	// Reason is why the last attempt failed or the last session ended, "" if none did.
	// Status is that of the response where it was one, else 0.
	Reason Reason
	Status int

	// Declined is the kind of media, of those that were offered, that the far end of the last
	// session of a push did not take, "audio" or "video"; "": it took all.
	Declined string

	Opened, Failed uint64 // sessions that were connected, and attempts that were not
}

// A Total counts what all pushes, or all pulls, have come to.
type Total struct {
	Opened, Failed uint64

	// Ends are the attempts that failed and the sessions that ended, by why.
	Ends map[Reason]uint64
}

// add counts what one of them has come to.
func (t *Total) add(w *worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Opened += w.info.Opened
	t.Failed += w.info.Failed
	for r, n := range w.ends {
		t.Ends[r] += n
	}
}

// A worker keeps one session with a far end after the other, and says how it stands.
type worker struct {
	log      *slog.Logger
	msg      string // of log lines
	endpoint *endpoint
	backOff  backOff // owned by the worker's goroutine

	// mu guards the fields below.
	mu   sync.Mutex
	info Info
	ends map[Reason]uint64 // attempts that failed and sessions that ended
}

// newWorker returns one that has not begun. i has what it begins with; the host is the endpoint's.
func newWorker(c *Config, msg string, e *endpoint, i Info) worker {
	i.Far, i.Since = e.url.Host, time.Now()
	e.http, e.agent = c.HTTP, c.Agent
	return worker{log: c.Log, msg: msg, endpoint: e, ends: map[Reason]uint64{}, info: i}
}

func (w *worker) snapshot() Info {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.info
}

func (w *worker) set(s State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.info.State != s {
		w.info.State, w.info.Since = s, time.Now()
	}
}

// agreed notes what of an offer the far end does not take: most likely it has no such codec.
func (w *worker) agreed(answer *sdp.Offer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.info.Declined = ""
	for i := range answer.Sections {
		if s := &answer.Sections[i]; !s.Accepted {
			w.info.Declined = s.Kind.String()
			w.log.Warn(w.msg, "event", "declined", "stream", w.info.Stream, "far", w.info.Far, "kind", w.info.Declined)
		}
	}
}

// opened notes that a session is connected.
func (w *worker) opened() {
	w.set(Connected)
	w.mu.Lock()
	w.info.Opened++
	w.mu.Unlock()
	w.log.Info(w.msg, "event", "opened", "stream", w.info.Stream, "far", w.info.Far)
}

// ended notes why a session ended or did not come about, and returns the pause that follows. What
// the far end took before it does not refuse for good: servers that still have the session that
// was lost say 403.
func (w *worker) ended(f *failure) time.Duration {
	w.mu.Lock()
	was, since := w.info.State, w.info.Since
	f.final = f.final && w.info.Opened == 0
	w.info.Reason, w.info.Status = f.reason, f.status
	w.ends[f.reason]++
	if was != Connected {
		w.info.Failed++
	}
	w.mu.Unlock()
	if was == Connected && time.Since(since) >= steadyAfter {
		w.backOff = backOff{}
	}
	attrs := []any{"stream", w.info.Stream, "far", w.info.Far, "reason", string(f.reason)}
	if f.status != 0 {
		attrs = append(attrs, "status", f.status)
	}
	if f.code != "" {
		attrs = append(attrs, "code", f.code)
	}
	var pause time.Duration
	if !f.reason.ours() {
		pause = w.backOff.next(f, rand.Float64()) //nolint:gosec // no secret
		attrs = append(attrs, "retry", pause.Round(time.Millisecond).Seconds())
		w.set(Waiting)
	}
	level, event := slog.LevelInfo, "failed"
	switch {
	case f.final:
		w.set(Rejected)
		level, event = slog.LevelWarn, "refused"
	case was == Connected:
		event = "closed"
	}
	w.log.Log(context.Background(), level, w.msg, append([]any{"event", event}, attrs...)...)
	return pause
}

// sleep waits; false: ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
