package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
)

func open(t *testing.T, addr string) (*Socket, uint16) {
	t.Helper()
	s, err := Listen(addr)
	if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Skip(err) // no IPv6 here
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, s.LocalAddr().(*net.UDPAddr).AddrPort().Port() //nolint:forcetypeassert // documented
}

// Both families talk to a socket that was given no host, each under its own address.
func TestBothFamilies(t *testing.T) {
	for _, addr := range []string{":0", "[::]:0", "0.0.0.0:0", "127.0.0.1:0", "[::1]:0"} {
		s, err := Listen(addr)
		if err != nil {
			t.Log(err) // no IPv6 here
			continue
		}
		port := s.LocalAddr().(*net.UDPAddr).AddrPort().Port() //nolint:forcetypeassert // documented
		for _, to := range []string{"127.0.0.1", "::1"} {
			only6, only4 := addr == "[::1]:0", addr == "0.0.0.0:0" || addr == "127.0.0.1:0"
			if a := netip.MustParseAddr(to); a.Is4() && only6 || a.Is6() && (only4 || !s.Dual() && !only6) {
				continue
			}
			echo(t, s, netip.AddrPortFrom(netip.MustParseAddr(to), port))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, _, err := s.ReadFromAddrPort(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
	}
}

// echo sends a datagram to the socket and has it come back.
func echo(t *testing.T, s *Socket, to netip.AddrPort) {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := s.Stats()
	want := []byte("hello")
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, from, err := s.ReadFromAddrPort(b)
	if err != nil || from.Addr() != to.Addr() || !bytes.Equal(b[:n], want) {
		t.Fatalf("read %q from %s: %v", b[:n], from, err)
	}
	if _, err := s.WriteToAddrPort(b[:n], from); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteTo(b[:n], net.UDPAddrFromAddrPort(from)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err = c.Read(b); err != nil || !bytes.Equal(b[:n], want) {
			t.Fatalf("back came %q: %v", b[:n], err)
		}
	}
	after := s.Stats()
	if after.PacketsRead != before.PacketsRead+1 || after.BytesRead != before.BytesRead+5 ||
		after.PacketsWritten != before.PacketsWritten+2 || after.BytesWritten != before.BytesWritten+10 {
		t.Errorf("stats %+v then %+v", before, after)
	}
}

// On a machine with several addresses an answer leaves from the one that was asked.
// Loopback has as many as wanted: the kernel would choose 127.0.0.1.
func TestAnswersFromTheAddressAsked(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only 127.0.0.1 here")
	}
	for _, listen := range []string{":0", "0.0.0.0:0"} {
		s, port := open(t, listen)
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, host := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.1"} {
			asked := netip.AddrPortFrom(netip.MustParseAddr(host), port)
			if _, err := c.WriteTo([]byte("who"), net.UDPAddrFromAddrPort(asked)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 10)
			n, from, to, err := s.ReadFromTo(b)
			if err != nil || to != asked.Addr() {
				t.Fatalf("%s: sent to %s, said to be to %s: %v", listen, asked, to, err)
			}
			if _, err := s.WriteToFrom(b[:n], from, to); err != nil {
				t.Fatal(err)
			}
			if _, back, err := c.ReadFrom(b); err != nil || back.String() != asked.String() {
				t.Errorf("%s: asked %s, answered by %s: %v", listen, asked, back, err)
			}
		}
	}
}

// A source is named only where the kernel would choose another.
func TestSourceFor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no sources to name here")
	}
	own, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	to := netip.AddrPortFrom(own, 9)
	s, _ := open(t, ":0")
	if a := s.SourceFor(to, own); a.IsValid() {
		t.Errorf("the kernel's own choice is named: %s", a)
	}
	if a := s.SourceFor(to, other); a != other {
		t.Errorf("%s, want %s", a, other)
	}
	single, _ := open(t, "127.0.0.1:0")
	if a := single.SourceFor(to, other); a.IsValid() {
		t.Errorf("a socket of one address names %s", a)
	}
}

// An address that is not ours fails; one of the other family is the kernel's choice.
func TestForeignSource(t *testing.T) {
	s, port := open(t, ":0")
	self := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	if _, err := s.WriteToFrom([]byte("x"), self, netip.MustParseAddr("2001:db8::1")); err != nil {
		t.Errorf("other family: %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	if _, err := s.WriteToFrom([]byte("x"), self, netip.MustParseAddr("192.0.2.77")); err == nil || s.Stats().WriteErrors != 1 {
		t.Errorf("foreign address: %v, %+v", err, s.Stats())
	}
}

func TestBuffers(t *testing.T) {
	s, _ := open(t, "127.0.0.1:0")
	read, write, wanted := s.Buffers()
	if read <= 0 || write <= 0 || read > wanted || write > wanted {
		t.Errorf("granted %d and %d of %d", read, write, wanted)
	}
}

func TestBadAddress(t *testing.T) {
	for _, addr := range []string{"", "x", "127.0.0.1:99999", "192.0.2.77:0"} {
		if s, err := Listen(addr); err == nil {
			_ = s.Close()
			t.Errorf("%q accepted", addr)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", ":0"} {
		s, port := open(t, listen)
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		b := make([]byte, 1200)
		local := netip.Addr{}
		if n := testing.AllocsPerRun(100, func() {
			if _, err := s.WriteToFrom(b, to, local); err != nil {
				t.Fatal(err)
			}
			var err error
			if _, _, local, err = s.ReadFromTo(b); err != nil {
				t.Fatal(err)
			}
		}); n >= 1 { // the race detector makes pools forget
			t.Errorf("%s: %v allocations per packet", listen, n)
		}
	}
}

// Nothing is allocated to send a batch and to read it, on any path of the system.
func TestBatchesDoNotAllocate(t *testing.T) {
	for _, c := range []struct{ listen, to, from string }{
		{"127.0.0.1:0", "127.0.0.1", ""},
		{"[::1]:0", "::1", "::1"},
		{":0", "127.0.0.1", "127.0.0.2"},
		{":0", "::1", "::1"},
	} {
		t.Run(c.listen+c.to, func(t *testing.T) {
			s, port := open(t, c.listen)
			to, from := netip.AddrPortFrom(netip.MustParseAddr(c.to), port), netip.Addr{}
			if c.from != "" {
				from = netip.MustParseAddr(c.from)
			}
			everyPath(t, s, func(b *Batch, r *Reader) { sendAndRead(t, b, r, to, from) })
		})
	}
}

// everyPath has a function allocate nothing, from the socket's best path down.
func everyPath(t *testing.T, s *Socket, f func(*Batch, *Reader)) {
	t.Helper()
	b, r := s.NewBatch(), s.NewReader()
	for path := Path(s.sending.Load()); ; path-- { //nolint:gosec // small
		s.sending.Store(uint32(path))
		if n := testing.AllocsPerRun(50, func() { f(b, r) }); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
		if path == Single {
			return
		}
	}
}

// sendAndRead has twenty datagrams pass.
func sendAndRead(t *testing.T, b *Batch, r *Reader, to netip.AddrPort, from netip.Addr) {
	for i := range 20 {
		b.Room()
		b.Queue(1000-i/10, to, from, nil)
	}
	b.Flush()
	for n := 0; n < 20; {
		m, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		n += len(m)
	}
}
