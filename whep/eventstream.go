package whep

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/whippet-media/whippet/internal/stream"
)

// An eventStream is what one POST to a session's event URL made: a queue of events of the
// wanted kinds, and the one reader that has it open, if any. Writers never wait: at
// the bound of the queue the stream is dropped.
type eventStream struct {
	owner *subscriber
	id    string // of its URL: a capability, never logged
	wants kindSet
	news  news // owned by whoever calls Watch

	// mu guards the fields below. Nothing else is locked while it is held.
	mu     sync.Mutex
	state  streamState
	queue  []event // those sent and kept for who comes back, then those to be sent
	sent   int     // how many of the queue were sent
	last   uint64  // number of the newest event
	given  uint64  // number of the newest that was given to a reader, whether it got it or not
	reader *reader // who has the stream open
}

type streamState uint8

const (
	open    streamState = iota
	closing             // takes no more events; its reader gets what is queued
	gone                // forgotten as soon as somebody looks
)

// A reader is an HTTP request that has an event stream open.
type reader struct {
	wake chan struct{} // capacity 1: look again
	has  uint64        // number of the last event it was sent, or had before; of eventStream.mu
}

// A position is where a reader wants to begin: what it says with Last-Event-ID.
type position struct {
	last     uint64 // the last event that it has; 0: where the last reader left off
	replaced bool   // it was the reader, and was told that another one came
}

// replacedMark stands behind the number in the id that a reader is told at last when another
// one has come. An EventSource comes back with it by itself.
const replacedMark = "-replaced"

// positionOf reads a Last-Event-ID; what is no id of ours is none.
func positionOf(id string) (p position) {
	id, p.replaced = strings.CutSuffix(id, replacedMark)
	p.last, _ = strconv.ParseUint(id, 10, 64)
	return p
}

func (r *reader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Watch queues the events that tell what became of the stream.
func (e *eventStream) Watch(s *stream.Snapshot) bool {
	e.tell(s)
	if e.is(open) {
		return true
	}
	e.owner.forget(e)
	return false
}

func (e *eventStream) is(s streamState) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state == s
}

// push queues an event if its kind is wanted. At the bound of the queue the stream is
// gone: whoever reads it is too slow, or there is nobody.
func (e *eventStream) push(k kind, data []byte) {
	if !e.wants.has(k) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != open {
		return
	}
	if len(e.queue) == maxQueued {
		e.owner.handler.fellBehind.Add(1)
		e.goneLocked()
		return
	}
	e.last++
	e.queue = append(e.queue, event{e.last, k, data})
	e.wakeLocked()
}

func (e *eventStream) wakeLocked() {
	if e.reader != nil {
		e.reader.signal()
	}
}

func (e *eventStream) goneLocked() {
	e.state, e.queue, e.sent = gone, nil, 0
	e.wakeLocked()
}

// close takes no more events. A reader gets what is queued; without one nobody does.
func (e *eventStream) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.state != open:
	case e.reader == nil:
		e.goneLocked()
	default:
		e.state = closing
		e.wakeLocked()
	}
}

// discard ends the stream and drops what is queued.
func (e *eventStream) discard() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.goneLocked()
}

// attach makes r the reader, in place of another one, and begins at p. It returns an error
// if the stream has ended, and false where r was replaced by a reader who is still there: two
// that come back by themselves would else drive each other out for ever.
func (e *eventStream) attach(r *reader, p position) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.state != open:
		return false, noEventStream()
	case p.replaced && e.reader != nil:
		return false, nil
	}
	e.resumeLocked(p.last)
	r.has = e.last
	if e.sent < len(e.queue) {
		r.has = e.queue[e.sent].number - 1
	}
	e.wakeLocked() // the other one sees that it is not the reader any more
	e.reader = r
	return true, nil
}

// resumeLocked goes to behind the event numbered last, if it was given to a reader: back, as
// far as events are kept, or on, since a write that failed may have arrived.
func (e *eventStream) resumeLocked(last uint64) {
	if last == 0 || last > e.given {
		return
	}
	e.sent = len(e.queue)
	if i := slices.IndexFunc(e.queue, func(q event) bool { return q.number > last }); i >= 0 {
		e.sent = i
	}
	e.trimLocked()
}

func (e *eventStream) detach(r *reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reader != r {
		return
	}
	e.reader = nil
	if e.state == closing {
		e.goneLocked()
	}
}

// next appends the events that r must send now to buf, as they are written, and returns how many
// they are. more is false if no others will follow: then whoever was replaced is told so.
func (e *eventStream) next(r *reader, buf []byte) (b []byte, events int, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reader != r {
		buf = strconv.AppendUint(append(buf, "id: "...), r.has, 10)
		return append(buf, replacedMark+"\n\n"...), 0, false
	}
	for i := e.sent; i < len(e.queue); i++ {
		buf = e.queue[i].appendTo(buf)
		e.given = max(e.given, e.queue[i].number)
	}
	return buf, len(e.queue) - e.sent, e.state == open
}

// written notes that r has sent so many events.
func (e *eventStream) written(r *reader, events int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.has += uint64(events)
	if e.reader != r || e.state == gone {
		return
	}
	e.sent += events
	e.trimLocked()
}

// trimLocked forgets events that were sent, but for those that are kept.
func (e *eventStream) trimLocked() {
	if spare := e.sent - maxKept; spare > 0 {
		e.queue = append(e.queue[:0], e.queue[spare:]...)
		clear(e.queue[len(e.queue):cap(e.queue)])
		e.sent = maxKept
	}
}
