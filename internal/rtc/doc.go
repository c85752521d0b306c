// Package rtc is a node's end of ICE, DTLS and SRTP: everything between the media
// sockets and plain RTP. A Transport owns the sockets; a Peer is one session's
// connection on them. What packets mean is not its concern: RTP and RTCP of any
// SSRC and payload type go through as they are, and SDP is not known here.
//
// It stands on pion's ICE agent, DTLS and SRTP, without pion's PeerConnection: that
// would add an SDP layer, buffers and goroutines per session which a server of
// many does not need. One peer costs eight goroutines, one more per further
// address family.
//
// # The way of a packet
//
// A socket's reader (read.go) gives each datagram to the mux (mux.go). STUN goes to
// the ICE agent of its session, DTLS to its handshake, through queues. Media is
// decrypted by the reader itself, which calls the Handler (media.go). Outgoing media
// is sealed by a Writer in its Batch, which leaves along the route of the selected pair
// when it is flushed (writer.go).
//
// # States
//
//	Connecting → Connected ⇄ Disconnected → Failed → Closed
//
// Connected means that ICE and DTLS are done. Failed follows if ICE or DTLS do not
// get that far, or nothing comes in for the two timeouts together (RFC 7675: consent
// is lost). Every state may be followed by Closed: by Close, by the peer's
// close_notify, after Failed.
//
// Implemented: RFC 8445 (ICE, full agent, controlled unless the peer is lite), RFC
// 6544 (ICE-TCP, passive), RFC 4571, RFC 7983, RFC 5761, RFC 5764, RFC 8122, RFC
// 8839 (candidates, credentials), RFC 3711 and RFC 7714 through pion.
package rtc
