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

// add waits for changes of a stream.
func (ws *watches) add(stream string) *waiter {
	w := &waiter{stream: stream, changed: make(chan struct{}, 1)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[string]map[*waiter]bool{}
	}
	if ws.all[stream] == nil {
		ws.all[stream] = map[*waiter]bool{}
	}
	ws.all[stream][w] = true
	return w
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

// empty tells whether nobody waits.
func (ws *watches) empty() bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.all) == 0
}

// streams returns those somebody waits for, in a map of the caller's own.
func (ws *watches) streams() map[string]bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	all := make(map[string]bool, len(ws.all))
	for stream := range ws.all {
		all[stream] = true
	}
	return all
}

func (w *waiter) wake() {
	select {
	case w.changed <- struct{}{}:
	default: // it has not read the last one yet
	}
}
