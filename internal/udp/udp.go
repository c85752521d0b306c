// Package udp is the media socket: one UDP port for all sessions, IPv4 and IPv6.
//
// It is used in three ways. Media leaves through a Batch, which each sending goroutine
// has one of: many datagrams in a system call, and neighbours to one destination as one
// run that the kernel or the device cuts apart (UDP_SEGMENT). Everything comes in through
// the one Reader: many datagrams in a call, runs of one sender joined by the kernel
// (UDP_GRO). And the Socket is a net.PacketConn, with methods beside it that allocate
// nothing, for what must leave at once: STUN, DTLS. Batches, Reader and single writes
// may all be in use at the same time.
//
// That is so on Linux. Where the kernel, the network device or a sandbox refuses a path,
// the Socket takes the next dearer one by itself and says so in Stats. On other systems
// Batch and Reader are there and make a system call for each datagram.
//
// On a machine with several addresses the kernel would send a reply from the one its
// routing table likes, and a peer that talks to another address drops it: ICE wants
// answers from where it sent its checks to (RFC 8445 §7.2.5.2.1). ReadFromTo says
// which of our addresses a packet was sent to, WriteToFrom sends from it. That works
// on Linux; elsewhere name one address in the listen address on such a machine.
package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// wantedBuffer is asked of the kernel for each direction, in bytes: 200
// subscribers' keyframes of 100 KB fall due within a few milliseconds.
const wantedBuffer = 8 << 20

// A Socket is one UDP port of a node. IPv4 peers appear with IPv4 addresses, never
// as IPv4-mapped ones, and may be written to with either. Safe for concurrent use.
type Socket struct {
	conn        *net.UDPConn
	raw         syscall.RawConn
	dual        bool // an IPv6 socket that takes IPv4 too
	v6          bool // an IPv6 socket
	tells       bool // the kernel says where packets were sent to
	read, write int  // buffers granted
	controls    sync.Pool
	singles     sync.Pool // of *single
	kernel      kernel    // of the batched paths

	choosePath         sync.Once     // by the first Batch
	sending, receiving atomic.Uint32 // Path of every Batch, of the Reader
	count              counters
}

// Listen opens a port. An address without host, or "[::]", takes both families;
// where the machine has no IPv6 it takes IPv4 alone. Any other host is a literal
// address or a name, and takes its family.
func Listen(addr string) (*Socket, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on UDP %q: %w", addr, err)
	}
	if host != "" && host != "::" {
		return listen("udp", addr)
	}
	s, err := listen("udp", net.JoinHostPort("::", port))
	if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) {
		return listen("udp4", net.JoinHostPort("0.0.0.0", port))
	}
	return s, err
}

func listen(network, addr string) (*Socket, error) {
	c, err := (&net.ListenConfig{}).ListenPacket(context.Background(), network, addr)
	if err != nil {
		return nil, fmt.Errorf("listen on UDP: %w", err)
	}
	conn := c.(*net.UDPConn)                                   //nolint:forcetypeassert // what "udp" gives
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr() //nolint:forcetypeassert // as above
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("listen on UDP: %w", err)
	}
	s := &Socket{
		conn: conn, raw: raw, kernel: system{},
		dual: local.Is6() && local.IsUnspecified(), v6: local.Is6(), tells: tellDestinations(conn, local),
	}
	s.controls.New = func() any { return new([controlSize]byte) }
	s.enlarge()
	return s, nil
}

// enlarge asks for large buffers: past the system's limits where we may, else within
// them. What was granted is what counts.
func (s *Socket) enlarge() {
	read, write := s.force(wantedBuffer)
	if !read {
		_ = s.conn.SetReadBuffer(wantedBuffer)
	}
	if !write {
		_ = s.conn.SetWriteBuffer(wantedBuffer)
	}
	s.read, s.write = granted(s.conn)
}

