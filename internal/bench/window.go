package bench

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Window is the stretch of time that is measured. From belongs to it, To does not.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (w *Window) contains(t time.Time) bool {
	return w != nil && !t.Before(w.From) && t.Before(w.To)
}

// A tally counts what one publisher sends in a window. The publisher's goroutine
// notes, others read once over is closed: before that a packet that was stamped in the
// window may still be on its way through the send call and the count.
type tally struct {
	window *Window
	sent   [2]atomic.Int64 // audio, video
	ended  sync.Once
	over   chan struct{} // closed by the first packet behind the window
}

func newTally(w *Window) *tally { return &tally{window: w, over: make(chan struct{})} }

// note counts a packet that was stamped at. A publisher notes in the order of its
// stamps. A nil tally counts nothing.
func (t *tally) note(at time.Time, audio bool) {
	switch {
	case t == nil:
	case t.window.contains(at):
		t.sent[trackOf(audio)].Add(1)
	case !at.Before(t.window.To):
		t.ended.Do(func() { close(t.over) })
	}
}
