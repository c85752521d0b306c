package whep

import "time"

const (
	// absentRetry is what a subscriber is told to wait for a publisher: short, since the
	// picture appears that much later than it could, and long enough that waiting players
	// cost little.
	absentRetry = 2 * time.Second

	// maxEventStreams bounds the event streams of the node. Each that is read holds a
	// connection: fewer than the public port takes, so that requests always find one.
	maxEventStreams = 4096

	// maxSessionEventStreams bounds those of one session. A page has one, and for a
	// moment a second while it reconnects.
	maxSessionEventStreams = 4

	// maxQueued bounds the events that one event stream holds: with all kinds wanted,
	// some 20 seconds of them. A stream whose reader falls behind more is dropped.
	maxQueued = 80

	// maxKept is how many of them may have been sent already. They are kept for a reader
	// that comes back and names the last it got.
	maxKept = 16

	// heartbeat is how long an event stream may be silent. Proxies close what is silent
	// for longer, some after 15 s.
	heartbeat = 10 * time.Second

	// eventWriteTimeout is how long one write to a reader may take, in place of the
	// server's bound for whole responses.
	eventWriteTimeout = 10 * time.Second

	// eventSpacing is the least time between two events that show what was measured.
	// It is a little less than the interval at which that is looked at.
	eventSpacing = 900 * time.Millisecond

	// bitrateChange is by which part, one in so many, a layer's bitrate must change to
	// be told anew.
	bitrateChange = 10

	// eventsRetry is what a client is told to wait that found all event streams taken.
	eventsRetry = 30 * time.Second

	// maxPixels bounds maxWidth and maxHeight.
	maxPixels = 65535
)
