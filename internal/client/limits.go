package client

import "time"

// Every bound of the package stands here, with its reason.
const (
	// requestTimeout ends a request no server answers; servers answer a POST
	// within 2 s even when their gathering is slow.
	requestTimeout = 15 * time.Second

	// maxBody bounds what is read of a response. Answers stay under 8 KiB.
	maxBody = 256 << 10

	// maxRedirects bounds how often a POST is passed on.
	maxRedirects = 5

	// gatherTimeout ends gathering that a silent STUN server holds up; what has
	// been found until then is offered.
	gatherTimeout = 5 * time.Second

	// closeTimeout bounds the DELETE of a Close whose context has no deadline.
	closeTimeout = 5 * time.Second

	// maxChecks of a way stay without an answer before it is given up: 15 s of them at one
	// each 200 ms, as long as a server waits for a session to connect. Of a network that
	// loses a fifth, both ways, eight in a row are unanswered now and then.
	maxChecks = 75

	// flightInterval is when a flight of the DTLS handshake is repeated first, and then
	// after twice the time, again and again. RFC 6347 §4.2.4.1 would have 1 s, for fear of
	// congestion; but ICE has just measured the way, and four lost flights took 15 s, as
	// long as a server waits. Now it takes eight. Browsers begin with 50 ms.
	flightInterval = 100 * time.Millisecond

	// relayDelay is how long a session may try without the ICE servers the
	// answer named before it restarts ICE with them.
	relayDelay = 3 * time.Second

	// maxFrame bounds one coded frame of a file or of a track; a 4K keyframe at
	// high quality has 2 MiB.
	maxFrame = 8 << 20

	// reorderPackets and reorderWait bound how long the packets after a hole wait
	// for a repair: two round trips of a far server, or a keyframe's worth.
	reorderPackets = 512
	reorderWait    = 500 * time.Millisecond

	// replayWindow is how late an SRTP packet may come, in packets, as in browsers:
	// with less, resends under their own numbers are thrown away as replayed.
	replayWindow = 1024

	// keyframeRequestInterval is the least time between two keyframe requests of
	// a player.
	keyframeRequestInterval = time.Second

	// catchUp is how far a source may lag behind its clock before the clock is
	// moved: after a suspended machine no burst of old frames is sent.
	catchUp = time.Second

	// defaultMTU bounds RTP packets: 1200 bytes fit every path with SRTP, UDP,
	// TURN and tunnels on top.
	defaultMTU = 1200

	// maxEventFailures is how often the stream of a session's events may fail in a row
	// before the player does without, eventsPause the time between two attempts, and
	// eventsHealthy how long it must last for failures before it to be forgotten.
	maxEventFailures = 6
	eventsPause      = time.Second
	eventsHealthy    = 10 * time.Second

	// maxEventLine bounds a line of an event stream, in bytes, and maxEventLines the lines
	// of one event's data. Events have one line of some 100 bytes, lists of layers some KiB.
	maxEventLine  = 64 << 10
	maxEventLines = 64

	// maxEncodings bounds a simulcast track.
	maxEncodings = 8
)
