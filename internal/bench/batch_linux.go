package bench

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams come with one call.
const batchSize = 32

// controlBytes hold the control messages that are asked for: the arrival time, and how
// many datagrams were lost before.
const controlBytes = 64

// A mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// A batch is the memory of recvmmsg. It must not be moved: it points into itself.
type batch struct {
	headers [batchSize]mmsghdr
	vectors [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrAny
	control [batchSize][controlBytes]byte
	data    [batchSize][maxDatagram]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range batchSize {
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(maxDatagram)
		h := &b.headers[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Control = &b.control[i][0]
	}
	return b
}

// read takes what is there without waiting and returns how many datagrams came. An
// error, such as that of an earlier send, is no datagram.
func (b *batch) read(fd int) int {
	for i := range batchSize {
		h := &b.headers[i].hdr
		h.Namelen = uint32(unsafe.Sizeof(b.names[i]))
		h.SetControllen(controlBytes)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])),
		batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// message returns a datagram, its source, and when it arrived. It notes how many the
// socket has lost, if any.
func (b *batch) message(i int, lost *atomic.Uint32) ([]byte, netip.AddrPort, time.Time) {
	h := &b.headers[i]
	at := arrival(b.control[i][:h.hdr.Controllen], lost)
	if at.IsZero() {
		at = time.Now()
	}
	return b.data[i][:h.n], source(&b.names[i]), at
}

// arrival returns the kernel's time stamp, the zero time if there is none.
func arrival(control []byte, lost *atomic.Uint32) (at time.Time) {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		size := int(h.Len)
		if size < unix.SizeofCmsghdr || size > len(control) {
			break
		}
		value := unsafe.Pointer(&control[unix.CmsgLen(0)])
		switch {
		case h.Level != unix.SOL_SOCKET:
		case h.Type == unix.SCM_TIMESTAMPNS:
			at = time.Unix((*unix.Timespec)(value).Unix())
		case h.Type == unix.SO_RXQ_OVFL:
			lost.Store(*(*uint32)(value))
		}
		control = control[min(unix.CmsgSpace(size-unix.CmsgLen(0)), len(control)):]
	}
	return at
}

func source(name *unix.RawSockaddrAny) netip.AddrPort {
	port := func(p *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:]) }
	switch name.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), port(&sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), port(&sa.Port))
	}
	return netip.AddrPort{}
}
