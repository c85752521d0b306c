package link

import (
	"math"
	"slices"
	"time"
)

// Traffic is what somebody else sends through the bottleneck.
type Traffic struct {
	Start, End time.Duration // End 0: never
	Bitrate    int64         // bits per second, steady but for chance; 0: greedy, see below
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

// never is a point of time that does not come.
const never = time.Duration(math.MaxInt64)

// A flow is traffic on a link.
type flow struct {
	Traffic
	link      *Link
	delivered int // bytes

	at time.Duration // when steady traffic sends next, or greedy traffic begins

	window    float64 // packets
	threshold float64
	flying    float64
	events    []event // by time
	halved    time.Duration
}

// An event is what a greedy flow learns of a packet it sent.
type event struct {
	at, sent time.Duration
	lost     bool
}

func newFlow(l *Link, t Traffic) *flow {
	if t.Packet == 0 {
		t.Packet = otherPacket
	}
	if t.RTT == 0 {
		t.RTT = otherRTT
	}
	return &flow{Traffic: t, link: l, at: t.Start, window: firstWindow, threshold: math.Inf(1)}
}

// next is when the flow does something next.
func (f *flow) next() time.Duration {
	if len(f.events) > 0 {
		return min(f.at, f.events[0].at)
	}
	return f.at
}

// step does it.
func (f *flow) step() {
	switch at := f.next(); {
	case f.Bitrate > 0:
		f.steady(at)
	case at == f.at:
		f.at = never
		f.fill(at)
	default:
		e := f.events[0]
		f.events = f.events[1:]
		f.learn(e)
		f.fill(e.at)
	}
}

func (f *flow) ended(at time.Duration) bool { return f.End > 0 && at >= f.End }

func (f *flow) steady(at time.Duration) {
	if f.ended(at) {
		f.at = never
		return
	}
	if _, ok := f.link.pass(at, f.Packet); ok {
		f.delivered += f.Packet
	}
	gap := float64(f.Packet*8) / float64(f.Bitrate)
	f.at += duration(gap * (0.5 + f.link.rnd.Float64()))
}

func (f *flow) learn(e event) {
	f.flying--
	if e.lost {
		if e.sent >= f.halved {
			f.threshold = max(f.window/2, leastWindow)
			f.window, f.halved = f.threshold, e.at
		}
		return
	}
	f.delivered += f.Packet
	if f.window < f.threshold {
		f.window++
	} else {
		f.window += 1 / f.window
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
