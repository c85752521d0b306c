package rtc

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// A packetIO is a socket that spares an allocation per packet.
type packetIO interface {
	ReadFromAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// An endpoint is one media socket in one address family.
type endpoint struct {
	packetIO
	listed *net.UDPAddr // what the agents are told; never unspecified
}

// A socket is one of Config.UDP with its endpoints.
type socket struct {
	packetIO
	conn   net.PacketConn
	v4, v6 int // indexes into mux.endpoints, -1 where it has none
}

// adapt returns the socket's own methods, or wraps those of net.PacketConn.
func adapt(c net.PacketConn) packetIO {
	switch c := c.(type) {
	case *net.UDPConn:
		return udpConn{c}
	case packetIO:
		return c
	}
	return plainConn{c}
}

type udpConn struct{ *net.UDPConn }

func (c udpConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	return n, unmap(from), err
}

func (c udpConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}

type plainConn struct{ net.PacketConn }

func (c plainConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, addr, err := c.ReadFrom(b)
	from, _ := addrPortOf(addr)
	return n, from, err
}

func (c plainConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// addrPortOf returns the address of a UDP or TCP net.Addr, IPv4 unmapped.
func addrPortOf(a net.Addr) (netip.AddrPort, bool) {
	h, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := unmap(h.AddrPort())
	return ap, ap.IsValid()
}

// openSockets makes sockets and endpoints of Config.UDP. listed says which address
// stands for an unspecified one, per family; invalid where none is announced.
func openSockets(conns []net.PacketConn, listed4, listed6 netip.Addr) ([]*socket, []*endpoint, error) {
	var socks []*socket
	var ends []*endpoint
	for _, c := range conns {
		local, ok := addrPortOf(c.LocalAddr())
		if !ok {
			return nil, nil, errors.New("rtc: not a UDP socket: " + c.LocalAddr().String())
		}
		s := &socket{packetIO: adapt(c), conn: c, v4: -1, v6: -1}
		add := func(a netip.Addr) int {
			addr := net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, local.Port()))
			ends = append(ends, &endpoint{s.packetIO, addr})
			return len(ends) - 1
		}
		a := local.Addr()
		switch {
		case a.Is4() && !a.IsUnspecified():
			s.v4 = add(a)
		case !a.IsUnspecified():
			s.v6 = add(a)
		default:
			if listed4.IsValid() {
				s.v4 = add(listed4)
			}
			if listed6.IsValid() && a.Is6() {
				s.v6 = add(listed6)
			}
		}
		socks = append(socks, s)
	}
	return socks, ends, nil
}

// endpoint returns the index of the endpoint a packet belongs to, -1 for none.
func (s *socket) endpoint(from netip.AddrPort) int {
	if from.Addr().Is4() {
		return s.v4
	}
	return s.v6
}

// maxReadPause bounds the pause after errors of a socket that go on.
const maxReadPause = 100 * time.Millisecond

// read hands everything that arrives at the socket to the mux until it is closed.
func (m *mux) read(s *socket) {
	p := m.pool.get()
	pause := time.Duration(0)
	for {
		n, from, err := s.ReadFromAddrPort(p.buf[:])
		if errors.Is(err, net.ErrClosed) || m.closing.Load() {
			m.pool.put(p)
			return
		}
		if err != nil { // an error of one packet, or of a machine short of memory
			time.Sleep(pause)
			pause = min(2*pause+time.Millisecond, maxReadPause)
			continue
		}
		pause = 0
		p.n, p.from = n, from
		if m.take(p, s.endpoint(from)) {
			p = m.pool.get()
		}
	}
}

func (m *mux) take(p *packet, endpoint int) bool {
	p.endpoint = endpoint
	switch {
	case endpoint < 0:
		m.drops.count(DropUnknownAddress)
	case p.n == maxDatagram:
		m.drops.count(DropOversize)
	default:
		return m.dispatch(p)
	}
	return false
}
