// Package whip is the WHIP endpoint (RFC 9725): publishers POST an offer to
// /whip/{stream} and send media. It decides who may hold a stream's name and binds the
// publisher's peer to its stream; HTTP, sessions and ICE are internal/signaling.
//
// What is wrong with its media a publisher reads at …/diagnosis below its session's URL.
//
// A POST claims the name first, so that a refused one costs no peer. What a POST took is
// given back in reverse order when it fails later or when its session ends.
package whip
