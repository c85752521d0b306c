package nodetest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// A Link is what lies between a host and the network, the same in both directions. The
// zero Link loses nothing and takes a millisecond.
type Link struct {
	Loss    float64       // share of packets lost, 0 to 1
	Delay   time.Duration // one way, on top of the network's millisecond
	Reorder float64       // share of packets that are late by up to Late, 0 to 1
	Late    time.Duration // 0: 30 ms
	Rate    int64         // bits per second; 0: endless
	Queue   int           // bytes that wait for Rate; 0: 64 KiB
}

const (
	defaultLate  = 30 * time.Millisecond
	defaultQueue = 64 << 10
)

// ideal tells whether packets pass unchanged and at once.
func (l Link) ideal() bool { return l == Link{} }

// A pipe is one direction of a link. Each packet's fate is drawn when it is sent.
// Packets that are not late keep their order: no two leave at the same instant.
type pipe struct {
	// mu guards the fields below; nobody sleeps while holding it.
	mu    sync.Mutex
	link  Link
	cut   bool
	drop  func([]byte) bool // nil: nothing is dropped
	rnd   *rand.Rand
	last  time.Time // departure of the last packet that was not late
	free  time.Time // when the capped line has sent all it was given
	count Traffic
}

// Traffic counts packets of one direction of a link.
type Traffic struct{ Sent, Lost, Late int }

func newPipe(l Link, seed, stream uint64) *pipe {
	return &pipe{link: l, rnd: rand.New(rand.NewPCG(seed, stream))}
}

func (p *pipe) set(l Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link = l
}

func (p *pipe) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

func (p *pipe) refuse(drop func([]byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = drop
}

func (p *pipe) traffic() Traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// send calls deliver now or later, or never. deliver must not use b after it returns.
func (p *pipe) send(b []byte, deliver func(b []byte)) {
	delay, ok := p.fate(time.Now(), b)
	switch {
	case !ok:
	case delay == 0:
		deliver(b)
	default:
		kept := append([]byte(nil), b...)
		time.AfterFunc(delay, func() { deliver(kept) })
	}
}

// fate draws how long a packet is under way, or that it is lost.
func (p *pipe) fate(now time.Time, b []byte) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Sent++
	if p.cut || p.drop != nil && p.drop(b) || p.link.Loss > 0 && p.rnd.Float64() < p.link.Loss {
		p.count.Lost++
		return 0, false
	}
	if p.link.ideal() && !p.last.After(now) {
		return 0, true
	}
	at, ok := p.throughLocked(now, len(b))
	if !ok {
		p.count.Lost++
		return 0, false
	}
	at = at.Add(p.link.Delay)
	if p.link.Reorder > 0 && p.rnd.Float64() < p.link.Reorder {
		p.count.Late++
		return at.Sub(now) + 1 + time.Duration(p.rnd.Int64N(int64(p.late()))), true
	}
	if !at.After(p.last) {
		at = p.last.Add(time.Microsecond)
	}
	p.last = at
	return at.Sub(now), true
}

// throughLocked is when the capped line has sent a packet; false if its queue is full.
func (p *pipe) throughLocked(now time.Time, size int) (time.Time, bool) {
	if p.link.Rate == 0 {
		return now, true
	}
	queue := p.link.Queue
	if queue == 0 {
		queue = defaultQueue
	}
	free := p.free
	if free.Before(now) {
		free = now
	}
	if free.Sub(now) > p.airtime(queue) {
		return now, false
	}
	p.free = free.Add(p.airtime(size))
	return p.free, true
}

func (p *pipe) airtime(bytes int) time.Duration {
	return time.Duration(int64(bytes) * 8 * int64(time.Second) / p.link.Rate)
}

func (p *pipe) late() time.Duration {
	if p.link.Late == 0 {
		return defaultLate
	}
	return p.link.Late
}
