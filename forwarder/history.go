package forwarder

import (
	"sync/atomic"
	"time"
)

// A History is an append-only ring of an encoding's last packets in order of
// arrival, with a second index by extended sequence number. One writer appends;
// any number of readers load packets at positions, without locks. A position is a
// Packet's Index; the next packet to come has the index [History.Head].
//
// The ring keeps the packets since the index given to Keep (the current group of
// pictures), and at least the last two seconds; it holds at most 12 s, 32,768
// packets and 32 MiB, and less while the node's [Budget] is used up. What an
// encoding that pauses showed last stays.
type History struct {
	head atomic.Uint64 // index of the next packet
	tail atomic.Uint64 // index of the oldest kept
	ring atomic.Pointer[ring]

	// owned by the writer
	keep   uint64
	gone   uint64 // see Gone
	closed bool
	bytes  int64
	budget *Budget
}

// ring is replaced by a larger copy when it is full; its length is a power of 2.
type ring struct {
	byIndex []atomic.Pointer[Packet]
	bySeq   []atomic.Pointer[Packet]
}

func newRing(n int) *ring {
	return &ring{make([]atomic.Pointer[Packet], n), make([]atomic.Pointer[Packet], 2*n)}
}

func (r *ring) index(i uint64) *atomic.Pointer[Packet] { return &r.byIndex[i&uint64(len(r.byIndex)-1)] }
func (r *ring) seq(s uint64) *atomic.Pointer[Packet]   { return &r.bySeq[s&uint64(len(r.bySeq)-1)] }

// place enters p, unless its slot has a packet of a higher number, and returns the
// number that now cannot be found though its packet is kept; 0: none.
func (r *ring) place(p *Packet) uint64 {
	slot := r.seq(p.Seq)
	old := slot.Load()
	if old != nil && old.Seq > p.Seq {
		return p.Seq
	}
	slot.Store(p)
	if old != nil {
		return old.Seq
	}
	return 0
}

const firstRing = 128

// A Budget is the memory all histories of a node may use together, in bytes. A
// nil Budget is endless. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes; 0 or less means endless.
func NewBudget(limit int64) *Budget {
	if limit <= 0 {
		return nil
	}
	return &Budget{limit: limit}
}

// Used returns how many bytes the packets of all histories hold, their payloads and
// header extensions included.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

func (b *Budget) add(n int64) {
	if b != nil {
		b.used.Add(n)
	}
}

func (b *Budget) scarce() bool { return b != nil && b.used.Load() > b.limit }

// NewHistory returns an empty history that counts against budget, which may be nil.
func NewHistory(budget *Budget) *History {
	h := &History{budget: budget}
	h.ring.Store(newRing(firstRing))
	return h
}

// Head returns the index the next packet will have.
func (h *History) Head() uint64 { return h.head.Load() }

// Tail returns the index of the oldest packet kept; Head if there is none.
func (h *History) Tail() uint64 { return h.tail.Load() }

// At returns the packet at index i, or nil if it has not come yet (i ≥ Head) or
// is no longer kept.
func (h *History) At(i uint64) *Packet {
	if p := h.ring.Load().index(i).Load(); p != nil && p.Index == i {
		return p
	}
	return nil
}

// BySeq returns the packet with extended sequence number seq, or nil.
func (h *History) BySeq(seq uint64) *Packet {
	if p := h.ring.Load().seq(seq).Load(); p != nil && p.Seq == seq {
		return p
	}
	return nil
}

// Gone tells whether a packet with extended sequence number seq may have been in
// the history, though [History.BySeq] does not find it: it must not be appended
// then, since a number stands for one packet. Only the writer may call it.
func (h *History) Gone(seq uint64) bool { return seq <= h.gone }

// Append adds p, which must not change any more, sets its Index and drops what
// is over the bounds. Only the writer may call it.
func (h *History) Append(p *Packet) {
	r := h.ring.Load()
	head, tail := h.head.Load(), h.tail.Load()
	if head-tail == uint64(len(r.byIndex)) {
		r = h.grow(r, tail, head)
	}
	p.Index = head
	r.index(head).Store(p)
	h.gone = max(h.gone, r.place(p))
	h.head.Store(head + 1)
	h.count(p.size())
	h.evict(p.At, h.spare)
}

// Trim drops what nobody needs any more though nothing comes: what is older than the
// group of pictures and has been kept for resends, and all but the newest packet of
// an encoding that pauses while the node's budget is used up. Only the writer may
// call it.
func (h *History) Trim(now time.Time) {
	if !h.closed {
		h.evict(now, h.stale)
	}
}

func (h *History) count(bytes int64) {
	h.bytes += bytes
	h.budget.add(bytes)
}

// Keep asks to keep packets from index i on, within the bounds.
func (h *History) Keep(i uint64) { h.keep = i }

// Close gives the memory back to the budget. Readers may still read; nothing may
// be appended any more.
func (h *History) Close() {
	h.closed = true
	h.count(-h.bytes)
}

func (h *History) grow(old *ring, tail, head uint64) *ring {
	r := newRing(2 * len(old.byIndex))
	for i := tail; i < head; i++ {
		p := old.index(i).Load()
		r.index(i).Store(p)
		r.place(p)
	}
	h.ring.Store(r)
	return r
}

// evict drops the oldest packets while they may go. The newest stays.
func (h *History) evict(now time.Time, may func(*Packet, time.Time) bool) {
	r := h.ring.Load()
	for h.tail.Load()+1 < h.head.Load() {
		i := h.tail.Load()
		p := r.index(i).Load()
		if !may(p, now) {
			return
		}
		h.tail.Store(i + 1)
		r.index(i).Store(nil)
		r.seq(p.Seq).CompareAndSwap(p, nil)
		h.gone = max(h.gone, p.Seq)
		h.count(-p.size())
	}
}

// spare tells whether p, the oldest packet, must or may go.
func (h *History) spare(p *Packet, now time.Time) bool {
	if h.bytes > historyBytes || h.head.Load()-p.Index > historyPackets {
		return true
	}
	return now.Sub(p.At) > historyAge || h.stale(p, now)
}

// stale tells the same for an encoding that pauses: what it showed last stays for
// who joins now, however old.
func (h *History) stale(p *Packet, now time.Time) bool {
	age := now.Sub(p.At)
	return age > historyScarce && h.budget.scarce() || p.Index < h.keep && age > historyKeep
}
