package forwarder

import "time"

// The bounds of choosing layers: of the allocator, the estimator, probes and the pacer.
const (
	// allocateInterval is between two looks at what a subscriber's network carries.
	allocateInterval = 100 * time.Millisecond

	// videoOverhead: headers take a 16th of what payload takes, at 1,200 bytes a packet;
	// audioOverhead is what they take of sound, 50 packets a second of 64 bytes.
	videoOverhead = 16
	audioOverhead = 26_000

	// A step down is made when the rung needs a 5th more than there is, or more than
	// there is for stepDownHold; a step up when the better one leaves a 10th free for
	// stepUpHold and a penalty: at least leastPenalty, doubled up to mostPenalty, for
	// steps up that did not last stepLasts; forgotten with one that lasts penaltyMemory.
	// One that lasted stepHeld did so until the network got narrower by a third.
	stepDownMargin = 6
	stepDownHold   = 500 * time.Millisecond
	stepUpMargin   = 10
	stepUpHold     = 500 * time.Millisecond
	stepLasts      = 4 * time.Second
	stepHeld       = 2 * time.Second
	abruptMargin   = 3
	leastPenalty   = 3 * time.Second
	mostPenalty    = time.Minute
	penaltyMemory  = 30 * time.Second

	// Video pauses when not even the least rung less a 5th fits for starveHold, or not
	// even half of it for starveShort.
	starveMargin = 5
	starveHold   = 2 * time.Second
	starveShort  = 500 * time.Millisecond

	// packetOverhead is what surrounds a payload on the wire: IP and UDP headers, RTP's
	// with two extensions, the authentication tag.
	packetOverhead = 28 + 12 + 8 + 16

	// probeBatch packets of a probe leave in one step; what is left follows at the next.
	probeBatch = 32

	// paddingStep is the least time between two such steps.
	paddingStep = time.Millisecond

	// probeReach is how many of the last packets are sent again for probes.
	probeReach = 64

	// maxPadding is the padding of one packet (RFC 3550 §5.1).
	maxPadding = 224

	// Video stops for its target when a third of it is too much for squeezeHold: an
	// encoder that answers keyframe requests has answered by then.
	// At once where floodFactor times as much is sent as there is: most of it is lost.
	squeezeMargin = 3
	squeezeHold   = 500 * time.Millisecond
	floodFactor   = 3

	// For thinFor after a step down as few pictures are sent as can be until its keyframe
	// comes: encoders answer within that.
	thinFor = time.Second

	// Without probes the next rung up is tried each tryInterval, and the penalty of tries in
	// vain; for tryGrace nothing is concluded from it.
	tryInterval = 10 * time.Second
	tryGrace    = 2 * time.Second

	// congestedFor after a step down nothing from before the last keyframe is sent again:
	// the network is busy with what came too fast.
	congestedFor = 4 * time.Second

	// leftFor after a step down more is left free, one part in leftMargin of all, for a step up
	// to more pictures of the same size: a link that is nearly full with them carries them for a
	// while, until the next large one.
	leftFor    = time.Minute
	leftMargin = 8

	// fullPace tenths of the estimate is the pace while the queue that a step down was made
	// for is long: faster, and the target's keyframe is lost in it.
	fullPace = 11

	// firstEstimate is what a network is taken to carry until it has been heard of, where
	// there is a choice: most carry that, and the next better layer is a second away.
	firstEstimate = 1_000_000

	// firstPace is how fast video leaves until then: the largest keyframes in 50 ms.
	firstPace = 20_000_000

	// An estimator remembers this many sent packets, at first, until there is
	// feedback, and at most: at 4,000 a second, 40 Mbit/s, it may come a second late.
	estimatedLeast   = 64
	estimatedUnheard = 256
	estimatedMost    = 4096

	// groupLeast groups of packets are kept, of 50 ms each at least, and groupMost
	// while half of them wait for feedback; of what was lost, lossMemory intervals of
	// 300 ms. All but the last are powers of two.
	groupLeast = 32
	groupMost  = 64
	lossMemory = 24

	// pacerBytes, ten packets, and what leaves in pacerTime may leave at once,
	// whichever is more: so small frames are never held back.
	pacerBytes = 12_000
	pacerTime  = 5 * time.Millisecond
)
