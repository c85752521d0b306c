package stream

import (
	"container/heap"
	"time"
)

// A deadline is when something is due for one subscriber or publisher.
type deadline[T any] struct {
	of  T
	at  time.Time
	pos int // in its heap, -1: it is in none
}

func newDeadline[T any](of T) deadline[T] { return deadline[T]{of: of, pos: -1} }

func (d *deadline[T]) queued() bool { return d.pos >= 0 }

// deadlines is a heap of them, the earliest first.
type deadlines[T any] []*deadline[T]

// set makes a deadline that of the given time.
func (h *deadlines[T]) set(d *deadline[T], at time.Time) {
	d.at = at
	if d.queued() {
		heap.Fix(h, d.pos)
	} else {
		heap.Push(h, d)
	}
}

// remove takes a deadline out, if it is in.
func (h *deadlines[T]) remove(d *deadline[T]) {
	if d.queued() {
		heap.Remove(h, d.pos)
	}
}

// Len is called by container/heap only, and so are the others below.
func (h *deadlines[T]) Len() int { return len(*h) }

// Less compares two.
func (h *deadlines[T]) Less(i, j int) bool { return (*h)[i].at.Before((*h)[j].at) }

// Swap exchanges two.
func (h *deadlines[T]) Swap(i, j int) {
	a := *h
	a[i], a[j] = a[j], a[i]
	a[i].pos, a[j].pos = i, j
}

// Push appends one.
func (h *deadlines[T]) Push(x any) {
	d := x.(*deadline[T]) //nolint:forcetypeassert // set pushes nothing else
	d.pos = len(*h)
	*h = append(*h, d)
}

// Pop takes the last one.
func (h *deadlines[T]) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	d.pos = -1
	return d
}
