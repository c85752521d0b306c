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

	// historyBytes bounds what the packets of one history hold, header extensions
	// and the packets themselves included: 12 s at 20 Mbit/s.
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

	// answerWindow is how soon a keyframe must follow a request to count as its
	// answer.
	answerWindow = time.Second

	// firstKeyframe is how long an encoding may send without a keyframe until one
	// is asked for: encoders begin with one of their own.
	firstKeyframe = 300 * time.Millisecond

	// lateReach bounds how far back the packets of a keyframe are looked for that
	// was known as one only by a late packet.
	lateReach = 512

	// earlyReach bounds how far before a keyframe's first packet to come those are
	// looked for that follow on it and overtook it: 100 ms at 1,200 a second.
	earlyReach = 128

	// Upstream NACKs: a hole is asked for once it is nackDelay old or nackReorder
	// later packets came, again each round trip but not under nackRetry, at most
	// nackTries times; at most nackHoles holes are kept, further ones given up.
	nackDelay   = 10 * time.Millisecond
	nackReorder = 3
	nackRetry   = 20 * time.Millisecond
	nackTries   = 10
	nackHoles   = 256

	// nackBatch numbers are asked for at once, so that feedback fits a packet.
	nackBatch = 64

	// nackDead holes asked for in vain, without one answered between them, say
	// that an encoding never answers; nackProbe later one more try is made.
	nackDead  = 30
	nackProbe = 10 * time.Second

	reportInterval = time.Second            // receiver and sender reports (RFC 3550 §6.2 allows less)
	rembInterval   = 100 * time.Millisecond // REMB, where transport-cc is not negotiated

	// feedbackInterval is between two transport-wide feedbacks: often enough for
	// the sender's estimate, rare enough for the way back.
	feedbackInterval = 75 * time.Millisecond

	// activeWindow: an encoding without a packet for so long is not active.
	activeWindow = 1500 * time.Millisecond

	// chooseInterval is how often the best encoding is looked for between keyframes.
	chooseInterval = 100 * time.Millisecond

	// rateWindow is what a bitrate is measured over, at least.
	rateWindow = 500 * time.Millisecond

	// rateLeast is after how long a bitrate is guessed before the first window has ended: the
	// first keyframe has come by then, and makes it seem larger rather than smaller.
	rateLeast = 100 * time.Millisecond

	// What a keyframe takes beyond what a layer's windows of rateWindow brought before is shared
	// out over about keyframeWindows of them: four seconds, so that one that was asked for makes
	// no layer seem larger, and keyframes that come each few seconds count in full.
	keyframeWindows = 8

	// usualWindows are what a layer's usual bitrate is of, and as long its highest is remembered:
	// about two seconds.
	usualWindows = 4

	// The publisher's media is diagnosed each diagnoseInterval. A fault is told of once it
	// was there at every look for findingAppear, and until it was at none for
	// findingHold, so that what comes and goes does not flicker. The words of a finding,
	// with the numbers in them, change at most each findingRefresh.
	diagnoseInterval = time.Second
	findingAppear    = 3 * time.Second
	findingHold      = 10 * time.Second
	findingRefresh   = 30 * time.Second

	// lookPackets bounds the packets one look takes from each history, the newest:
	// a second of 2.4 Mbit/s, and some frames of anything larger.
	lookPackets = 256

	// silentTrack: so long without a packet of sound or picture is no hiccup; senders
	// that skip silence send each 0.4 s. silentEncoding is longer, since browsers begin
	// with the small encodings and take seconds to find out what their network carries.
	// A session may take silentStart to connect and to send something at all.
	silentTrack    = 5 * time.Second
	silentStart    = 15 * time.Second
	silentEncoding = 10 * time.Second

	// longInterval between keyframes is twice what is advised, so that an encoder that
	// is set to 2 s and late is not meant. keyframesKept intervals are remembered.
	longInterval  = 4 * time.Second
	keyframesKept = 4

	// promptAnswers keyframes in a row that each came at once when asked for prove that
	// an encoder listens: one that does not hits the second after a request once in ten.
	promptAnswers = 2

	// leastReordered B-frames are no accident, unlike one timestamp that steps back.
	leastReordered = 10

	// countWindow is what shares of packets are measured over, of at least countLeast
	// packets. In thousandths: shareStray of all may match no track; shareLost may be
	// lost before repair, from where browsers lower their bitrate; shareLeft after it,
	// of video and at least packetsLeft packets: each spoils the picture for a while.
	countWindow = 10 * time.Second
	countLeast  = 100
	shareStray  = 50
	shareLost   = 20
	shareLeft   = 2
	packetsLeft = 5

	// highBitrate of the smallest encoding, in bits per second: a network of 5 Mbit/s
	// carries no more beside sound, resends and probing.
	highBitrate = 4_000_000

	// Drift of sound against picture is measured in blocks of driftBlock, over the last
	// driftBlocks at most. Over 40 s, driftGross a minute is told of: no clock of a
	// machine is wrong by half a percent. Over 200 s, driftFast: two quartz clocks of
	// 100 ppm differ by 12 ms a minute. Over 20 min, driftSlow: lips are off visibly (45
	// ms, ITU-R BT.1359) after 15 min.
	driftBlock  = 10 * time.Second
	driftBlocks = 120
	driftGross  = 300 * time.Millisecond
	driftFast   = 15 * time.Millisecond
	driftSlow   = 3 * time.Millisecond

	// longOffset between sound and picture: an encoder's own delay is below, and players
	// delay everything by it.
	longOffset = 500 * time.Millisecond

	// clockSkew: a sender report that puts an encoding further from its arrival
	// than this, compared with the publisher's other encodings, is not believed.
	clockSkew = 3 * time.Second

	// Fast start: the backlog is sent at up to catchUpSpeed times the live rate
	// and catchUpBitrate bits per second, frames catchUpSpacing apart in time
	// stamps (at least 1 ms where they come unevenly, but for a few nearer ones
	// rather than under catchUpSlow times), where that takes at most catchUpTime.
	// At most catchUpWindow packets are ahead of feedback, and catchUpLeast where
	// the subscriber asks for many again, for at most catchUpStall: feedback in
	// receiver reports comes each second, give or take a half. A catch-up that
	// did not end after catchUpMost is given up; settleTime later nothing of it
	// is on its way any more.
	catchUpSpeed   = 20
	catchUpSlow    = 4
	catchUpBitrate = 60_000_000
	catchUpSpacing = 1500 * time.Microsecond
	catchUpTime    = 2 * time.Second
	catchUpWindow  = 1000
	catchUpLeast   = 64
	catchUpStall   = 2 * time.Second
	catchUpMost    = 10 * time.Second
	settleTime     = catchUpMost + 20*time.Second

	// restartGrace is how long a new segment is given to show before a keyframe
	// request counts: a round trip and the decoding of a catch-up.
	restartGrace = time.Second

	// A keyframe request within firstWindow of a session's first packet may mean
	// that this one was lost, unless it is known to have come: the firstPackets
	// first are sent again, at most firstResends times.
	firstWindow  = 3 * time.Second
	firstPackets = 4
	firstResends = 3

	// restartPatience bounds the wait for the end of a frame before a restart.
	restartPatience = 100 * time.Millisecond

	// switchKeyframeAge is how old a keyframe may be to switch up to: older, and
	// the subscriber would see the past again.
	switchKeyframeAge = 500 * time.Millisecond

	// climbInterval is how often those who step up by themselves make an encoding send
	// a keyframe at most.
	climbInterval = 3 * time.Second

	// switchPatience bounds the wait for the end of a frame, which an encoder that
	// sets no markers never shows.
	switchPatience = time.Second

	// longestPause bounds what a pause adds to timestamps: a 90 kHz clock that
	// jumps by more than 6.6 h seems to step back.
	longestPause = 3 * time.Hour

	// passPackets is how many packets one Pull takes at most, so that a keyframe
	// for one subscriber does not hold up the others' audio.
	passPackets = 32

	// Sent maps remember this many packets, for resends and round-trip gating. A
	// video map doubles up to its largest while it would forget within sentKeep.
	sentAudio    = 128
	sentVideo    = 256
	sentVideoMax = 2048
	sentKeep     = time.Second

	// pastMappings are kept of segments that ended within historyKeep; segments
	// that follow on each other faster have little to resend each.
	pastMappings = 4

	// maxCuts runs of dropped packets are known of a segment: two seconds of them at
	// 60 pictures a second.
	maxCuts = 128

	// lateFrame is how far around a late packet others of its frame are looked for.
	lateFrame = 16

	// mostBarren pictures of the lowest temporal layer in a row without anything to send
	// say that the layer sent has ended: it is done with after a third of a second.
	mostBarren = 2

	// lateSteps changes of layer are remembered for late packets, which are judged by
	// the layer forwarded at their place; older ones by the oldest known.
	lateSteps = 4

	// resends of one packet to one subscriber; more than that reach nobody.
	maxResends = 10

	// maxAnswer bounds what one step answers, however much was asked for.
	maxAnswer = 512

	// longestRTT is the longest round trip believed; what reports say is the
	// subscriber's to choose.
	longestRTT = 10 * time.Second

	// defaultRTT serves until a round trip is measured, minResend is the least
	// time between two resends of one packet whatever the round trip.
	defaultRTT = 100 * time.Millisecond
	minResend  = 10 * time.Millisecond

	// A link says each linkProbe that it is there, if only by an empty report. What is
	// older than linkFresh tells its age; it leaves at linkPace bits per second at most,
	// half of what a socket's buffer takes in 40 ms, so that a group of pictures of 3 MB
	// is over in 125 ms and live packets go between.
	// Without a word from the far end for linkSilence it has ended: that has a new link by
	// then.
	// Of the last linkSent numbers of an encoding it remembers how they were sent, for these
	// to go out the same when they are asked for again. Lower ones are not sent again.
	// A still's numbers are its own until stillReach later ones were sent: half of those
	// that 16 bits tell apart.
	stillReach  = 1<<15 - maxMisorder - stillPackets
	linkProbe   = 200 * time.Millisecond
	linkSilence = 3 * time.Second
	linkFresh   = 20 * time.Millisecond
	linkPace    = 200_000_000
	linkSent    = 4096

	// An encoding that comes over a link is wanted for wantHold after somebody did: all who
	// are on it say so with each report, each second, and no oftener than each wantStep.
	// Of one that is not sent the edge is told each asleepInterval, three times in
	// activeWindow.
	// A layer that nobody wants is left out after one to two wantLayerTime; a stub has
	// stubBytes of its payload, in which all codecs tell their layers.
	wantHold       = 2 * time.Second
	wantLayerTime  = 1500 * time.Millisecond
	stubBytes      = 24
	wantStep       = 100 * time.Millisecond
	asleepInterval = 500 * time.Millisecond

	// Of the findings of a publisher that comes over a link maxFindings are taken, twice
	// as many as there are, with codes of maxFindingCode bytes and texts of maxFindingText: one
	// fits a packet. They are told findingSpacing apart, all again each findingInterval.
	// maxAudience subscribers are believed: sums of them stay far from any end of numbers.
	maxFindings     = 32
	maxFindingCode  = 40
	maxFindingText  = 1000
	findingSpacing  = 10 * time.Millisecond
	findingInterval = time.Second
	maxAudience     = 1_000_000_000

	// maxBegun encodings' names are remembered, for none to be given twice: a publisher
	// that begins a new one each second has them for a quarter of an hour.
	maxBegun = 1024

	// longestAge of a packet can be told in 16 bits of milliseconds: more than any
	// history holds.
	longestAge = 65 * time.Second
)
