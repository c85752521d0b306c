package udp

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// controlSize is room for the control messages of one packet: both kinds of them.
const controlSize = 128

// tellDestinations makes the kernel say of each packet which of our addresses it was
// sent to, and reports whether it will. A socket of one address need not be told.
func tellDestinations(c *net.UDPConn, local netip.Addr) bool {
	if !local.IsUnspecified() {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	_ = raw.Control(func(fd uintptr) {
		if local.Is4() {
			ok = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1) == nil
		} else {
			ok = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1) == nil
		}
	})
	return ok
}

// destination finds the address of ours a packet was sent to; invalid if the control
// messages do not say, or say one that no packet may come from.
func destination(control []byte) netip.Addr {
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		switch {
		case err != nil:
			return netip.Addr{}
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return unicast(netip.AddrFrom4([4]byte(data[8:]))) // ipi_addr
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return unicast(netip.AddrFrom16([16]byte(data)).Unmap()) // ipi6_addr
		}
		control = rest
	}
	return netip.Addr{}
}

func unicast(a netip.Addr) netip.Addr {
	if a.IsGlobalUnicast() || a.IsLoopback() {
		return a
	}
	return netip.Addr{} // the kernel chooses for broadcast, multicast and link-local
}

// appendSource writes the control message that makes a packet leave from the address.
// An IPv6 socket takes IPv4 addresses as IPv4-mapped ones.
func appendSource(b []byte, from netip.Addr, v6socket bool) []byte {
	if v6socket {
		a := from.As16()
		b = appendHeader(b, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		b = append(b, a[:]...)
		return append(b, 0, 0, 0, 0) // any interface
	}
	a := from.As4()
	b = appendHeader(b, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	b = append(b, 0, 0, 0, 0) // any interface
	b = append(b, a[:]...)    // ipi_spec_dst
	return append(b, 0, 0, 0, 0)
}

// appendHeader writes a control message's header for that many bytes of data.
func appendHeader(b []byte, level, typ uint32, size int) []byte {
	if unix.SizeofCmsghdr == 16 { // the length is of the machine's word size
		b = binary.NativeEndian.AppendUint64(b, uint64(unix.CmsgLen(size))) //nolint:gosec // small
	} else {
		b = binary.NativeEndian.AppendUint32(b, uint32(unix.CmsgLen(size))) //nolint:gosec // small
	}
	b = binary.NativeEndian.AppendUint32(b, level)
	return binary.NativeEndian.AppendUint32(b, typ)
}
