package client

import (
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/pion/transport/v4"
)

// A mutableNet is a network that can be silenced for good: what is sent is
// dropped and what comes in is not seen, as if the machine had lost its power.
// Only UDP is silenced.
type mutableNet struct {
	transport.Net
	silent atomic.Bool
}

func (n *mutableNet) ListenPacket(network, address string) (net.PacketConn, error) {
	conn, err := n.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return &mutablePacketConn{conn, &n.silent}, nil
}

func (n *mutableNet) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, addr)
	if err != nil {
		return nil, err
	}
	mute := &mutableConn{conn, &n.silent}
	if real, ok := conn.(addrPortConn); ok {
		return &mutableAddrPortConn{mute, real}, nil
	}
	return mute, nil
}

func (n *mutableNet) DialUDP(network string, laddr, raddr *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.DialUDP(network, laddr, raddr)
	if err != nil {
		return nil, err
	}
	return &mutableConn{conn, &n.silent}, nil
}

type mutablePacketConn struct {
	net.PacketConn
	silent *atomic.Bool
}

func (c *mutablePacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, addr)
}

type mutableConn struct {
	transport.UDPConn
	silent *atomic.Bool
}

func (c *mutableConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.UDPConn.WriteTo(b, addr)
}

func (c *mutableConn) Write(b []byte) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.UDPConn.Write(b)
}

// ReadFrom drops what comes in after silence fell: an answer to it would not
// leave anyway, but a DTLS alert would be taken for an orderly end.
func (c *mutableConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.UDPConn.ReadFrom(b)
		if err != nil || !c.silent.Load() {
			return n, addr, err
		}
	}
}

// addrPortConn is what *net.UDPConn offers for reading and writing without
// allocation.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// A mutableAddrPortConn keeps ICE on its path without allocation.
type mutableAddrPortConn struct {
	*mutableConn
	real addrPortConn
}

func (c *mutableAddrPortConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, addr, err := c.real.ReadFromUDPAddrPort(b)
		if err != nil || !c.silent.Load() {
			return n, addr, err
		}
	}
}

func (c *mutableAddrPortConn) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.real.WriteToUDPAddrPort(b, addr)
}
