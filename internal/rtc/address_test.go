package rtc

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/internal/udp"
)

// A session that wanders keeps its latest addresses and the one its media takes.
func TestOldestAddressYields(t *testing.T) {
	m, g := testMux(t)
	good := request(t, "ours", "ourpassword")
	at := func(i int) string { return fmt.Sprintf("198.51.100.7:%d", 1000+i) }
	m.give(good, at(0))
	_, ok := m.route(g.session, m.endpoints[0].listed.AddrPort(), netip.MustParseAddrPort(at(0)))
	if !ok {
		t.Fatal("no route")
	}
	for i := range maxAddressesEver + 10 {
		m.give(good, at(i))
	}
	bound := func(i int) bool { return m.bindings[netip.MustParseAddrPort(at(i))] != nil }
	last := maxAddressesEver - 1
	if !bound(0) || bound(1) || !bound(last) || !bound(last-maxSessionAddresses+2) || bound(last-maxSessionAddresses) || bound(last+1) {
		t.Errorf("wrong ones of %d are left", len(g.addrs))
	}
	if _, n := m.sizes(); n != maxSessionAddresses || m.drops[DropTooManyAddresses].Load() != 10 {
		t.Errorf("%d addresses, %d refused", n, m.drops[DropTooManyAddresses].Load())
	}
}

// A multi-homed node answers from where it was asked, and sends checks and media from
// the address that was nominated.
func TestSourceFollowsThePeer(t *testing.T) {
	m, g := testMux(t)
	wire := &tape{}
	m.endpoints[0].packetIO = wire
	conn := g.conns[0]
	const peer = "198.51.100.7:1234"
	to, a, b := netip.MustParseAddrPort(peer), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	ask := func(ours netip.Addr, pwd string, more ...stun.Setter) {
		t.Helper()
		s := append([]stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername("ours:theirs")}, more...)
		r, err := stun.Build(append(s, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...)
		must(t, err)
		p := m.pool.get()
		p.from, p.to, p.endpoint, p.n = to, ours, 0, copy(p.buf[:], r.Raw)
		if !m.dispatch(p) {
			m.pool.put(p)
			return
		}
		_, _, err = conn.ReadFromAddrPort(make([]byte, 1500))
		must(t, err)
		answer, err := stun.Build(stun.BindingSuccess, stun.TransactionID)
		must(t, err)
		_, err = conn.WriteToAddrPort(answer.Raw, to)
		must(t, err)
	}
	want := func(when string, answered, sent netip.Addr) {
		t.Helper()
		r, _ := m.route(g.session, m.endpoints[0].listed.AddrPort(), to)
		must(t, r.send(mediaPacket, false))
		_, err := conn.WriteToAddrPort(request(t, "theirs", "x"), to)
		must(t, err)
		if !slices.Equal(wire.from, []netip.Addr{answered, sent, sent}) {
			t.Errorf("%s: answer, media and check came from %v", when, wire.from)
		}
		wire.from = nil
	}
	ask(a, "ourpassword")
	want("asked", a, a)
	ask(b, "ourpassword")
	want("another asked", b, a)
	ask(b, "ourpassword", nominate)
	want("nominated", b, b)
	ask(a, "forged", nominate)
	if len(wire.from) != 0 {
		t.Errorf("a forged nomination was answered from %v", wire.from)
	}
	ask(b, "ourpassword")
	want("forged", b, b)
}

// Media goes on coming from the old address until the nomination of another is answered:
// a browser drops what comes from one that has not answered it yet.
func TestSourceStaysUntilAnswered(t *testing.T) {
	m, g := testMux(t)
	wire := &tape{}
	m.endpoints[0].packetIO = wire
	conn := g.conns[0]
	to, old, other := netip.MustParseAddrPort("198.51.100.7:1234"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	give := func(ours netip.Addr) {
		t.Helper()
		p := m.pool.get()
		p.from, p.to, p.endpoint, p.n = to, ours, 0, copy(p.buf[:], nomination(t))
		if !m.dispatch(p) {
			t.Fatal("dropped a nomination")
		}
		_, _, err := conn.ReadFromAddrPort(make([]byte, 1500))
		must(t, err)
	}
	write := func(typ stun.MessageType) {
		t.Helper()
		answer, err := stun.Build(typ, stun.TransactionID)
		must(t, err)
		_, err = conn.WriteToAddrPort(answer.Raw, to)
		must(t, err)
	}
	want := func(when string, source netip.Addr) {
		t.Helper()
		r, _ := m.route(g.session, m.endpoints[0].listed.AddrPort(), to)
		must(t, r.send(mediaPacket, false))
		if got := wire.from[len(wire.from)-1]; got != source {
			t.Errorf("%s: media comes from %s, want %s", when, got, source)
		}
	}
	give(old)
	write(stun.BindingSuccess)
	want("at first", old)
	give(other)
	want("nominated", old)
	write(stun.BindingError)
	want("refused", old)
	give(other)
	write(stun.BindingSuccess)
	want("answered", other)
}

// nomination makes a check of the test mux's session that nominates.
func nomination(t *testing.T) []byte {
	t.Helper()
	r, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("ours:theirs"), nominate,
		stun.NewShortTermIntegrity("ourpassword"), stun.Fingerprint)
	must(t, err)
	return r.Raw
}

