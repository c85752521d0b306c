package rtc

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// A rawICE is a far end of ICE that sends what a test tells it to, from an address of
// its own, and answers checks unless it is mute.
type rawICE struct {
	t     *testing.T
	sock  net.PacketConn
	addr  netip.AddrPort
	local string // its ufrag
	pwd   string // its password
	end   Local  // the server's
	mute  atomic.Bool
	done  chan struct{}

	checks, successes, errors, other atomic.Int64 // received
}

// rawICE opens one with a client's credentials; end it with close.
func (w *world) rawICE(port int, ufrag, pwd string, end Local) *rawICE {
	w.t.Helper()
	sock, err := w.clientNet.ListenUDP("udp4", udpAddr(clientIP, port))
	must(w.t, err)
	r := &rawICE{
		t: w.t, sock: sock, addr: addrPorts(udpAddr(clientIP, port).String())[0],
		local: ufrag, pwd: pwd, end: end, done: make(chan struct{}),
	}
	go r.serve()
	return r
}

// check sends a Binding request with what is given beside the credentials.
func (r *rawICE) check(attributes ...stun.Setter) {
	r.t.Helper()
	all := append([]stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(r.end.Ufrag + ":" + r.local)}, attributes...)
	m, err := stun.Build(append(all, stun.NewShortTermIntegrity(r.end.Pwd), stun.Fingerprint)...)
	must(r.t, err)
	r.write(m.Raw)
}

func (r *rawICE) write(b []byte) {
	r.t.Helper()
	_, err := r.sock.WriteTo(b, udpAddr(serverIP, 8080))
	must(r.t, err)
}

func (r *rawICE) serve() {
	defer close(r.done)
	b := make([]byte, 1500)
	for {
		n, from, err := r.sock.ReadFrom(b)
		if err != nil {
			return
		}
		m := &stun.Message{Raw: append([]byte(nil), b[:n]...)}
		switch {
		case classify(m.Raw) != classSTUN || m.Decode() != nil:
			r.other.Add(1)
		case m.Type == stun.BindingSuccess:
			r.successes.Add(1)
		case m.Type != stun.BindingRequest:
			r.errors.Add(1)
		default:
			r.checks.Add(1)
			r.answer(m, from)
		}
	}
}

func (r *rawICE) answer(m *stun.Message, to net.Addr) {
	if r.mute.Load() {
		return
	}
	a, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.ParseIP(serverIP), Port: 8080},
		stun.NewShortTermIntegrity(r.pwd), stun.Fingerprint)
	if err == nil {
		_, _ = r.sock.WriteTo(a.Raw, to)
	}
}

func (r *rawICE) close() {
	must(r.t, r.sock.Close())
	<-r.done
}

// An attribute without content, or with a number.
type flag stun.AttrType

func (f flag) AddTo(m *stun.Message) error {
	m.Add(stun.AttrType(f), nil)
	return nil
}

type number struct {
	typ   stun.AttrType
	value []byte
}

func (n number) AddTo(m *stun.Message) error {
	m.Add(n.typ, n.value)
	return nil
}

var (
	nominate    = flag(stun.AttrUseCandidate)
	lowPriority = number{stun.AttrPriority, []byte{0, 0, 0, 1}}
	controlling = number{stun.AttrICEControlling, make([]byte, 8)}
)

// until waits for a condition, at most so long.
func until(limit time.Duration, ok func() bool) bool {
	for start := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > limit {
			return false
		}
	}
	return true
}

// framed makes datagrams of a TCP connection's frames (RFC 4571).
type framed struct{ net.Conn }

func (f framed) ReadFrom(b []byte) (int, net.Addr, error) {
	var p packet
	err := readFrame(f.Conn, &p)
	return copy(b, p.bytes()), f.RemoteAddr(), err
}

func (f framed) WriteTo(b []byte, _ net.Addr) (int, error) {
	return f.Write(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...))
}
