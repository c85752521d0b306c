package whep

import (
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

// attach makes r the reader, in place of another one, and begins behind the event numbered
// last, if that was sent and is still kept; 0: behind the last that was sent. It returns
// false if the stream has ended.
func (e *eventStream) attach(r *reader, last uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != open {
		return false
	}
	for i := range e.sent {
		if last != 0 && e.queue[i].number > last {
			e.sent = i
			break
		}
	}
	e.wakeLocked() // the other one sees that it is not the reader any more
	e.reader = r
	return true
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
// they are. more is false if no others will follow.
func (e *eventStream) next(r *reader, buf []byte) (b []byte, events int, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reader != r {
		return buf, 0, false
	}
	for i := e.sent; i < len(e.queue); i++ {
		buf = e.queue[i].appendTo(buf)
	}
	return buf, len(e.queue) - e.sent, e.state == open
}

// written notes that r has sent so many events.
func (e *eventStream) written(r *reader, events int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reader != r || e.state == gone {
		return
	}
	e.sent += events
	if spare := e.sent - maxKept; spare > 0 {
		e.queue = append(e.queue[:0], e.queue[spare:]...)
		clear(e.queue[len(e.queue):cap(e.queue)])
		e.sent = maxKept
	}
}
