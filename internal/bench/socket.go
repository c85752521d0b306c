package bench

import (
	"net/netip"
	"time"
)

// A receiver gets every datagram of a socket: borrowed until return, one call at a
// time. at is when the datagram arrived, of the machine's clock.
type receiver func(b []byte, from netip.AddrPort, at time.Time)

// A socket is one UDP socket. Its methods are safe for concurrent use.
type socket interface {
	addr() netip.AddrPort
	send(b []byte, to netip.AddrPort) error
	overflowed() uint32 // datagrams the full receive buffer lost, where the system tells
	close()             // returns when the receiver is not called any more; never called from it
}

// A network opens sockets and reads them all.
type network interface {
	open(local netip.Addr, receive receiver) (socket, error)
	hurry(n int) // n more, or fewer, wait for what comes: see gatherLong
	close()      // after all sockets
}

const (
	// maxDatagram is more than any packet that is expected.
	maxDatagram = 2048

	// receiveBuffer holds some seconds of one stream, where the system allows it: a
	// generator that is not scheduled for a while must not look like a server that
	// loses packets. Only what waits takes memory.
	receiveBuffer = 4 << 20

	// gather is the pause after each look at the sockets, so that many packets come
	// with one call. Arrival times do not suffer, they are the kernel's.
	gather = 2 * time.Millisecond

	// gatherLong is that pause, in steps of gather, while nobody waits for an answer:
	// fewer calls for the same packets.
	gatherLong = 10 * time.Millisecond

	// closeCheck is how soon an idle network sees that it is closed.
	closeCheck = 50 * time.Millisecond
)
