package udp

import (
	"encoding/binary"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// joinedBuffers are a Reader's buffers, of maxDatagramRead each, where the kernel
	// joins datagrams: 768 KiB, of which only what holds data is ever touched.
	joinedBuffers = 12

	// plainBuffers are its buffers where the kernel does not, of plainBuffer bytes each:
	// more than any datagram that came over an Ethernet unfragmented.
	plainBuffers = 64
	plainBuffer  = 2 << 10

	// maxJoined bounds the datagrams of a joined run: 64 from a network, 128 from a
	// sender on this machine. The rest of a larger one is dropped.
	maxJoined = 128

	// readControl is room for the control messages of one message: our address, time,
	// segment size, drops.
	readControl = 192
)

// An inbox is where the kernel writes what it received.
type inbox struct {
	take     func(fd uintptr) bool // Reader.take, made once
	buf      []byte                // size bytes for each message
	size     int
	messages []unix.Mmsghdr
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6 // or RawSockaddrInet4 in the same place
	controls [][readControl]byte
	used     int           // messages that the last call filled
	errno    syscall.Errno // why it filled none
	drops    uint32        // what the kernel last said
	zone     zone
}

// open makes the inbox and chooses the path.
func (r *Reader) open() {
	w := &r.wire
	w.take = r.take
	_ = r.s.raw.Control(r.choose)
	count := plainBuffers
	w.size = plainBuffer
	if Path(r.s.receiving.Load()) == Offload { //nolint:gosec // small
		count, w.size = joinedBuffers, maxDatagramRead
	}
	w.buf = make([]byte, count*w.size)
	w.messages = make([]unix.Mmsghdr, count)
	w.vectors = make([]unix.Iovec, count)
	w.names = make([]unix.RawSockaddrInet6, count)
	w.controls = make([][readControl]byte, count)
	for i := range w.messages {
		w.vectors[i].Base = &w.buf[i*w.size]
		w.vectors[i].SetLen(w.size)
		h := &w.messages[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&w.names[i]))
		h.Iov = &w.vectors[i]
		h.SetIovlen(1)
		h.Control = &w.controls[i][0]
	}
	w.used = count // all are to be made ready
	r.messages = make([]Message, 0, count*8)
}

// choose finds out what the kernel can do, and asks it to do it.
func (r *Reader) choose(fd uintptr) {
	k, s := r.s.kernel, r.s
	_ = k.setOption(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // else the time is that of reading
	_ = k.setOption(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	if _, errno := k.recvmmsg(fd, nil); errno != 0 && errno != syscall.EAGAIN {
		s.count.fallbacks[NoRecvmmsg].Add(1)
		return // Single
	}
	s.receiving.Store(uint32(Offload))
	if k.setOption(fd, unix.SOL_UDP, unix.UDP_GRO, 1) != nil {
		s.receiving.Store(uint32(Multiple))
		s.count.fallbacks[NoCoalescing].Add(1)
	}
}

// receive waits for messages and takes them apart.
func (r *Reader) receive() error {
	w := &r.wire
	r.ready()
	if err := r.s.raw.Read(w.take); err != nil {
		return err //nolint:wrapcheck // callers compare it with net.ErrClosed
	}
	if w.errno != 0 {
		return os.NewSyscallError("recvmmsg", w.errno)
	}
	r.tally.calls++
	now := time.Now()
	for i := range w.used {
		r.split(i, now)
	}
	return nil
}

// ready undoes what the kernel wrote into the messages it filled.
func (r *Reader) ready() {
	w := &r.wire
	for i := range w.used {
		h := &w.messages[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(readControl)
	}
}

// take asks the kernel for messages, and reports false if there are none yet. Errors
// that belong to something sent are nothing to a reader.
func (r *Reader) take(fd uintptr) bool {
	w := &r.wire
	for range maxInterrupts {
		w.used, w.errno = r.call(fd)
		switch w.errno {
		case syscall.EAGAIN:
			return false
		case syscall.ENOSYS:
			if r.s.receiving.Swap(uint32(Single)) == uint32(Single) {
				return true
			}
			r.s.count.fallbacks[NoRecvmmsg].Add(1)
		case syscall.EINTR, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
			syscall.EHOSTDOWN, syscall.EMSGSIZE, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.EACCES:
		default:
			return true
		}
	}
	return true
}

func (r *Reader) call(fd uintptr) (int, syscall.Errno) {
	w := &r.wire
	if Path(r.s.receiving.Load()) != Single { //nolint:gosec // small
		return r.s.kernel.recvmmsg(fd, w.messages)
	}
	n, errno := r.s.kernel.recvmsg(fd, &w.messages[0].Hdr)
	if errno != 0 {
		return 0, errno
	}
	w.messages[0].Len = uint32(n) //nolint:gosec // at most a buffer
	return 1, 0
}

// split appends the datagrams of the i-th message.
func (r *Reader) split(i int, now time.Time) {
	w := &r.wire
	m := &w.messages[i]
	c := parse(w.controls[i][:m.Hdr.Controllen])
	r.dropped(c.drops)
	if m.Hdr.Flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		r.tally.truncated++
		return
	}
	at := r.arrival(now, waited(now, c.stamp))
	from := r.peer(&w.names[i])
	b := w.buf[i*w.size:][:m.Len]
	if c.segment <= 0 || c.segment >= len(b) {
		r.add(b[:len(b):len(b)], from, c.to, at)
		return
	}
	for range maxJoined {
		size := min(c.segment, len(b))
		if size == 0 {
			return
		}
		r.add(b[:size:size], from, c.to, at)
		r.tally.coalesced++
		b = b[size:]
	}
	if len(b) > 0 {
		r.tally.truncated++
	}
}

// dropped counts what the kernel dropped since it last said so. It says nothing before
// the first, and its counter wraps.
func (r *Reader) dropped(total uint32) {
	if total != 0 {
		r.tally.drops += uint64(total - r.wire.drops)
		r.wire.drops = total
	}
}

// waited returns how long ago by the machine's clock the stamp is; 0 without one.
func waited(now time.Time, stamp int64) time.Duration {
	if stamp == 0 {
		return 0
	}
	return time.Duration(now.UnixNano() - stamp)
}

// peer reads a message's sender.
func (r *Reader) peer(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:]) // at the same place in both
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	}
	addr := netip.AddrFrom16(sa.Addr).Unmap()
	if sa.Scope_id != 0 && addr.Is6() {
		addr = addr.WithZone(r.wire.zone.named(sa.Scope_id))
	}
	return netip.AddrPortFrom(addr, port)
}
