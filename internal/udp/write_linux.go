package udp

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A single is one datagram that leaves by itself. It is what the kernel is told of it, in
// memory of its own that the header points to for good.
type single struct {
	s       *Socket
	send    func(fd uintptr) // single.sendTo, made once
	header  unix.Msghdr
	vector  unix.Iovec
	name    unix.RawSockaddrInet6 // or RawSockaddrInet4 in the same place
	control [sendControl]byte
	zone    zone
	errno   syscall.Errno
}

func (s *Socket) newSingle() *single {
	o := &single{s: s}
	o.send = o.sendTo
	o.header.Name = (*byte)(unsafe.Pointer(&o.name))
	o.header.Namelen = s.nameSize()
	o.header.Iov = &o.vector
	o.header.SetIovlen(1)
	o.header.Control = &o.control[0]
	return o
}

// post sends one datagram. The call does not block and Go's scheduler is not told of it:
// that would wake its monitor, hundreds of times a second.
func (s *Socket) post(b []byte, to netip.AddrPort, from netip.Addr) (int, error) {
	if !s.reaches(to.Addr()) {
		return 0, s.failure(to, syscall.EAFNOSUPPORT)
	}
	o, _ := s.singles.Get().(*single)
	if o == nil {
		o = s.newSingle()
	}
	defer s.singles.Put(o)
	o.vector.Base, o.errno = unsafe.SliceData(b), 0
	o.vector.SetLen(len(b))
	writeAddress(&o.name, to, s.v6, &o.zone)
	control := o.control[:0]
	if s.names(to, from) {
		control = padded(appendSource(control, from, s.v6))
	}
	o.header.SetControllen(len(control))
	err := s.raw.Control(o.send)
	o.vector.Base = nil // the memory is the caller's
	switch {
	case err != nil:
		return 0, err //nolint:wrapcheck // callers compare it with net.ErrClosed
	case o.errno != 0:
		return 0, s.failure(to, o.errno)
	}
	return len(b), nil
}

func (s *Socket) failure(to netip.AddrPort, errno syscall.Errno) error {
	return &net.OpError{
		Op: "write", Net: "udp", Source: s.LocalAddr(), Addr: net.UDPAddrFromAddrPort(to), Err: os.NewSyscallError("sendmsg", errno),
	}
}

// sendTo calls the kernel, and waits a bounded time for room in the send buffer.
func (o *single) sendTo(fd uintptr) {
	waited := false
	for range maxInterrupts {
		o.errno = o.s.kernel.sendmsg(fd, &o.header)
		switch {
		case o.errno == syscall.EINTR:
		case o.errno == syscall.EAGAIN && !waited:
			waited = true
			o.s.kernel.writable(fd, sendWait)
		default:
			return
		}
	}
}

// nameSize is the size of a destination as the socket's family has it.
func (s *Socket) nameSize() uint32 {
	if s.v6 {
		return unix.SizeofSockaddrInet6
	}
	return unix.SizeofSockaddrInet4
}
