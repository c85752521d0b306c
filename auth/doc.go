// Package auth decides what the bearer of a token may do: a token and a point of
// time go in, a [Grant] or an error comes out. It is pure; it reads no clock, no
// file and no network, and it logs nothing.
//
// Tokens are JSON Web Tokens (RFC 7519) in the compact form, checked by the rules
// of RFC 8725: a fixed list of algorithms, each bound to its key; keys chosen by the
// token's issuer; exp and aud required; header members that choose keys or change the
// processing refused or ignored; claims of the wrong type refused. Keys are secrets,
// RSA, EC and Ed25519 keys, read from PEM, JWK and JWK sets (RFC 7517) and judged when
// they are. What a token allows stands in two claims of our own:
//
//	actions  ["publish", "play", "admin", "metrics"]; scope "whip:publish whep:play"
//	         is read where there are none
//	streams  globs over stream names: "cam-1", "cam-*", "*"
//
// and others make it less:
//
//	max_session  seconds after which a session ends
//	limits       {"bitrate", "width", "height", "kinds", "layers", "viewers", "sessions"}
//	origins      ["https://player.example"]: the pages that may use it
//	ip           ["192.0.2.0/24"]: where it may be used
//
// A missing right is no right. Errors tell the bearer why a token failed in
// a few fixed words and never quote the token.
//
// [StreamKeys] checks fixed texts instead of tokens. [Signer] makes tokens.
//
// A [Verifier] is immutable and safe for concurrent use.
package auth
