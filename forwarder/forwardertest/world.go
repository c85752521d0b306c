package forwardertest

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A World is one simulation. Not safe for concurrent use.
type World struct {
	opt      Options
	rnd      *rand.Rand
	now      time.Time
	queue    events
	order    uint64
	pub      *publisher
	known    map[uint16]*publisher // the last ones, by id
	subs     []*subscriber
	errs     []error
	pubs     int
	joined   int // subscribers
	sent     int // pictures of the largest encoding
	events   int // that happened
	switches int // of the layer a subscriber gets, its first and those to another publisher not counted
	vanished int // times an encoding or some of its spatial layers vanished
	calm     bool
	calmAt   time.Time // when it began
}

// maxErrors bounds what one run reports.
const maxErrors = 10

// keepPublishers is how many publishers back packets may come from.
const keepPublishers = 4

// New returns a world at its start.
func New(seed uint64, opt Options) *World {
	opt.complete()
	w := &World{
		opt: opt, rnd: rand.New(rand.NewPCG(seed, 1)), known: map[uint16]*publisher{},
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	w.startPublisher()
	for range opt.Subscribers {
		w.after(w.upTo(3*time.Second), w.join)
	}
	if opt.Calm > 0 {
		w.after(w.around(opt.Calm), w.becalm)
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

// Err returns what the oracles found, nil if nothing. It looks at all that was sent.
func (w *World) Err() error {
	for _, s := range w.subs {
		for _, t := range s.tracks {
			t.oracle.sequence.finish()
		}
	}
	return errors.Join(w.errs...)
}

// Switches returns how often a subscriber's layer changed.
func (w *World) Switches() int { return w.switches }

func (w *World) fail(format string, args ...any) {
	if len(w.errs) < maxErrors {
		w.errs = append(w.errs, fmt.Errorf("%v: %s", w.now.Format("04:05.000"), fmt.Sprintf(format, args...)))
	}
}

// original returns a packet as it left its publisher; nil if that is forgotten.
func (w *World) original(c *content) *original {
	p := w.known[c.publisher]
	if p == nil {
		return nil
	}
	if c.encoding == audioEncoding {
		return p.streams[0].sent[c.seq]
	}
	return p.stream(c.encoding).sent[c.seq]
}

// stream returns the encoding a packet is of; nil if it is forgotten, or of audio.
func (w *World) stream(c *content) *upstream {
	if p := w.known[c.publisher]; p != nil {
		return p.stream(c.encoding)
	}
	return nil
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

// carry brings something over a network: never, once or twice. It tells whether it comes.
func (w *World) carry(n Network, deliver func()) bool {
	if w.calm {
		n = Network{Delay: n.Delay}
	}
	if w.chance(n.Loss) {
		return false
	}
	late := time.Duration(0)
	if w.chance(n.Late) {
		late = w.upTo(lateBy)
	}
	w.after(n.Delay+w.upTo(n.Jitter)+late, deliver)
	if w.chance(n.Duplicate) {
		w.after(n.Delay+w.upTo(n.Jitter)+time.Millisecond, deliver)
	}
	return true
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
