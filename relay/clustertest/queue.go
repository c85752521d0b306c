package clustertest

import (
	"container/heap"
	"time"
)

// An event is something that happens at a time.
type event struct {
	at    time.Duration
	order uint64 // of those at the same time
	do    func()
}

// A queue is what will happen, the soonest first.
type queue struct {
	events []event
	added  uint64
	now    time.Duration
}

// Len implements [heap.Interface].
func (q *queue) Len() int { return len(q.events) }

// Less implements [heap.Interface].
func (q *queue) Less(i, j int) bool {
	a, b := &q.events[i], &q.events[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

// Swap implements [heap.Interface].
func (q *queue) Swap(i, j int) { q.events[i], q.events[j] = q.events[j], q.events[i] }

// Push implements [heap.Interface].
func (q *queue) Push(x any) { q.events = append(q.events, x.(event)) } //nolint:forcetypeassert // only events

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	last := len(q.events) - 1
	e := q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	return e
}

// after lets something happen.
func (q *queue) after(d time.Duration, do func()) {
	q.added++
	heap.Push(q, event{q.now + d, q.added, do})
}

// run lets time pass.
func (q *queue) run(d time.Duration) {
	end := q.now + d
	for len(q.events) > 0 && q.events[0].at <= end {
		e := heap.Pop(q).(event) //nolint:forcetypeassert // only events
		q.now = e.at
		e.do()
	}
	q.now = end
}
