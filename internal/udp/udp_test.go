package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
)

func open(t *testing.T, addr string) (*Socket, uint16) {
	t.Helper()
	s, err := Listen(addr)
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
	s, port := open(t, "127.0.0.1:0")
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	b := make([]byte, 1200)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.WriteToAddrPort(b, to); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.ReadFromAddrPort(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}
