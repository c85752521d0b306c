// Package signaling is what WHIP (RFC 9725) and WHEP share: the HTTP side of a
// session from its offer to its end. It refuses to know which way media flows;
// that is told to it by an [Opener], one of whip and one of whep.
//
// A session is made by POST of an SDP offer, changed by PATCH with an SDP fragment
// (trickle ICE and ICE restart, RFC 8840), and ended by DELETE, by its peer, by its
// stream, or by the [Service]. Its states:
//
//	reserved → half-open → connected ⇄ disconnected → ended
//	       └────────┴──────────────────────────────────┘
//
// A session is reserved while its POST is answered: it has a public id and counts
// against the caps, but no URL finds it. It is half-open until ICE and DTLS are done,
// and reaped if that takes longer than [Limits.ConnectTimeout]. It ends at the latest
// when the grant it was made with does, or one that renewed it by PATCH. However it ends, it ends once: it leaves the
// table, gives up its name or subscription, and closes its peer, in that order, before
// the DELETE that asked for it is answered.
//
// What a protocol adds to its sessions is an [Extension]: resources below the session's
// URL, under the rules of all URLs here.
//
// A session's URL holds 128 random bits and is a capability. Everything else that
// names a session (logs, pages) uses its public id, which is another random name.
//
// Each log line about a session has the message "session" and the keys session (the
// public id), stream, kind (whip or whep) and event: created, connected, disconnected,
// reconnected, restarted, extended or ended. An end has a reason, see [Reason]. A line
// "revocation" says what was revoked (jti, sub, stream), until when, and how many sessions
// end for it.
//
// A line "authoriser" with the event unavailable or available says that the [Authoriser]
// could not decide any more, or can again.
//
// Errors are problem details (RFC 9457) with stable codes, written by
// [Service.HandleError], which must be the router's error handler so that its own
// 404 and 405 look the same. CORS is [Service.CORS], which must be used globally.
//
// All exported types are safe for concurrent use unless they say otherwise.
package signaling
