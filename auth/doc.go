// Package auth decides what the bearer of a token may do: a token and a point of
// time go in, a [Grant] or an error comes out. It is pure; it reads no clock, no
// file and no network, and it logs nothing.
//
// Tokens are JSON Web Tokens (RFC 7519) in the compact form, checked by the rules
// of RFC 8725: a fixed list of algorithms, each bound to its key; exp and aud
// required; header members that choose keys or change the processing refused or
// ignored; claims of the wrong type refused. What a token allows stands in two
// claims of our own:
//
//	actions  ["publish", "play", "admin", "metrics"]
//	streams  globs over stream names: "cam-1", "cam-*", "*"
//
// A missing claim is a missing right. Errors tell the bearer why a token failed in
// a few fixed words and never quote the token.
//
// A [Verifier] is immutable and safe for concurrent use.
package auth
