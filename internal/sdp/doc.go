// Package sdp reads and writes the session descriptions of WHIP (RFC 9725) and
// WHEP: offers, our answers, and the fragments of trickle ICE and ICE restart
// (RFC 8840).
//
// ParseOffer takes an offer's text apart in one walk over its lines, checks it
// against every rule of WHIP or WHEP, and decides what we accept; the result
// is data (formats by payload type, extensions by id, encodings) and the same
// data is what Offer.Answer writes. An offer that was parsed can always be
// answered. ParseFragment and WriteFragment do the same for fragments.
//
// The package is pure: text in, values or an *Error out. It never resolves a
// name, reads a clock or keeps a reference to the body it was given. Its input
// comes from strangers: each list has a bound (limits.go), the time is linear
// in the body, and nothing from an offer reaches an answer before its characters
// were checked, so that an answer's lines are ours.
//
// It does not negotiate more than Whippet forwards: no data channels, no
// redundancy or error-correction payload types, no ICE on component 2, no
// unbundled sections. What it declines, it declines in the shape browsers accept.
//
// Everything here is safe for concurrent use as long as nobody changes an
// Offer: Offers, Sections and Fragments are read-only once returned.
package sdp
