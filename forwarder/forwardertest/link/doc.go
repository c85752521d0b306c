// Package link simulates one network path in virtual time: a bottleneck whose capacity
// changes, with a queue that drops at its end, and behind it a way that delays, loses and
// jitters; other traffic in the same queue; and a receiver that sends transport-wide
// feedback. Everything random comes from one seed, so one seed is one run.
//
// Nothing here reads a clock: points of time are durations since the run's start, and
// each value takes them in order. Nothing is safe for concurrent use.
package link
