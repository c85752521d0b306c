package udp

import (
	"net"
	"net/netip"
	"syscall"
)

const (
	// MaxDatagram is the largest datagram a Batch takes, in bytes: more than an Ethernet
	// frame's worth, which is fragmented, and what publishers send in spite of that.
	MaxDatagram = 2048

	// batchBytes is a Batch's memory for datagrams. It holds a keyframe burst of ten
	// packets to each of twenty subscribers; more gains nothing, as the cost of a system
	// call is spread over some two hundred packets then.
	batchBytes = 256 << 10

	// messagesPerCall bounds the messages of one sendmmsg, and the runs of a Batch. The
	// kernel takes 1,024.
	messagesPerCall = 128

	// maxSegments bounds the datagrams of a run: UDP_MAX_SEGMENTS of Linux, 128 since 6.9.
	maxSegments = 64

	// maxRun4 and maxRun6 bound the bytes of a run: what one UDP datagram could hold.
	maxRun4 = 65_535 - 20 - 8
	maxRun6 = 65_535 - 40 - 8
)

// An Owner is told what became of its datagrams. It is compared with ==, so it must be
// of a comparable type, a pointer for one.
type Owner interface {
	// NotSent tells that so many datagrams were dropped, and why. It is called by the
	// goroutine that owns the Batch, in Room or Flush, or in Queue. It must not use
	// the Batch.
	NotSent(packets int, err error)
}

// A Batch gathers datagrams and sends them with as few system calls as possible.
// Neighbours of one destination and of equal size, but for the last that may be
// smaller, become one run, which costs the kernel little more than one datagram: so
// queue all that is for one destination before the next. Datagrams of one destination
// leave in the order queued.
//
// A Batch ignores the Socket's deadlines. Where the send buffer is full it waits for
// some milliseconds, then drops. It is owned by one goroutine; several Batches of a
// Socket send at the same time without waiting for each other. It allocates nothing
// after NewBatch.
type Batch struct {
	s       *Socket    // nil: there is only plain
	plain   plainWrite // sends one datagram; nil: the socket's batched paths
	count   *counters
	buf     []byte // datagrams back to back
	used    int    // bytes of buf that are queued
	pending int    // datagrams that are queued
	runs    []run  // they cover buf[:used] without gaps
	tally   sendTally
	wire    outbox
}

// A run is a sequence of datagrams of one owner, one destination and one source, size
// bytes each but for the last.
type run struct {
	to    netip.AddrPort
	from  netip.Addr // invalid: the kernel chooses
	owner Owner
	start int // where it begins in the buffer
	bytes int
	size  int
	count int
	full  bool // takes no more: the last one was smaller

	lost int   // datagrams that were dropped
	err  error // why the last of them was
}

// NewBatch returns an empty Batch, with memory of its own of about 300 KiB. The first
// one finds out what the kernel can do.
func (s *Socket) NewBatch() *Batch {
	b := newBatch(&s.count)
	b.s = s
	b.open()
	return b
}

// A PacketWriter sends single datagrams, from an address of ours as Socket.WriteToFrom.
type PacketWriter interface {
	WriteToFrom(b []byte, to netip.AddrPort, from netip.Addr) (int, error)
}

// NewPlainBatch returns a Batch for a connection that is no Socket, a virtual network's
// for one. Flush writes each datagram by itself, and nobody counts them.
func NewPlainBatch(w PacketWriter) *Batch {
	b := newBatch(new(counters))
	b.plain = w.WriteToFrom
	return b
}

// plainWrite is WriteToFrom of some connection.
type plainWrite func(b []byte, to netip.AddrPort, from netip.Addr) (int, error)

func newBatch(count *counters) *Batch {
	return &Batch{count: count, buf: make([]byte, batchBytes), runs: make([]run, 0, messagesPerCall)}
}

// Room returns memory for one more datagram, MaxDatagram bytes, borrowed until the next
// call of any method. It flushes first if the Batch is full.
func (b *Batch) Room() []byte {
	if b.used+MaxDatagram > len(b.buf) || len(b.runs) == cap(b.runs) {
		b.Flush()
	}
	return b.buf[b.used : b.used+MaxDatagram : b.used+MaxDatagram]
}

