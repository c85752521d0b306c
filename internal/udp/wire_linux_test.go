package udp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A letter is a datagram to be sent.
type letter struct {
	bytes []byte
	to    int // which sink
	from  netip.Addr
}

// letters makes bursts of up to 80 datagrams, mostly of one size and a smaller last,
// more than a run and than a Batch hold.
func letters(seed uint64, sinks int, from []netip.Addr) []letter {
	rnd := rand.New(rand.NewPCG(seed, 0))
	var all []letter
	for len(all) < 600 {
		to, source, n, size := rnd.IntN(sinks), from[rnd.IntN(len(from))], 1+rnd.IntN(80), 4+rnd.IntN(MaxDatagram-3)
		for i := range n {
			l := size
			if i == n-1 || rnd.IntN(20) == 0 {
				l = 4 + rnd.IntN(MaxDatagram-3)
			}
			b := make([]byte, l)
			for j := range b {
				b[j] = byte(rnd.Uint32())
			}
			binary.BigEndian.PutUint32(b, uint32(len(all))) //nolint:gosec // small
			all = append(all, letter{b, to, source})
		}
	}
	return all
}

// A wire is a socket and where it sends to.
type wire struct {
	listen string
	sinks  []string
	from   []netip.Addr
	narrow bool // the path takes less than the largest datagram
}

func wires() []wire {
	v4, v6 := "127.0.0.1", "::1"
	any4 := []netip.Addr{{}, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.77")}
	any6 := []netip.Addr{{}, netip.MustParseAddr("::1")}
	return []wire{
		{listen: "127.0.0.1:0", sinks: []string{v4, v4, v4}, from: []netip.Addr{{}}},
		{listen: "[::1]:0", sinks: []string{v6, v6, v6}, from: any6},
		{listen: ":0", sinks: []string{v4, v4, v4, v4}, from: any4},
		{listen: ":0", sinks: []string{v6, v6}, from: any6},
		{listen: ":0", sinks: []string{v4, v6, v4, v6}, from: append(any4, any6...)},
	}
}

// TestWireIsTheSame: what arrives from each path, packet by packet, is what arrives
// from single writes: bytes, source address, source port.
func TestWireIsTheSame(t *testing.T) {
	for _, c := range wires() {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(c.listen, c.sinks, seed), func(t *testing.T) {
				c.compare(t, letters(seed, len(c.sinks), c.from))
			})
		}
	}
}

// TestNarrowPath: so it is where some datagrams are too large for the path, and with
// them their runs: the kernel cuts those into fragments, if they come alone.
func TestNarrowPath(t *testing.T) {
	for _, c := range wires() {
		c.narrow = true
		t.Run(fmt.Sprint(c.listen, c.sinks), func(t *testing.T) {
			ownNetwork(t, 1300)
			c.compare(t, letters(9, len(c.sinks), c.from))
		})
	}
}

// ownNetwork gives the test's goroutine a network of its own, with a loopback of that
// MTU. The goroutine's thread ends with it.
func ownNetwork(t *testing.T, mtu uint32) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("takes root:", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing to lose
	for request, set := range map[uint]func(*unix.Ifreq){
		unix.SIOCSIFMTU:   func(r *unix.Ifreq) { r.SetUint32(mtu) },
		unix.SIOCSIFFLAGS: func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP) },
	} {
		r, err := unix.NewIfreq("lo")
		if err != nil {
			t.Fatal(err)
		}
		set(r)
		if err := unix.IoctlIfreq(fd, request, r); err != nil {
			t.Skip(err)
		}
	}
}

func (c wire) compare(t *testing.T, all []letter) {
	s, _ := open(t, c.listen)
	b := s.NewBatch()
	if s.Stats().Sending != Offload {
		t.Logf("this kernel sends by %s only", s.Stats().Sending)
	}
	sinks := make([]*sink, len(c.sinks))
	for i, host := range c.sinks {
		sinks[i] = newSink(t, host)
	}
	want := deliver(t, sinks, all, func(l letter, to netip.AddrPort) {
		if _, err := s.WriteToFrom(l.bytes, to, l.from); err != nil {
			t.Fatal(err)
		}
	})
	best := Path(s.sending.Load()) //nolint:gosec // small
	for path := Single; path <= best; path++ {
		s.sending.Store(uint32(path))
		before := s.Stats()
		got := deliver(t, sinks, all, func(l letter, to netip.AddrPort) {
			copy(b.Room(), l.bytes)
			b.Queue(len(l.bytes), to, l.from, nil)
			if l.bytes[3] == 255 {
				b.Flush() // in the midst of things
			}
		}, b.Flush)
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("%s: destination %d got other datagrams than by single writes", path, i)
			}
		}
		c.counted(t, path, before, s.Stats(), len(all))
	}
}

