// Package outbound makes this node a client of other servers, of whatever vendor: [Pushes]
// publish its streams to their WHIP endpoints (RFC 9725), and [Pulls] play theirs from WHEP
// endpoints into streams of this node. Between nodes of one cluster streams travel by relay/link
// instead, which carries more.
//
// A push is a subscriber of its stream like any other: a [stream.Sink] in front of a peer, so
// what it is sent is rewritten, repaired, paced and adapted as for players. A pull is a publisher
// like any other, a [stream.Source] behind a claim of the name. Neither knows that of the other.
//
// # A session with a far end
//
//	socket, peer → offer → POST ─ 307, 308 ─→ POST → 201: answer → ICE, DTLS → media
//	                        └ 409, 429, 5xx, no answer: again, later
//	                        └ other 4xx: again, much later              … → DELETE
//
// Each session has a media socket of its own: far ends are told apart by their address, and two
// sessions may go to the same one. All candidates are in the offer, nothing trickles. STUN and
// TURN servers that a far end names are not used: it must be reachable from here itself.
//
// What went wrong is a [Reason]. Tokens, paths and queries of URLs are secrets that no log line
// and no error holds.
//
// Pushes and Pulls are safe for concurrent use. Each stream that is pushed to a target has a
// goroutine, and each stream that may be pulled; Close ends their sessions and waits.
package outbound
