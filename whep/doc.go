// Package whep is the WHEP endpoint (draft-ietf-wish-whep-04): subscribers POST an
// offer to /whep/{stream} and receive media. It decides whether a subscriber can be
// served and binds its peer to the stream; HTTP, sessions and ICE are
// internal/signaling.
//
// An answer keeps every codec both sides know, the live source's first, so that a
// later publisher with another codec can be spliced in. The server never makes a
// counter-offer (406).
package whep