// counted checks the counters of so many datagrams on a path.
func (c wire) counted(t *testing.T, path Path, before, after Stats, n int) {
	t.Helper()
	if n := after.PacketsWritten - before.PacketsWritten - uint64(n); n != 0 { //nolint:gosec // not negative
		t.Errorf("%s: %d too many written", path, int64(n)) //nolint:gosec // may be negative
	}
	tooLarge := after.SendErrors[SendTooLarge] + after.SendErrors[SendInvalid] // the latter of older kernels
	after.SendErrors[SendTooLarge], after.SendErrors[SendInvalid] = 0, 0
	joined := after.OffloadPackets > before.OffloadPackets
	if joined != (path == Offload) || after.WriteErrors != 0 || after.SendErrors != [sendErrors]uint64{} {
		t.Errorf("%s: %+v", path, after)
	}
	if (tooLarge > 0) != (c.narrow && path == Offload) {
		t.Errorf("%s: %d refused as too large", path, tooLarge)
	}
}

// deliver sends all letters and returns what each sink got, by number.
func deliver(t *testing.T, sinks []*sink, all []letter, send func(letter, netip.AddrPort), finish ...func()) [][]arrival {
	t.Helper()
	const chunk = 300 // no sink's buffer overflows
	got := make([][]arrival, len(sinks))
	for c := range slices.Chunk(all, chunk) {
		counts := make([]int, len(sinks))
		for _, l := range c {
			send(l, sinks[l.to].addr)
			counts[l.to]++
		}
		for _, f := range finish {
			f()
		}
		for i, s := range sinks {
			got[i] = append(got[i], s.take(t, counts[i])...)
		}
	}
	return got
}

// TestReaderSeesTheSame: a Reader hands out the same datagrams whatever way they came
// and were read: joined by the kernel or not.
func TestReaderSeesTheSame(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		for path := Single; path <= Offload; path++ {
			t.Run(fmt.Sprint(listen, path), func(t *testing.T) { readAll(t, listen, path) })
		}
	}
}

func readAll(t *testing.T, listen string, path Path) {
	in, port := scripted(t, listen, kernelOf(path))
	r := in.NewReader()
	if got := in.Stats().Receiving; got != path {
		t.Skipf("received by %s only", got)
	}
	hosts := map[string][]string{"127.0.0.1:0": {"127.0.0.1"}, "[::1]:0": {"::1"}, ":0": {"127.0.0.1", "127.0.0.2", "::1"}}[listen]
	out, outPort := open(t, ":0")
	b := out.NewBatch()
	all := letters(7, len(hosts), []netip.Addr{{}})
	if err := in.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for c := range slices.Chunk(all, 100) {
		for _, l := range c {
			copy(b.Room(), l.bytes)
			b.Queue(len(l.bytes), netip.AddrPortFrom(netip.MustParseAddr(hosts[l.to]), port), netip.Addr{}, nil)
		}
		b.Flush()
		for n := 0; n < len(c); {
			messages, err := r.Read()
			if err != nil {
				t.Fatalf("%d of %d: %v", n, len(c), err)
			}
			for _, m := range messages {
				l := all[binary.BigEndian.Uint32(m.Bytes)]
				host := netip.MustParseAddr(hosts[l.to])
				if string(m.Bytes) != string(l.bytes) || m.From.Port() != outPort || m.From.Addr().Is4() != host.Is4() ||
					m.To != host && (m.To.IsValid() || in.tells) {
					t.Fatalf("%d bytes from %s to %s, want %d to %s", len(m.Bytes), m.From, m.To, len(l.bytes), host)
				}
				l.bytes[4%len(l.bytes)] ^= 1 // a second one would differ
			}
			n += len(messages)
		}
	}
	st := in.Stats()
	if st.PacketsRead != uint64(len(all)) || (st.CoalescedPackets > 0) != (path == Offload && out.Stats().Sending == Offload) || st.Truncated != 0 {
		t.Errorf("%+v", st)
	}
	if path == Single && st.Reads != st.PacketsRead || path != Single && st.Reads >= st.PacketsRead {
		t.Errorf("%d reads of %d packets", st.Reads, st.PacketsRead)
	}
}

// TestLinkLocal: a link-local peer is named with its interface, as net does, and can be
// answered.
func TestLinkLocal(t *testing.T) {
	ip, name := linkLocal(t)
	s, port := open(t, "[::]:0")
	r, b := s.NewReader(), s.NewBatch()
	self := netip.AddrPortFrom(ip.WithZone(name), port)
	for range 2 {
		put(b, 1, 100, self, netip.Addr{}, nil)
		b.Flush()
		m, err := r.Read()
		if err != nil || len(m) != 1 || m[0].From != self {
			t.Fatalf("%v: %v", m, err)
		}
	}
	var z zone
	if n := z.index("nosuch0"); n != 0 {
		t.Errorf("an interface that is none is number %d", n)
	}
	if n := z.index("1234567"); n != 1234567 || z.named(1234568) != "1234568" {
		t.Errorf("a number is %d", n)
	}
}

func linkLocal(t *testing.T) (netip.Addr, string) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range all {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() && i.Flags&net.FlagUp != 0 {
				return p.Addr(), i.Name
			}
		}
	}
	t.Skip("no link-local address here")
	return netip.Addr{}, ""
}
