package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"unsafe"

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

// A receipt is what the control messages of a received message say.
type receipt struct {
	to      netip.Addr // which of our addresses it was sent to; invalid: unknown
	segment int        // size of the datagrams in it; 0: it is one
	stamp   int64      // when it came, in ns since 1970; 0: unknown
	drops   uint32     // how many the kernel has dropped until then, modulo 2^32; 0: none yet
}

// parse reads control messages. What is malformed or unknown says nothing.
func parse(control []byte) receipt {
	var c receipt
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return c
		}
		c.take(h.Level, h.Type, data)
		control = rest
	}
	return c
}

func (c *receipt) take(level, typ int32, data []byte) {
	switch {
	case level == unix.IPPROTO_IP && typ == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		c.to = unicast(netip.AddrFrom4([4]byte(data[8:]))) // ipi_addr
	case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		c.to = unicast(netip.AddrFrom16([16]byte(data)).Unmap()) // ipi6_addr
	case level == unix.SOL_UDP && typ == unix.UDP_GRO && len(data) >= 4:
		c.segment = int(int32(binary.NativeEndian.Uint32(data))) //nolint:gosec // an int of C
	case level == unix.SOL_SOCKET && typ == unix.SCM_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})):
		c.stamp = timespec(data)
	case level == unix.SOL_SOCKET && typ == unix.SO_RXQ_OVFL && len(data) >= 4:
		c.drops = binary.NativeEndian.Uint32(data)
	}
}

// timespec reads two words of the machine: seconds and nanoseconds.
func timespec(data []byte) int64 {
	if unsafe.Sizeof(unix.Timespec{}) == 16 {
		return int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:])) //nolint:gosec // as the kernel has it
	}
	return int64(int32(binary.NativeEndian.Uint32(data)))*1e9 + int64(int32(binary.NativeEndian.Uint32(data[4:]))) //nolint:gosec // as above
}

// destination finds the address of ours a packet was sent to; invalid if the control
// messages do not say, or say one that no packet may come from.
func destination(control []byte) netip.Addr { return parse(control).to }

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

// appendSegment writes the control message that makes the kernel cut a message apart.
func appendSegment(b []byte, size int) []byte {
	b = appendHeader(b, unix.SOL_UDP, unix.UDP_SEGMENT, 2)
	return binary.NativeEndian.AppendUint16(b, uint16(size)) //nolint:gosec // at most MaxDatagram
}

// padded lets another control message follow.
func padded(b []byte) []byte {
	const word = unix.SizeofPtr
	for len(b)%word != 0 {
		b = append(b, 0)
	}
	return b
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
