// Package signalingtest holds the rows of the protocol that WHIP and WHEP share, as
// tests that run against any endpoint, and the small HTTP client they are written with.
// Every reply that passes through [Target.Do] is held against the rules that all
// replies share; see [Reply].
package signalingtest