// Real sockets: the client talks to an address that the kernel would not answer from.
func TestMultiHomed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only 127.0.0.1 here")
	}
	sock, err := udp.Listen(":0")
	must(t, err)
	tr, err := New(Config{UDP: []net.PacketConn{sock}, Announce: addrPorts("127.0.0.2:0")})
	must(t, err)
	defer tr.Close()
	c, r := newClient(t, clientOptions{}), newRecorder()
	defer c.pc.Close()
	p := c.connect(t, tr, r, func(cfg *PeerConfig) { cfg.Candidates = nil })
	pair, err := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	must(t, err)
	if pair.Remote.Address != "127.0.0.2" {
		t.Errorf("connected to %s", pair.Remote.Address)
	}
	if n := c.stream(t, p, 100); n < 100 {
		t.Errorf("%d packets arrived", n)
	}
}

// A session whose ICE-TCP connection ended and is not replaced ends soon after.
func TestTCPConnectionEnds(t *testing.T) {
	var conns []net.Conn
	tr, _ := realTransport(t, "127.0.0.1", func(inner net.Listener) net.Listener {
		return &noting{inner, func(c net.Conn) { conns = append(conns, c) }}
	})
	c, r := newClient(t, clientOptions{networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}}), newRecorder()
	defer c.pc.Close()
	p := c.connect(t, tr, r, nil)
	if n := c.stream(t, p, 10); n < 10 {
		t.Errorf("%d packets arrived", n)
	}
	start := time.Now()
	for _, conn := range conns {
		must(t, conn.Close())
	}
	r.waitState(t, Disconnected)
	if d := time.Since(start); d > time.Second {
		t.Errorf("disconnected after %s", d)
	}
	r.waitState(t, Closed)
	if d := time.Since(start); d < reconnectGrace || d > reconnectGrace+2*time.Second ||
		!slices.Equal(r.statesHeard(), []State{Connected, Disconnected, Failed, Closed}) {
		t.Errorf("closed after %s: states %v", d, r.statesHeard())
	}
}

// A noting listener tells of each connection it accepted.
type noting struct {
	net.Listener
	note func(net.Conn)
}

func (l *noting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.note(c)
	}
	return c, err
}

// The same, but the peer comes back over another connection in time.
func TestTCPReconnect(t *testing.T) {
	var conns []net.Conn
	tr, addr := realTransport(t, "127.0.0.1", func(inner net.Listener) net.Listener {
		return &noting{inner, func(c net.Conn) { conns = append(conns, c) }}
	})
	c, r := newClient(t, clientOptions{networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}}), newRecorder()
	defer c.pc.Close()
	p := c.connect(t, tr, r, nil)
	for _, conn := range conns {
		must(t, conn.Close())
	}
	r.waitState(t, Disconnected)

	again, err := net.Dial("tcp", addr)
	must(t, err)
	defer again.Close()
	f := &framed{again}
	raw := &rawICE{t: t, sock: f, local: c.values("a=ice-ufrag:")[0], pwd: c.values("a=ice-pwd:")[0], end: p.Local(), done: make(chan struct{})}
	go raw.serve()
	for range 20 {
		raw.check(nominate, lowPriority, controlling)
		time.Sleep(50 * time.Millisecond)
	}
	r.wait(t, "reconnection", func() bool { return len(r.states) == 3 && r.states[2] == Connected })
	if p.RemoteAddr().String() != again.LocalAddr().String() || p.Stats().Protocol != "tcp" {
		t.Errorf("media goes to %s", p.RemoteAddr())
	}
	must(t, again.Close())
	<-raw.done
}
