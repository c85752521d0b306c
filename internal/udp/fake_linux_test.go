package udp

import (
	"cmp"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A script is the kernel, but for the answers that it has been given.
type script struct {
	system
	sends  []answer // to the next sends, in order; then they succeed
	always *answer  // to all sends after those

	sendProbe, recvProbe syscall.Errno // to calls with no message
	refuse               []int         // options that fail, by name
	asked                []int         // options that were set or tried

	calls [][]int              // bytes of each message of each send
	waits []time.Duration      // asked of writable
	wait  func(time.Duration)  // nil: return at once
	recvs []syscall.Errno      // to the next receives, 0: the kernel's own
	alter func([]unix.Mmsghdr) // what was received, before it is handed on
	reads int
}

// An answer takes so many messages, all if negative, and refuses the next.
type answer struct {
	take  int
	errno syscall.Errno
}

func refusal(errno syscall.Errno) answer { return answer{0, errno} }

func (k *script) next() answer {
	if len(k.sends) > 0 {
		a := k.sends[0]
		k.sends = k.sends[1:]
		return a
	}
	if k.always != nil {
		return *k.always
	}
	return answer{take: -1}
}

func (k *script) sendmmsg(fd uintptr, m []unix.Mmsghdr) (int, syscall.Errno) {
	if len(m) == 0 {
		return 0, k.sendProbe
	}
	sizes := make([]int, len(m))
	for i := range m {
		sizes[i] = int(m[i].Hdr.Iov.Len) //nolint:gosec,unconvert // by architecture
	}
	k.calls = append(k.calls, sizes)
	a := k.next()
	switch {
	case a.take < 0:
		return k.system.sendmmsg(fd, m)
	case a.take > 0:
		return k.system.sendmmsg(fd, m[:a.take])
	}
	return 0, a.errno
}

func (k *script) sendmsg(fd uintptr, h *unix.Msghdr) syscall.Errno {
	k.calls = append(k.calls, []int{int(h.Iov.Len)}) //nolint:gosec,unconvert // by architecture
	if a := k.next(); a.errno != 0 {
		return a.errno
	}
	return k.system.sendmsg(fd, h)
}

func (k *script) writable(_ uintptr, within time.Duration) {
	k.waits = append(k.waits, within)
	if k.wait != nil {
		k.wait(within)
	}
}

func (k *script) received() syscall.Errno {
	k.reads++
	if len(k.recvs) == 0 {
		return 0
	}
	errno := k.recvs[0]
	k.recvs = k.recvs[1:]
	return errno
}

func (k *script) recvmmsg(fd uintptr, m []unix.Mmsghdr) (int, syscall.Errno) {
	if len(m) == 0 {
		return 0, k.recvProbe
	}
	if errno := k.received(); errno != 0 {
		return 0, errno
	}
	n, errno := k.system.recvmmsg(fd, m)
	if errno == 0 && k.alter != nil {
		k.alter(m[:n])
	}
	return n, errno
}

func (k *script) recvmsg(fd uintptr, h *unix.Msghdr) (int, syscall.Errno) {
	if errno := k.received(); errno != 0 {
		return 0, errno
	}
	return k.system.recvmsg(fd, h)
}

func (k *script) setOption(fd uintptr, level, name, value int) error {
	k.asked = append(k.asked, name)
	if slices.Contains(k.refuse, name) {
		return unix.ENOPROTOOPT
	}
	return k.system.setOption(fd, level, name, value)
}

func (k *script) hasOption(fd uintptr, level, name int) error {
	if slices.Contains(k.refuse, name) {
		return unix.ENOPROTOOPT
	}
	return k.system.hasOption(fd, level, name)
}

// scripted returns a socket with a kernel of its own.
func scripted(t *testing.T, addr string, k *script) (*Socket, uint16) {
	t.Helper()
	s, port := open(t, addr)
	s.kernel = k
	return s, port
}

// A sink is a far end that keeps what it gets.
type sink struct {
	conn *net.UDPConn
	addr netip.AddrPort
}

func newSink(t *testing.T, host string) *sink {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadBuffer(4 << 20)
	addr := c.LocalAddr().(*net.UDPAddr).AddrPort() //nolint:forcetypeassert // documented
	return &sink{c, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
}

// An arrival is a datagram that a sink got.
type arrival struct {
	from  netip.AddrPort
	bytes string
}

// number is what datagrams of tests begin with.
func (a arrival) number() uint32 { return binary.BigEndian.Uint32([]byte(a.bytes)) }

// take waits for so many datagrams and returns them by number.
func (s *sink) take(t *testing.T, n int) []arrival {
	t.Helper()
	all := make([]arrival, 0, n)
	buf := make([]byte, maxDatagramRead)
	_ = s.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for len(all) < n {
		size, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatalf("%d of %d datagrams: %v", len(all), n, err)
		}
		all = append(all, arrival{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), string(buf[:size])})
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.number(), b.number()) })
	return all
}

// numbers takes so many datagrams and the one sent now, and returns all others'.
func (s *sink) numbers(t *testing.T, n int) []uint32 {
	t.Helper()
	last, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if _, err := last.Write([]byte{255, 255, 255, 255}); err != nil {
		t.Fatal(err)
	}
	got := []uint32{}
	for _, a := range s.take(t, n+1) {
		got = append(got, a.number())
	}
	if got[n] != 1<<32-1 {
		t.Fatalf("more than %d datagrams: %d", n, got)
	}
	return got[:n]
}

// swallow is a kernel that takes everything and does nothing.
type swallow struct{ system }

func (swallow) sendmmsg(_ uintptr, m []unix.Mmsghdr) (int, syscall.Errno) { return len(m), 0 }
