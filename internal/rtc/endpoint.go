package rtc

import (
	"errors"
	"net"
	"net/netip"
)

// A packetIO is a socket that spares an allocation per packet and knows of packets
// which of our addresses they were sent to, and shall come from. An invalid address is
// any: the socket has one alone, or the system decides.
type packetIO interface {
	ReadFromTo(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error)
	WriteToFrom(b []byte, to netip.AddrPort, from netip.Addr) (int, error)
	SourceFor(to netip.AddrPort, from netip.Addr) netip.Addr
}

// An endpoint is one media socket in one address family.
type endpoint struct {
	packetIO
	listed *net.UDPAddr // what the agents are told; never unspecified
	socket int          // its number in Config.UDP
}

// A socket is one of Config.UDP with its endpoints.
type socket struct {
	packetIO
	conn   net.PacketConn
	v4, v6 int // indexes into mux.endpoints, -1 where it has none
}

// adapt returns the socket's own methods, or wraps those of net.PacketConn.
func adapt(c net.PacketConn) packetIO {
	if s, ok := c.(packetIO); ok {
		return s
	}
	return plainConn{c, oneAddress{}}
}

// oneAddress is a socket that does not tell its addresses apart.
type oneAddress struct{}

func (oneAddress) SourceFor(netip.AddrPort, netip.Addr) netip.Addr { return netip.Addr{} }

type plainConn struct {
	net.PacketConn
	oneAddress
}

func (c plainConn) ReadFromTo(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	n, addr, err := c.ReadFrom(b)
	from, _ := addrPortOf(addr)
	return n, from, netip.Addr{}, err
}

func (c plainConn) WriteToFrom(b []byte, to netip.AddrPort, _ netip.Addr) (int, error) {
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
	for i, c := range conns {
		local, ok := addrPortOf(c.LocalAddr())
		if !ok {
			return nil, nil, errors.New("rtc: not a UDP socket: " + c.LocalAddr().String())
		}
		s := &socket{packetIO: adapt(c), conn: c, v4: -1, v6: -1}
		add := func(a netip.Addr) int {
			addr := net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, local.Port()))
			ends = append(ends, &endpoint{s.packetIO, addr, i})
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
