// Package codec holds what forwarding must know of media formats: which codecs
// and RTP header extensions there are, where a keyframe begins, its size, which
// parameter sets it needs, and which layer a packet belongs to. It reads payloads
// and never changes or decodes them.
//
// Everything here is pure and bounded: functions of the bytes they are given,
// safe for concurrent use, no allocation where the comment says so, and any
// input is an answer or an error, never a panic.
package codec
