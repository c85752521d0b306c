package relay

import "time"

// A memory is what a node last heard of streams. It is not safe for concurrent use; the
// zero memory is empty.
type memory struct{ streams map[string]heard }

type heard struct {
	holder Holder
	at     time.Time
	gone   bool  // nobody holds it any more
	epoch  int64 // the greatest of all that were heard
}

// learn notes who holds a stream; not what is provisional, of which others know nothing.
// When the memory is full something else is forgotten.
func (m *memory) learn(stream string, h Holder, now time.Time) {
	if h.Provisional() {
		return
	}
	old, ok := m.streams[stream]
	if m.streams == nil {
		m.streams = map[string]heard{}
	}
	if !ok && len(m.streams) >= maxKnown {
		m.makeRoom(now)
	}
	m.streams[stream] = heard{holder: h, at: now, epoch: max(old.epoch, h.Epoch)}
}

// makeRoom forgets what is out of date, else anything.
func (m *memory) makeRoom(now time.Time) {
	var any string
	for stream, h := range m.streams {
		any = stream
		if now.Sub(h.at) > knownLife {
			delete(m.streams, stream)
		}
	}
	if len(m.streams) >= maxKnown {
		delete(m.streams, any)
	}
}

// gone notes that nobody holds a stream. Its epoch is remembered.
func (m *memory) gone(stream string) {
	if h, ok := m.streams[stream]; ok {
		h.gone = true
		m.streams[stream] = h
	}
}

// recall returns who held a stream, if that is not too long ago.
func (m *memory) recall(stream string, now time.Time) (Holder, bool) {
	h, ok := m.streams[stream]
	if !ok || h.gone || now.Sub(h.at) > knownLife {
		return Holder{}, false
	}
	return h.holder, true
}

// epoch returns the greatest epoch known of a stream, 0 if none is.
func (m *memory) epoch(stream string) int64 { return m.streams[stream].epoch }
