package rtc

import (
	"net"
	"net/netip"

	"github.com/pion/transport/v4/vnet"
)

func udpAddr(ip string, port int) *net.UDPAddr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(port))) //nolint:gosec // a port
}

// clientFilter passes what keep allows of what the client sends.
func clientFilter(keep func(b []byte) bool) vnet.ChunkFilter {
	return func(c vnet.Chunk) bool {
		from, ok := c.SourceAddr().(*net.UDPAddr)
		return !ok || from.IP.String() != clientIP || keep(c.UserData())
	}
}

// fromPort passes what keep allows of what the client sends, by its port there.
func fromPort(keep func(port uint16) bool) vnet.ChunkFilter {
	return func(c vnet.Chunk) bool {
		from, ok := c.SourceAddr().(*net.UDPAddr)
		return !ok || from.IP.String() != clientIP || keep(from.AddrPort().Port())
	}
}