// Buffers returns what the kernel granted for reading and writing, and what was
// asked for, in bytes; 0 granted means unknown. Less than wanted means that a
// limit of the system (net.core.rmem_max, net.core.wmem_max) is low, and that
// bursts will be lost.
func (s *Socket) Buffers() (read, write, wanted int) { return s.read, s.write, wantedBuffer }

// ReadFromAddrPort reads one datagram. A larger one than b is cut off.
func (s *Socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, _, err := s.ReadFromTo(b)
	return n, from, err
}

// ReadFromTo is ReadFromAddrPort and says which of our addresses the datagram was
// sent to. That is invalid where the socket has only one, the system does not tell,
// or it was no address of one machine's alone.
func (s *Socket) ReadFromTo(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error) {
	if n, from, to, err = s.receive(b); err == nil {
		s.count.packetsRead.Add(1)
		s.count.bytesRead.Add(uint64(n)) //nolint:gosec // not negative
	}
	return n, from, to, err
}

// receive is ReadFromTo without counting.
func (s *Socket) receive(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error) {
	if s.tells {
		control := s.controls.Get().(*[controlSize]byte) //nolint:forcetypeassert // the pool makes nothing else
		var size int
		n, size, _, from, err = s.conn.ReadMsgUDPAddrPort(b, control[:])
		to = destination(control[:size])
		s.controls.Put(control)
	} else {
		n, from, err = s.conn.ReadFromUDPAddrPort(b)
	}
	if err != nil {
		return n, netip.AddrPort{}, netip.Addr{}, err //nolint:wrapcheck // callers compare it with net.ErrClosed
	}
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), to, nil
}

// WriteToAddrPort sends one datagram.
func (s *Socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.WriteToFrom(b, to, netip.Addr{})
}

// WriteToFrom sends one datagram from the given address of ours, as ReadFromTo had
// it. Where that is invalid, or not of the family of to, the kernel chooses. It fails
// if the address is not ours any more. Where the send buffer is full it waits for some
// milliseconds, then fails; on Linux it ignores deadlines.
func (s *Socket) WriteToFrom(b []byte, to netip.AddrPort, from netip.Addr) (int, error) {
	n, err := s.post(b, to, from)
	if err != nil {
		s.refused(kindOf(err))
		return n, err //nolint:wrapcheck // it names operation and addresses
	}
	s.count.packetsWritten.Add(1)
	s.count.bytesWritten.Add(uint64(n)) //nolint:gosec // not negative
	return n, nil
}

// names tells whether a packet's source is to be named to the kernel.
func (s *Socket) names(to netip.AddrPort, from netip.Addr) bool {
	return s.tells && from.IsValid() && from.Is4() == to.Addr().Unmap().Is4()
}

// SourceFor returns what to give WriteToFrom for packets that shall come from the
// address of ours: invalid where the kernel would choose it anyway, as naming it costs
// a sixth of a write. It sends nothing.
func (s *Socket) SourceFor(to netip.AddrPort, from netip.Addr) netip.Addr {
	if !s.tells || !from.IsValid() {
		return netip.Addr{}
	}
	probe, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return from
	}
	defer probe.Close()
	if a, ok := probe.LocalAddr().(*net.UDPAddr); ok && a.AddrPort().Addr().Unmap().WithZone("") == from {
		return netip.Addr{}
	}
	return from
}

// ReadFrom is ReadFromAddrPort for net.PacketConn; it allocates the address.
func (s *Socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is WriteToAddrPort for net.PacketConn.
func (s *Socket) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError("not a UDP address: " + to.String())
	}
	return s.WriteToAddrPort(b, a.AddrPort())
}

// LocalAddr returns the address listened on, a *net.UDPAddr.
func (s *Socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// Dual tells whether the socket takes both families.
func (s *Socket) Dual() bool { return s.dual }

// SetDeadline is that of net.PacketConn.
func (s *Socket) SetDeadline(t time.Time) error { return s.conn.SetDeadline(t) }

// SetReadDeadline is that of net.PacketConn.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// SetWriteDeadline is that of net.PacketConn.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.conn.SetWriteDeadline(t) }

// Close closes the port; reads then fail with net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }
