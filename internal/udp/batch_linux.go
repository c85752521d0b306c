package udp

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sendWait bounds how long one flush waits for room in the send buffer: what a
	// gigabit network drains of it in that time is more than a Batch. Waiting longer
	// would make live media late.
	sendWait = 5 * time.Millisecond

	// maxSendWaits bounds the waits themselves, for a kernel that says there is room and
	// then that there is none.
	maxSendWaits = 16

	// maxInterrupts bounds repetitions of an interrupted call.
	maxInterrupts = 100

	// sendControl is room for the control messages of one message: source and segment
	// size, each padded to the word.
	sendControl = 64
)

// An outbox is what the kernel is told of a batch. All of it is memory of its own that
// the messages point to for good; fill writes what differs.
type outbox struct {
	send     func(fd uintptr) // Batch.sendAll, made once
	messages []unix.Mmsghdr
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6 // or RawSockaddrInet4 in the same place
	controls [][sendControl]byte
	parts    []part
	zone     zone

	// The state of one flush.
	next     position
	alone    int // the run whose datagrams are messages of their own, -1: none
	retried  bool
	waits    int
	deadline time.Time // of waiting, zero before the first wait
	breaks   int       // interrupted calls
}

// A position is the first datagram that is neither sent nor dropped.
type position struct{ run, datagram int }

// A part is what one message holds: so many datagrams of the run at next.
type part struct{ run, datagrams int }

// open makes the outbox and chooses the path.
func (b *Batch) open() {
	w := &b.wire
	w.send = b.sendAll
	w.messages = make([]unix.Mmsghdr, messagesPerCall)
	w.vectors = make([]unix.Iovec, messagesPerCall)
	w.names = make([]unix.RawSockaddrInet6, messagesPerCall)
	w.controls = make([][sendControl]byte, messagesPerCall)
	w.parts = make([]part, messagesPerCall)
	for i := range w.messages {
		h := &w.messages[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&w.names[i]))
		h.Iov = &w.vectors[i]
		h.SetIovlen(1)
		h.Control = &w.controls[i][0]
		h.Namelen = b.s.nameSize()
	}
	b.s.choosePath.Do(b.s.chooseSending)
}

// chooseSending finds out what the kernel can do.
func (s *Socket) chooseSending() {
	_ = s.raw.Control(func(fd uintptr) {
		if _, errno := s.kernel.sendmmsg(fd, nil); errno != 0 {
			s.count.fallbacks[NoSendmmsg].Add(1)
			return // Single
		}
		s.sending.Store(uint32(Offload))
		if s.kernel.hasOption(fd, unix.SOL_UDP, unix.UDP_SEGMENT) != nil {
			s.fallBack(Multiple, NoSegmentation)
		}
	})
}

// fallBack makes all Batches of the socket use a dearer path from now on.
func (s *Socket) fallBack(to Path, why Fallback) {
	for from := s.sending.Load(); from > uint32(to); from = s.sending.Load() {
		if s.sending.CompareAndSwap(from, uint32(to)) {
			s.count.fallbacks[why].Add(1)
			return
		}
	}
}

// transmit sends what is queued. The descriptor is held, so that Close waits, but not
// locked: other Batches may send at the same time.
func (b *Batch) transmit() {
	w := &b.wire
	w.next, w.alone, w.retried = position{}, -1, false
	w.waits, w.deadline, w.breaks = 0, time.Time{}, 0
	if err := b.s.raw.Control(w.send); err != nil {
		b.tally.refuse(kindOf(err))
		b.loseRest(err)
	}
}

// sendAll calls the kernel until all is sent or dropped. Each turn gets on by a message
// at least, or uses up a bounded number of tries.
func (b *Batch) sendAll(fd uintptr) {
	for b.wire.next.run < len(b.runs) {
		path := Path(b.s.sending.Load()) //nolint:gosec // small
		n := b.fill(path)
		sent, errno := b.call(fd, path, n)
		b.tally.calls++
		b.sent(sent)
		if errno != 0 {
			b.failed(fd, path, errno)
		}
	}
}

// call sends the first n messages and returns how many the kernel took. Some taken is
// no error: the next call tells why the rest was not.
func (b *Batch) call(fd uintptr, path Path, n int) (int, syscall.Errno) {
	if path != Single {
		sent, errno := b.s.kernel.sendmmsg(fd, b.wire.messages[:n])
		if sent == 0 && errno == 0 {
			errno = syscall.EPROTO // never seen; it must not spin
		}
		return sent, errno
	}
	if errno := b.s.kernel.sendmsg(fd, &b.wire.messages[0].Hdr); errno != 0 {
		return 0, errno
	}
	return 1, 0
}

