package forwardertest

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// A Network says what happens to packets in one direction.
type Network struct {
	Loss      float64       // share of packets lost
	Duplicate float64       // share that arrives twice
	Delay     time.Duration // least
	Jitter    time.Duration // added, uniform: packets overtake each other, across frames too
}

// Options say what is simulated; the zero Options is one encoding over perfect networks.
type Options struct {
	Encodings        int // of video; 0 is 1
	AudioOnly        bool
	VideoOnly        bool
	NoMarkers        bool          // frames end without a marker bit
	Padding          bool          // packets without payload between frames
	Steps            time.Duration // mean time after which the publisher's clock is set; 0: never
	Interval         time.Duration // between keyframes; 0: only on request, and the first
	IgnoreRequests   bool          // for keyframes, as OBS and FFmpeg do
	IgnoreNacks      bool
	RTX              bool // towards subscribers; the publisher's always is
	TransportCC      bool // towards subscribers
	Up, Down         Network
	Subscribers      int           // 0 is 3; they join at random times
	Rejoin           time.Duration // mean life of a subscriber session; 0: endless
	Restart          time.Duration // mean life of a publisher session; 0: endless
	Vanish           time.Duration // mean time after which an encoding pauses or comes back; 0: never
	NoSenderReports  bool
	StripParameters  bool // H264 only: parameter sets come once, not with each keyframe
	H264             bool // else VP8
	Fault            Fault
	Bitrate          int           // bits per second of the largest encoding; 0 is 800,000
	PauseSubscribers time.Duration // mean time after which a subscriber's sink is full for a while; 0: never
}

// videos is how many encodings of video there are.
func (o *Options) videos() int {
	if o.AudioOnly {
		return 0
	}
	return o.Encodings
}

// healthy tells whether nothing but time comes between publisher and subscribers.
func (o *Options) healthy() bool {
	calm := func(n Network) bool { return n.Loss == 0 && n.Jitter == 0 }
	return calm(o.Up) && calm(o.Down) && o.PauseSubscribers == 0 && o.Vanish == 0 && o.Fault == nil
}

// A Fault changes or drops (false) a packet on its way out of the core, before
// the oracles see it: a planted defect.
type Fault func(subscriber int, p *forwarder.OutPacket) bool

// A World is one simulation. Not safe for concurrent use.
type World struct {
	opt    Options
	rnd    *rand.Rand
	now    time.Time
	queue  events
	order  uint64
	pub    *publisher
	subs   []*subscriber
	errs   []error
	pubs   int
	sent   int // video frames of the largest encoding
	events int // that happened
}

// maxErrors bounds what one run reports.
const maxErrors = 10

// New returns a world at its start.
func New(seed uint64, opt Options) *World {
	if opt.Encodings == 0 {
		opt.Encodings = 1
	}
	if opt.Subscribers == 0 {
		opt.Subscribers = 3
	}
	if opt.Bitrate == 0 {
		opt.Bitrate = 800_000
	}
	w := &World{
		opt: opt, rnd: rand.New(rand.NewPCG(seed, 1)),
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	w.startPublisher()
	for range opt.Subscribers {
		w.after(w.upTo(3*time.Second), w.join)
	}
	return w
}

// Run lets d of virtual time pass.
func (w *World) Run(d time.Duration) {
	end := w.now.Add(d)
	for len(w.queue) > 0 && !w.queue[0].at.After(end) && len(w.errs) < maxErrors {
		e := heap.Pop(&w.queue).(*event)
		w.now = e.at
		w.events++
		e.do()
	}
	if len(w.errs) < maxErrors {
		w.now = end
	}
}

// Err returns what the oracles found, nil if nothing.
func (w *World) Err() error { return errors.Join(w.errs...) }

func (w *World) fail(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("%v: %s", w.now.Format("04:05.000"), fmt.Sprintf(format, args...)))
}

func (w *World) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, &event{w.now.Add(d), w.order, do})
}

func (w *World) chance(p float64) bool { return p > 0 && w.rnd.Float64() < p }

func (w *World) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(w.rnd.Int64N(int64(d)))
}

// around returns a random time with the given mean, at least a second.
func (w *World) around(mean time.Duration) time.Duration {
	return time.Second + w.upTo(2*mean)
}

// carry brings something over a network: never, once or twice.
func (w *World) carry(n Network, deliver func()) {
	if w.chance(n.Loss) {
		return
	}
	w.after(n.Delay+w.upTo(n.Jitter), deliver)
	if w.chance(n.Duplicate) {
		w.after(n.Delay+w.upTo(n.Jitter)+time.Millisecond, deliver)
	}
}

type event struct {
	at    time.Time
	order uint64
	do    func()
}

type events []*event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if e[i].at.Equal(e[j].at) {
		return e[i].order < e[j].order
	}
	return e[i].at.Before(e[j].at)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push is called by container/heap only.
func (e *events) Push(x any) { *e = append(*e, x.(*event)) }

// Pop is called by container/heap only.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}
