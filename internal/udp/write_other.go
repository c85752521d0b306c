//go:build !linux

package udp

import "net/netip"

// post sends one datagram.
func (s *Socket) post(b []byte, to netip.AddrPort, _ netip.Addr) (int, error) {
	return s.conn.WriteToUDPAddrPort(b, to)
}