// fill describes to the kernel what comes next, and returns in how many messages.
func (b *Batch) fill(path Path) int {
	w := &b.wire
	limit := messagesPerCall
	if path == Single {
		limit = 1
	}
	n, first := 0, w.next.datagram
	for i := w.next.run; i < len(b.runs) && n < limit; i++ {
		r := &b.runs[i]
		step := 1
		if path == Offload && i != w.alone {
			step = r.count
		}
		for ; first < r.count && n < limit; first += step {
			p := part{i, min(step, r.count-first)}
			b.describe(n, first, p)
			w.parts[n] = p
			n++
		}
		first = 0
	}
	return n
}

// describe makes the n-th message that of the part that begins with a run's datagram.
func (b *Batch) describe(n, first int, p part) {
	w, r := &b.wire, &b.runs[p.run]
	start, _ := r.datagram(first)
	_, end := r.datagram(first + p.datagrams - 1)
	w.vectors[n].Base = &b.buf[start]
	w.vectors[n].SetLen(end - start)
	writeAddress(&w.names[n], r.to, b.s.v6, &w.zone)
	control := w.controls[n][:0]
	if b.s.names(r.to, r.from) {
		control = padded(appendSource(control, r.from, b.s.v6))
	}
	if p.datagrams > 1 {
		control = padded(appendSegment(control, r.size))
	}
	w.messages[n].Hdr.SetControllen(len(control))
}

// writeAddress writes a destination as a socket's family has it.
func writeAddress(sa *unix.RawSockaddrInet6, to netip.AddrPort, v6socket bool, z *zone) {
	port := (*[2]byte)(unsafe.Pointer(&sa.Port)) // at the same place in both
	binary.BigEndian.PutUint16(port[:], to.Port())
	if !v6socket {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		sa4.Family, sa4.Addr = unix.AF_INET, to.Addr().Unmap().As4()
		return
	}
	sa.Family, sa.Addr, sa.Scope_id = unix.AF_INET6, to.Addr().As16(), 0
	if to.Addr().Zone() != "" {
		sa.Scope_id = z.index(to.Addr().Zone())
	}
}

// sent counts the first n parts as taken by the kernel.
func (b *Batch) sent(n int) {
	w, t := &b.wire, &b.tally
	for _, p := range w.parts[:n] {
		r := &b.runs[p.run]
		start, _ := r.datagram(w.next.datagram)
		_, end := r.datagram(w.next.datagram + p.datagrams - 1)
		t.messages++
		t.packets += uint64(p.datagrams) //nolint:gosec // not negative
		t.bytes += uint64(end - start)   //nolint:gosec // not negative
		if p.datagrams > 1 {
			t.offloadRuns++
			t.offloadPackets += uint64(p.datagrams) //nolint:gosec // not negative
		}
		b.advance(p.datagrams)
	}
}

// advance goes on by datagrams of the run at next.
func (b *Batch) advance(datagrams int) {
	w := &b.wire
	w.retried = false
	w.next.datagram += datagrams
	if w.next.datagram >= b.runs[w.next.run].count {
		w.next = position{run: w.next.run + 1}
	}
}

// failed decides what becomes of the message at next, which the kernel refused.
func (b *Batch) failed(fd uintptr, path Path, errno syscall.Errno) {
	w := &b.wire
	if errno == syscall.EINTR && w.breaks < maxInterrupts {
		w.breaks++
		return
	}
	if errno == syscall.ENOSYS && path != Single {
		b.s.fallBack(Single, NoSendmmsg)
		return
	}
	b.tally.refuse(kindOfErrno(errno))
	joined := w.parts[0].datagrams > 1
	switch {
	case errno == syscall.EAGAIN:
		if !b.wait(fd) {
			b.loseRest(errno)
		}
	case errno == syscall.ENOBUFS || errno == syscall.ENOMEM:
		b.drop(b.runs[w.next.run].count-w.next.datagram, errno)
	case errno == syscall.EIO && joined:
		b.s.fallBack(Multiple, SegmentationRefused)
	case errno == syscall.EMSGSIZE || errno == syscall.EINVAL:
		if joined {
			w.alone = w.next.run
		} else {
			b.drop(1, errno)
		}
	case !w.retried: // an error of an earlier datagram may show up here
		w.retried = true
	default:
		b.drop(w.parts[0].datagrams, errno)
	}
}

// drop gives up datagrams of the run at next.
func (b *Batch) drop(datagrams int, err error) {
	b.lose(&b.runs[b.wire.next.run], datagrams, err)
	b.advance(datagrams)
}

// loseRest drops all that is left.
func (b *Batch) loseRest(err error) {
	for b.wire.next.run < len(b.runs) {
		b.drop(b.runs[b.wire.next.run].count-b.wire.next.datagram, err)
	}
}

// wait waits for room in the send buffer, and reports false when this flush has waited
// long enough.
func (b *Batch) wait(fd uintptr) bool {
	w := &b.wire
	now := time.Now()
	if w.waits == 0 {
		w.deadline = now.Add(sendWait)
	}
	left := w.deadline.Sub(now)
	if left <= 0 || w.waits == maxSendWaits {
		return false
	}
	w.waits++
	b.s.kernel.writable(fd, left)
	return true
}
