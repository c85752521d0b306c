package link

import (
	"slices"
	"time"
)

// Traffic is what somebody else sends through the bottleneck.
type Traffic struct {
	Start, End time.Duration // End 0: never
	Bitrate    int64         // bits per second, steady; 0: greedy, see below
	Packet     int           // bytes; 0: 1,250
	RTT        time.Duration // of greedy traffic, beside the queue; 0: 50 ms
}

// Greedy traffic is a window that grows by a packet each round trip, doubles in one
// while nothing was lost yet, and halves when a packet is lost (RFC 5681 §3).

const (
	otherPacket = 1250
	otherRTT    = 50 * time.Millisecond
	firstWindow = 10
	leastWindow = 2
)

// A flow is traffic on a link.
type flow struct {
	Traffic
	link *Link

	next      time.Duration // when steady traffic sends next
	started   bool
	window    float64
	threshold float64
	flying    float64
	events    []event // by time
	halved    time.Duration
	delivered int // bytes
}

// An event is what a greedy flow learns of a packet it sent.
type event struct {
	at, sent time.Duration
	lost     bool
}

func (f *flow) run(now time.Duration) {
	if f.Packet == 0 {
		f.Packet = otherPacket
	}
	if f.RTT == 0 {
		f.RTT = otherRTT
	}
	if f.Bitrate > 0 {
		f.steady(now)
		return
	}
	f.greedy(now)
}

func (f *flow) ended(at time.Duration) bool { return f.End > 0 && at >= f.End }

func (f *flow) steady(now time.Duration) {
	f.next = max(f.next, f.Start)
	for f.next <= now && !f.ended(f.next) {
		if _, ok := f.link.pass(f.next, f.Packet); ok {
			f.delivered += f.Packet
		}
		f.next += duration(float64(f.Packet*8) / float64(f.Bitrate))
	}
}

func (f *flow) greedy(now time.Duration) {
	if now < f.Start {
		return
	}
	if !f.started {
		f.started, f.window, f.threshold = true, firstWindow, 1e9
		f.fill(f.Start)
	}
	for len(f.events) > 0 && f.events[0].at <= now {
		e := f.events[0]
		f.events = f.events[1:]
		f.learn(e)
		f.fill(e.at)
	}
}

func (f *flow) learn(e event) {
	f.flying--
	switch {
	case e.lost && e.sent >= f.halved:
		f.threshold = max(f.window/2, leastWindow)
		f.window, f.halved = f.threshold, e.at
	case e.lost:
	case f.window < f.threshold:
		f.window++
		f.delivered += f.Packet
	default:
		f.window += 1 / f.window
		f.delivered += f.Packet
	}
}

// fill sends what the window has room for.
func (f *flow) fill(at time.Duration) {
	for f.flying+1 <= f.window && !f.ended(at) {
		f.flying++
		out, ok := f.link.pass(at, f.Packet)
		if !ok {
			out = at + f.link.waiting // a packet behind it tells
		}
		f.note(event{out + f.RTT, at, !ok})
	}
}

func (f *flow) note(e event) {
	i, _ := slices.BinarySearchFunc(f.events, e, func(a, b event) int {
		if a.at <= b.at {
			return -1
		}
		return 1
	})
	f.events = slices.Insert(f.events, i, e)
}

// Delivered returns how many bytes of the other traffic at i passed the bottleneck.
func (l *Link) Delivered(i int) int { return l.others[i].delivered }
