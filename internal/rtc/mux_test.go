package rtc

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/pion/stun/v4"
)

func addrPorts(all ...string) []netip.AddrPort {
	out := make([]netip.AddrPort, 0, len(all))
	for _, a := range all {
		out = append(out, netip.MustParseAddrPort(a))
	}
	return out
}

// testMux makes a mux with one session and an agent's conn in each family.
func testMux(t testing.TB) (*mux, *muxGeneration) {
	t.Helper()
	m := newMux([]*endpoint{
		{packetIO: nowhere{}, listed: udpAddr("192.0.2.1", 8080)},
		{packetIO: nowhere{}, listed: udpAddr("2001:db8::1", 8080)},
	})
	g := m.add(m.newSession(), "ours", "ourpassword", func() {})
	for _, a := range m.GetListenAddresses() {
		_, err := m.GetConn("ours", a)
		must(t, err)
	}
	return m, g
}

type nowhere struct{}

func (nowhere) ReadFromTo([]byte) (int, netip.AddrPort, netip.Addr, error) {
	return 0, netip.AddrPort{}, netip.Addr{}, net.ErrClosed
}

func (nowhere) WriteToFrom(b []byte, _ netip.AddrPort, _ netip.Addr) (int, error) {
	return len(b), nil
}
func (nowhere) SourceFor(_ netip.AddrPort, from netip.Addr) netip.Addr { return from }

func request(t testing.TB, ufrag, pwd string) []byte {
	t.Helper()
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(ufrag+":theirs"),
		stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	must(t, err)
	return m.Raw
}

func (m *mux) give(b []byte, from string) {
	p := m.pool.get()
	p.from, p.n = netip.MustParseAddrPort(from), copy(p.buf[:], b)
	p.endpoint = m.endpointFor(p.from.Addr())
	if !m.dispatch(p) {
		m.pool.put(p)
	}
}

var (
	mediaPacket = append([]byte{0x80, 96}, make([]byte, 20)...)
	dtlsPacket  = append([]byte{22, 254, 253}, make([]byte, 20)...)
)

// countMedia counts the packets of media that a session gets.
func countMedia(m *mux, s *muxSession) *int {
	n := 0
	s.media = func(p *packet) {
		n++
		m.pool.put(p)
	}
	return &n
}

// Each kind of garbage is dropped and counted under its own reason.
func TestDrops(t *testing.T) {
	good := request(t, "ours", "ourpassword")
	cut := append([]byte(nil), good...)
	binary.BigEndian.PutUint16(cut[2:], 9999)
	for _, tc := range []struct {
		packet []byte
		want   DropReason
	}{
		{nil, DropUnknownClass},
		{[]byte{0x80}, DropUnknownClass},
		{[]byte{0xff, 0, 0, 0, 0}, DropUnknownClass},
		{append([]byte{0, 1, 0, 0}, make([]byte, 30)...), DropUnknownClass}, // no cookie
		{cut, DropMalformedSTUN},
		{good[:stunHeader], DropMalformedSTUN},
		{request(t, "nobody", "ourpassword"), DropUnknownUfrag},
		{request(t, "ours", "wrong"), DropBadIntegrity},
		{mediaPacket, DropUnknownAddress},
		{dtlsPacket, DropUnknownAddress},
		{bindingIndication(), DropUnknownAddress},
	} {
		m, _ := testMux(t)
		m.give(tc.packet, "198.51.100.7:1234")
		for _, r := range DropReasons() {
			want := uint64(0)
			if r == tc.want {
				want = 1
			}
			if got := m.drops[r].Load(); got != want {
				t.Errorf("%x: %s is %d, want %d", tc.packet, r, got, want)
			}
		}
		if _, n := m.sizes(); n != 0 {
			t.Errorf("%x bound an address", tc.packet)
		}
	}
}

// An address goes to the session whose password the last request from it knew.
func TestAddressMoves(t *testing.T) {
	m, g := testMux(t)
	other := m.add(m.newSession(), "other", "otherpassword", func() {})
	_, err := m.GetConn("other", m.GetListenAddresses()[0])
	must(t, err)
	const from = "198.51.100.7:1234"
	first, second := countMedia(m, g.session), countMedia(m, other.session)
	media := func() [2]int { return [2]int{*first + g.session.dtls.n, *second + other.session.dtls.n} }

	m.give(request(t, "ours", "ourpassword"), from)
	m.give(mediaPacket, from)
	if got := media(); got != [2]int{1, 0} {
		t.Fatalf("first: %v", got)
	}
	m.give(request(t, "other", "forged"), from)
	m.give(mediaPacket, from)
	if got := media(); got != [2]int{2, 0} {
		t.Fatalf("after a forged request: %v", got)
	}
	m.give(request(t, "other", "otherpassword"), from)
	m.give(mediaPacket, from)
	if got := media(); got != [2]int{2, 1} {
		t.Fatalf("after a request: %v", got)
	}
	m.RemoveConnByUfrag("ours") // the dead session goes later, and takes nothing along
	m.give(dtlsPacket, from)
	if got := media(); got != [2]int{2, 2} {
		t.Fatalf("after the first was removed: %v", got)
	}
	m.RemoveConnByUfrag("other")
	if gens, n := m.sizes(); gens != 0 || n != 0 {
		t.Errorf("left: %d generations, %d addresses", gens, n)
	}
}

