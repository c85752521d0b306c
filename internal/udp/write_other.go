//go:build !linux

package udp

import "net/netip"

// post sends one datagram.
func (s *Socket) post(b []byte, to netip.AddrPort, from netip.Addr) (int, error) {
	return s.send(b, to, from)
}