// Queue takes the first n bytes of the last Room as a datagram to the given address,
// from an address of ours as for WriteToFrom. If it is not sent, o is told, unless that
// is nil. More than MaxDatagram bytes, or a Queue without its own Room, is a bug and
// panics.
func (b *Batch) Queue(n int, to netip.AddrPort, from netip.Addr, o Owner) {
	if n < 0 || n > MaxDatagram || b.used+n > len(b.buf) {
		panic("udp: a datagram that is not in the room")
	}
	if !b.join(n, to, from, o) && !b.begin(n, to, from, o) {
		return
	}
	b.used += n
	b.pending++
}

// join lets the last run have the datagram, if it fits.
func (b *Batch) join(n int, to netip.AddrPort, from netip.Addr, o Owner) bool {
	if len(b.runs) == 0 {
		return false
	}
	r := &b.runs[len(b.runs)-1]
	if r.full || n > r.size || n == 0 || r.count == maxSegments ||
		r.to != to || r.from != from || r.owner != o || r.bytes+n > maxRun(to.Addr()) {
		return false
	}
	r.full = n < r.size
	r.bytes += n
	r.count++
	return true
}

// begin makes a run of the datagram, if the socket can send it at all.
func (b *Batch) begin(n int, to netip.AddrPort, from netip.Addr, o Owner) bool {
	if len(b.runs) == cap(b.runs) {
		panic("udp: Queue without Room")
	}
	if b.s != nil && !b.s.reaches(to.Addr()) {
		b.s.refused(SendInvalid)
		if o != nil {
			o.NotSent(1, syscall.EAFNOSUPPORT)
		}
		return false
	}
	b.runs = append(b.runs, run{to: to, from: from, owner: o, start: b.used, bytes: n, size: n, count: 1})
	return true
}

// maxRun returns how many bytes a run to the address may have.
func maxRun(to netip.Addr) int {
	if to.Is4() || to.Is4In6() {
		return maxRun4
	}
	return maxRun6
}

// Pending returns how many datagrams are queued.
func (b *Batch) Pending() int { return b.pending }

// Flush sends what is queued, in order, and tells the owners of what could not be sent.
// Nothing is left queued. After Close of the Socket, all of it is dropped.
func (b *Batch) Flush() {
	if b.pending == 0 {
		return
	}
	if b.plain != nil {
		b.transmitSingly()
	} else {
		b.transmit()
	}
	b.count.addSends(&b.tally)
	if b.tally.lost > 0 {
		b.report()
	}
	b.tally = sendTally{}
	clear(b.runs) // owners may go
	b.runs, b.used, b.pending = b.runs[:0], 0, 0
}

// report tells the owners.
func (b *Batch) report() {
	for i := range b.runs {
		if r := &b.runs[i]; r.lost > 0 && r.owner != nil {
			r.owner.NotSent(r.lost, r.err)
		}
	}
}

// lose drops datagrams of a run.
func (b *Batch) lose(r *run, packets int, err error) {
	r.lost += packets
	r.err = err
	b.tally.lost += uint64(packets) //nolint:gosec // not negative
}

// datagram returns where the i-th datagram of a run is in the buffer.
func (r *run) datagram(i int) (start, end int) {
	start = r.start + i*r.size
	return start, min(start+r.size, r.start+r.bytes)
}

// reaches tells whether the socket has the address's family.
func (s *Socket) reaches(to netip.Addr) bool {
	return to.Is4() || to.Is4In6() || to.IsValid() && s.v6
}

// refused counts a datagram that was not sent.
func (s *Socket) refused(kind SendError) {
	s.count.writeErrors.Add(1)
	s.count.sendErrors[kind].Add(1)
}

// transmitSingly sends what is queued, each datagram by itself.
func (b *Batch) transmitSingly() {
	for i := range b.runs {
		r := &b.runs[i]
		for d := range r.count {
			start, end := r.datagram(d)
			b.tally.calls++
			n, err := b.plain(b.buf[start:end], r.to, r.from)
			if err == nil {
				b.tally.messages++
				b.tally.packets++
				b.tally.bytes += uint64(n) //nolint:gosec // not negative
				continue
			}
			b.tally.refuse(kindOf(err))
			b.lose(r, 1, err)
		}
	}
}

var _ net.PacketConn = (*Socket)(nil)
