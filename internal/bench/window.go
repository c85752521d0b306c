package bench

import (
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

// A windowCell is a window that is known only later; nil until then.
type windowCell = atomic.Pointer[Window]
