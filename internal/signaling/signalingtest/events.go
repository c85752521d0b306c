package signalingtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// An Event is one message of an event stream.
type Event struct{ ID, Name, Data string }

// A Listener is a GET of an event stream that is open. Its test fails where the stream is
// not as the format has it: an id, a name and one line of JSON for each event.
type Listener struct {
	Reply // status and headers
	t     testing.TB
	flow  *flow
	read  int    // bytes of the stream that Events has seen
	pulse int    // comments among them
	last  string // id that came without an event
	leave context.CancelFunc
	ended chan struct{}
}

// Listen opens an event stream and returns when its header is there. The client goes with
// the test at the latest.
func (x *Target) Listen(t testing.TB, q Request) *Listener {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, q.Path, http.NoBody)
	for name, value := range q.Header {
		r.Header.Set(name, value)
	}
	l := &Listener{t: t, flow: newFlow(ctx), leave: leave, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		x.Handler.ServeHTTP(l.flow, r)
	}()
	t.Cleanup(l.Leave)
	select {
	case <-l.flow.begun:
	case <-l.ended:
	}
	l.Reply = Reply{Status: l.flow.status, Header: l.flow.header}
	l.Want(t, http.StatusOK)
	return l
}

// Leave ends the request as a client does that goes away, and waits for the handler.
func (l *Listener) Leave() {
	l.leave()
	<-l.ended
}

// Ended tells whether the node has ended the response.
func (l *Listener) Ended() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// Stall lets the client take no more until the test ends.
func (l *Listener) Stall() { l.flow.stall() }

// Events returns the events since the last call.
func (l *Listener) Events() []Event {
	l.t.Helper()
	text := l.flow.text()[l.read:]
	l.read += len(text)
	var all []Event
	for text != "" {
		block, rest, whole := strings.Cut(text, "\n\n")
		if !whole {
			l.t.Fatalf("%q does not end", block)
		}
		text = rest
		if block == ":" {
			l.pulse++
			continue
		}
		if id, ok := strings.CutPrefix(block, "id: "); ok && !strings.Contains(id, "\n") {
			l.last = id
			continue
		}
		all = append(all, l.parse(block))
	}
	return all
}

func (l *Listener) parse(block string) (e Event) {
	l.t.Helper()
	lines := strings.Split(block, "\n")
	if len(lines) != 3 {
		l.t.Fatalf("%d lines: %q", len(lines), block)
	}
	for i, field := range []struct {
		name string
		to   *string
	}{{"id: ", &e.ID}, {"event: ", &e.Name}, {"data: ", &e.Data}} {
		value, ok := strings.CutPrefix(lines[i], field.name)
		if !ok {
			l.t.Fatalf("no %q in %q", field.name, block)
		}
		*field.to = value
	}
	if !json.Valid([]byte(e.Data)) {
		l.t.Errorf("the data of %s is no JSON: %q", e.Name, e.Data)
	}
	return e
}

// Named returns the data of the events of one name since the last call of Events or Named.
func (l *Listener) Named(name string) []string {
	l.t.Helper()
	var all []string
	for _, e := range l.Events() {
		if e.Name == name {
			all = append(all, e.Data)
		}
	}
	return all
}

// Heartbeats returns how many comments have come, of those that Events has passed.
func (l *Listener) Heartbeats() int { return l.pulse }

// Replaced returns the id that came without an event, of those that Events has passed: what
// an EventSource comes back with when another reader took its place; "": none came.
func (l *Listener) Replaced() string { return l.last }

// A flow is the writer of a response that is read while it is written.
type flow struct {
	ctx    context.Context
	header http.Header
	begun  chan struct{} // closed by WriteHeader, after status was set
	status int

	mu       sync.Mutex
	body     strings.Builder
	stalled  bool
	deadline time.Time
}

func newFlow(ctx context.Context) *flow {
	return &flow{ctx: ctx, header: http.Header{}, begun: make(chan struct{}), status: http.StatusOK}
}

func (f *flow) Header() http.Header { return f.header }
func (f *flow) Flush()              {}

func (f *flow) WriteHeader(status int) {
	f.status = status
	close(f.begun)
}

func (f *flow) SetWriteDeadline(at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = at
	return nil
}

func (f *flow) Write(b []byte) (int, error) {
	f.mu.Lock()
	deadline := f.deadline
	if !f.stalled {
		defer f.mu.Unlock()
		return f.body.Write(b)
	}
	f.mu.Unlock()
	wait := f.ctx
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		wait, cancel = context.WithDeadline(f.ctx, deadline)
		defer cancel()
	}
	<-wait.Done()
	return 0, os.ErrDeadlineExceeded
}

func (f *flow) stall() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stalled = true
}

func (f *flow) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.body.String()
}
