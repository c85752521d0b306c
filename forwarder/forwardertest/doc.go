// Package forwardertest simulates a stream around the forwarder core: a publisher
// with several encodings, networks that lose, delay, repeat and reorder packets
// across frames, and subscribers with feedback. Time is virtual and everything
// random comes from one seed, so one seed is one run.
//
// Two oracles watch each subscriber:
//
//   - wire: no sequence number carries two packets; a resend is what was sent;
//     timestamps never step back or repeat over frames; an unfinished frame is never
//     followed without a gap;
//   - decoder: without a gap, a picture is decodable by what came before it.
//
// An oracle counts only after a planted fault made it fail: see [Fault].
package forwardertest
