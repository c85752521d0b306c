package relay

import "sync"

// watches are those who wait for changes, by stream. The zero watches are none. It is safe
// for concurrent use.
type watches struct {
	mu  sync.Mutex
	all map[string]map[*waiter]bool
}

// A waiter is one who waits.
type waiter struct {
	stream  string
	changed chan struct{} // room for one: more changes are one
}

// add waits for changes of a stream. It reports whether it is the first.
func (ws *watches) add(stream string) (w *waiter, first bool) {
	w = &waiter{stream: stream, changed: make(chan struct{}, 1)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[string]map[*waiter]bool{}
	}
	if ws.all[stream] == nil {
		ws.all[stream] = map[*waiter]bool{}
	}
	ws.all[stream][w] = true
	return w, len(ws.all[stream]) == 1
}

// remove reports whether the waiter was the last of its stream. Removing twice is harmless.
func (ws *watches) remove(w *waiter) (last bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	of := ws.all[w.stream]
	if !of[w] {
		return false
	}
	delete(of, w)
	if len(of) > 0 {
		return false
	}
	delete(ws.all, w.stream)
	return true
}

// wake tells those who wait for a stream.
func (ws *watches) wake(stream string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all[stream] {
		w.wake()
	}
}

// wakeAll tells everyone: anything may have changed.
func (ws *watches) wakeAll() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, of := range ws.all {
		for w := range of {
			w.wake()
		}
	}
}

func (w *waiter) wake() {
	select {
	case w.changed <- struct{}{}:
	default: // it has not read the last one yet
	}
}
