package rtc

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A packet is one datagram or ICE-TCP frame. It has one owner at a time: the
// reader of a socket, then a queue, then who popped it and puts it back.
type packet struct {
	buf      [maxDatagram]byte
	n        int
	from     netip.AddrPort
	to       netip.Addr // ours that it was sent to, if known
	at       time.Time  // it was read
	endpoint int        // where it came in, an index into mux.endpoints
}

func (p *packet) bytes() []byte { return p.buf[:p.n] }

// A pool recycles packets.
type pool struct{ sync.Pool }

func newPool() *pool {
	return &pool{sync.Pool{New: func() any { return new(packet) }}}
}

func (p *pool) get() *packet  { return p.Pool.Get().(*packet) } //nolint:forcetypeassert // the pool makes nothing else
func (p *pool) put(b *packet) { p.Pool.Put(b) }

// A queue is a bounded first-in first-out of packets, for one consumer. It grows
// from nothing as it is used.
type queue struct {
	pool  *pool
	limit int

	mu      sync.Mutex
	wake    sync.Cond // mu
	ring    []*packet
	head, n int
	closed  bool
	aborted bool // pop returns os.ErrDeadlineExceeded
}

func newQueue(p *pool, limit int) *queue {
	q := &queue{pool: p, limit: limit}
	q.wake.L = &q.mu
	return q
}

// push takes the packet over and reports true, or leaves it to the caller when
// the queue is full or closed.
func (q *queue) push(p *packet) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.n == q.limit {
		return false
	}
	if q.n == len(q.ring) {
		q.growLocked()
	}
	q.ring[(q.head+q.n)%len(q.ring)] = p
	q.n++
	q.wake.Signal()
	return true
}

func (q *queue) growLocked() {
	ring := make([]*packet, min(max(8, 2*len(q.ring)), q.limit))
	for i := range q.n {
		ring[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.ring, q.head = ring, 0
}

// pop waits for a packet, which then is the caller's. It fails with net.ErrClosed
// or, while aborted, with os.ErrDeadlineExceeded.
func (q *queue) pop() (*packet, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.n == 0 && !q.closed && !q.aborted {
		q.wake.Wait()
	}
	switch {
	case q.closed:
		return nil, net.ErrClosed
	case q.aborted:
		return nil, os.ErrDeadlineExceeded
	}
	p := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return p, nil
}

// abort makes pop fail until it is called with false.
func (q *queue) abort(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.aborted = on
	q.wake.Broadcast()
}

// close makes push and pop fail for good and gives the packets back.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for ; q.n > 0; q.n-- {
		q.pool.put(q.ring[q.head])
		q.head = (q.head + 1) % len(q.ring)
	}
	q.ring = nil
	q.wake.Broadcast()
}