// A check of ours binds a free address for its response, and takes none away.
func TestOwnChecksBindFreeAddresses(t *testing.T) {
	m, g := testMux(t)
	other := m.add(m.newSession(), "other", "otherpassword", func() {})
	conn, err := m.GetConn("other", m.GetListenAddresses()[0])
	must(t, err)
	m.give(request(t, "ours", "ourpassword"), "198.51.100.7:1234")
	for _, to := range addrPorts("198.51.100.7:1234", "198.51.100.8:1234") {
		_, err := conn.(*muxConn).WriteToAddrPort(request(t, "theirs", "theirpassword"), to) //nolint:forcetypeassert // ours
		must(t, err)
	}
	if m.bindings[addrPorts("198.51.100.7:1234")[0]].gen != g || m.bindings[addrPorts("198.51.100.8:1234")[0]].gen != other {
		t.Error("bound to the wrong session")
	}
}

// A flood of any kind costs bounded memory.
func TestFlood(t *testing.T) {
	m, g := testMux(t)
	good := request(t, "ours", "ourpassword")
	junk := [][]byte{good, mediaPacket, dtlsPacket, request(t, "nobody", "x"), bindingIndication(), {0xff}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20_000 {
		for _, b := range junk {
			m.give(b, fmt.Sprintf("198.51.%d.%d:%d", i>>8&255, i&255, 1024+i))
		}
	}
	if _, n := m.sizes(); n != maxSessionAddresses {
		t.Errorf("%d addresses", n)
	}
	if n := g.session.dtls.n; n > maxDTLSQueue {
		t.Errorf("%d media packets", n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > (maxDTLSQueue+maxSTUNQueue)*4096+1<<20 { //nolint:gosec // sizes
		t.Errorf("grew by %d bytes", grown)
	}
	if m.drops[DropTooManyAddresses].Load() == 0 || m.drops[DropUnknownUfrag].Load() == 0 || m.drops[DropQueueFull].Load() == 0 {
		t.Error("drops not counted")
	}
}

func TestDispatchDoesNotAllocate(t *testing.T) {
	m, g := testMux(t)
	m.give(request(t, "ours", "ourpassword"), "198.51.100.7:1234")
	from := netip.MustParseAddrPort("198.51.100.7:1234")
	for range maxDTLSQueue {
		m.give(dtlsPacket, "198.51.100.7:1234")
	}
	var media *packet
	g.session.media = func(p *packet) { media = p }
	for name, packet := range map[string][]byte{"media": mediaPacket, "DTLS": dtlsPacket} {
		n := testing.AllocsPerRun(1000, func() {
			p := media
			if p == nil {
				p, _ = g.session.dtls.pop()
			}
			p.from, p.n, media = from, copy(p.buf[:], packet), nil
			if !m.dispatch(p) {
				t.Fatal("dropped")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per packet", name, n)
		}
	}
}

// The mux takes anything from the network without a panic, and keeps its bounds.
func FuzzDispatch(f *testing.F) {
	f.Add(request(f, "ours", "ourpassword"), true)
	f.Add(mediaPacket, false)
	f.Add(dtlsPacket, true)
	f.Add(bindingIndication(), false)
	m, g := testMux(f)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		from := "198.51.100.7:1234"
		if v6 {
			from = "[2001:db8::7]:1234"
		}
		m.give(b, from)
		if _, n := m.sizes(); n > 2 || g.session.dtls.n > maxDTLSQueue {
			t.Fatalf("%d addresses, %d packets", n, g.session.dtls.n)
		}
	})
}

// Candidate lines are read without a panic, and those taken can be used.
func FuzzParseCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2113937151 192.0.2.1 51234 typ host generation 0 ufrag abcd", "abcd")
	f.Add("a=candidate:1 1 UDP 1 fe80::1%eth0 9 typ srflx raddr 0.0.0.0 rport 9", "")
	f.Fuzz(func(t *testing.T, line, ufrag string) {
		c, ok, err := parseCandidate(line, ufrag)
		if ok != (err == nil && c.addr.IsValid()) {
			t.Fatalf("%v %v %v", c, ok, err)
		}
		if ok {
			if _, err := c.candidate(); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	})
}
