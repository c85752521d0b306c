// Package whep is the WHEP endpoint (draft-ietf-wish-whep-04): subscribers POST an
// offer to /whep/{stream} and receive media. It decides whether a subscriber can be
// served and binds its peer to the stream; HTTP, sessions and ICE are
// internal/signaling.
//
// An answer keeps every codec both sides know, the live source's first, so that a
// later publisher with another codec can be spliced in. The server never makes a
// counter-offer (406).
//
// Two extensions stand below each session's URL, announced by Links of the 201:
//
//   - …/events makes event streams (HTML Living Standard §9.2): what becomes of the
//     stream and of the session, for players that show it. An event stream begins with
//     its POST, which queues the first events, may be read by one GET after the other, the
//     last of which counts, and ends with DELETE, with its session, or when its bounded queue is full because
//     nobody reads. Nobody waits for a reader: internal/stream tells each event stream
//     what it sees, which queues what is new, and the GET's own goroutine writes. That
//     belongs to the HTTP server; [Handler.CloseEvents] makes all of them end.
//   - …/layer chooses a layer, or bounds what the node may choose. The choice itself is
//     the core's.
//
// URLs of event streams are capabilities with 128 random bits, as sessions' are.
package whep
