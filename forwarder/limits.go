package forwarder

import "time"

// Every bound of the core, with the arithmetic or the attack it answers.
const (
	// historyAge is the longest a packet stays in a history. It holds a group of
	// pictures of 10 s, the longest encoders are commonly set to, and some more.
	historyAge = 12 * time.Second

	// historyKeep is how long packets stay that no joining subscriber needs any
	// more: time for a subscriber to miss, ask for and receive one.
	historyKeep = 2 * time.Second

	// historyScarce takes historyAge's place while the node's budget is used up.
	historyScarce = time.Second

	// historyBytes bounds the payload of one history: 12 s at 20 Mbit/s.
	historyBytes = 32 << 20

	// historyPackets bounds the packets of one history: 12 s at 2,700 a second.
	historyPackets = 1 << 15

	// stillPackets bounds the keyframe kept apart as a still: 1.2 MB.
	stillPackets = 1000

	// maxStreams bounds the SSRCs of one publisher: 8 encodings with their
	// retransmissions, audio, and some that changed. Further SSRCs are dropped.
	maxStreams = 32

	// maxPacket is the largest RTP packet taken; UDP over Ethernet carries less.
	maxPacket = 1600

	// maxDropout and maxMisorder are RFC 3550 A.1's: a sequence number further
	// off than that is believed only when the next packet follows on it.
	maxDropout  = 3000
	maxMisorder = 1000

	// keyframeInterval is the least time between two requests for one encoding.
	// An encoder answers within a round trip and a frame; asking sooner only
	// costs bitrate.
	keyframeInterval = 500 * time.Millisecond

	// ignoredRequests unanswered requests in a row say that an encoding ignores
	// them (OBS and FFmpeg do); it is then asked each ignoredInterval only.
	ignoredRequests = 3
	ignoredInterval = 5 * time.Second

	// Upstream NACKs: a hole is asked for once it is nackDelay old or nackReorder
	// later packets came, again each round trip but not under nackRetry, at most
	// nackTries times; at most nackHoles holes are kept, further ones given up.
	nackDelay   = 10 * time.Millisecond
	nackReorder = 3
	nackRetry   = 20 * time.Millisecond
	nackTries   = 10
	nackHoles   = 256

	// nackDead holes asked for in vain, without one answered between them, say
	// that an encoding never answers; nackProbe later one more try is made.
	nackDead  = 30
	nackProbe = 10 * time.Second

	reportInterval = time.Second            // receiver and sender reports (RFC 3550 §6.2 allows less)
	rembInterval   = 500 * time.Millisecond // REMB, where transport-cc is not negotiated

	// activeWindow: an encoding without a packet for so long is not active.
	activeWindow = 1500 * time.Millisecond

	// clockSkew: a sender report that puts an encoding further from its arrival
	// than this, compared with the publisher's other encodings, is not believed.
	clockSkew = 3 * time.Second

	// Fast start: the backlog is sent at up to catchUpSpeed times the live rate
	// and catchUpBitrate bits per second, frames at least catchUpSpacing apart in
	// time stamps, in at most catchUpTime; at most catchUpWindow packets are
	// ahead of feedback, for at most catchUpStall.
	catchUpSpeed   = 20
	catchUpBitrate = 60_000_000
	catchUpSpacing = 1500 * time.Microsecond
	catchUpTime    = 2 * time.Second
	catchUpWindow  = 1000
	catchUpStall   = time.Second

	// passPackets is how many packets one Pull takes at most, so that a keyframe
	// for one subscriber does not hold up the others' audio.
	passPackets = 32

	// Sent maps remember this many packets, for resends and round-trip gating. A
	// video map doubles up to its largest while it would forget within sentKeep.
	sentAudio    = 128
	sentVideo    = 256
	sentVideoMax = 2048
	sentKeep     = time.Second

	// resends of one packet to one subscriber; more than that reach nobody.
	maxResends = 10

	// defaultRTT serves until a round trip is measured, minResend is the least
	// time between two resends of one packet whatever the round trip.
	defaultRTT = 100 * time.Millisecond
	minResend  = 10 * time.Millisecond
)
