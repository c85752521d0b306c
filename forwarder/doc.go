// Package forwarder is the pure core of the media server: RTP and RTCP packets
// and the time go in; packets to send, keyframe wishes and the next deadline come
// out. It has no clock, socket, goroutine, logger or lock, so that it can be
// simulated, fuzzed and replayed.
//
// # One idea
//
// Every [Encoding] of a live stream is a [History]: an append-only ring of its last
// packets. The publisher's reader appends; everybody else holds a position in it
// and pulls. A subscriber's [DownTrack], the answer to a NACK, a subscriber that
// just joined and a switch to another encoding are all positions.
//
// # Parts
//
//   - [Publisher] is one publisher session: it demultiplexes RTP to encodings, asks
//     for lost packets and keyframes, and reports reception. [Publisher.Diagnose] says
//     what is wrong with what it is sent.
//   - [Subscriber] is one subscriber session: an audio and a video [DownTrack] that
//     pull from the encodings of whichever Publisher holds the stream's name now.
//   - Its allocator chooses the layer by what its [Estimator] says the network carries, from
//     the ladder of all that the publisher's video can be had as; [Selection] bounds that.
//   - [Tap] is one link to another node: it sends encodings as they are.
//   - [KeyframeGate] merges and limits the keyframe wishes of all subscribers.
//
// # Fast start
//
// A subscriber that joins gets the last keyframe at once and all that came since
// faster than live, see segment. Where that would take too long it gets the
// keyframe alone, as a still, and goes live with the next one.
//
// # Who calls what
//
// A Publisher is owned by one caller at a time, a Subscriber and a Tap by their shard. They
// meet only in encodings: one writer appends and publishes facts with atomic
// stores, any number of readers load them. Feed one input, drain all output, only
// then feed the next. `now` is the first argument of every step and must not step
// back for one value; if it stands still nothing is lost, only delayed.
//
// RTP: RFC 3550; feedback: RFC 4585, RFC 5104; retransmission: RFC 4588; header
// extensions: RFC 8285.
package forwarder
