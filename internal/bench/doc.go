// Package bench measures what a WHIP and WHEP server costs: [Run] puts load on a
// server, which it may start itself, and returns a [Report].
//
// The work is spread over processes, so that the server's cost is seen alone:
//
//   - the caller's, which starts the others, reads the server's CPU time, memory and
//     context switches from /proc, and computes the report;
//   - the server's: a node, a plain pion SFU for comparison ([Baseline]), or somebody
//     else's that is only named by its URL;
//   - two load generators ([Generate]): one is all publishers, the other all subscribers.
//
// A generator must be cheaper than the server it loads. Hence its peers are no peer
// connections: each is a UDP socket, the little of ICE that a controlling agent with
// one candidate needs, a DTLS handshake, and SRTP. Of what a subscriber receives only
// the first bytes are decrypted, and every 256th packet is authenticated too. Arrival
// times are the kernel's; so sockets are emptied at leisure, many packets a call.
//
// Every packet carries the time it was handed to the kernel and a running number
// (see stamp). Sender and receiver are on one machine and share its clock: what is
// reported as latency is what the server and the way through it added. A measured
// window is a stretch of send times; what was sent in it is counted at both ends, and
// loss is the difference, after repair.
//
// The package imports pion's stack directly and nothing of ours: it is the far end
// of a server, and would share its mistakes.
package bench
