// Package keys keeps the keys that check tokens while a node runs: those it was given,
// and those it reads from files and from JWK sets on the web (RFC 7517 §5), again and
// again, since whoever signs tokens replaces keys. What tokens mean is package auth's
// business; this package does the reading.
//
// A [Set] has one goroutine for each [Source], which alone reads it: at intervals, and
// when a token names a key that nobody knows, then at most every ten seconds. What cannot
// be read or is refused leaves the old keys in use. Close ends the goroutines.
package keys
