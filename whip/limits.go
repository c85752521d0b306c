package whip

import "time"

// busyRetry is what a publisher is told to wait when the name is taken: a holder that
// stops sending loses it after two seconds.
const busyRetry = 2 * time.Second

const (
	// soundBitrate is what Opus takes of a publisher's bitrate, packets included.
	soundBitrate = 80_000
	// videoShare is the part of the rest, in per cent, that a publisher is told to send:
	// headers and retransmissions come on top.
	videoShare = 90
	// leastVideo is told where nothing is left; browsers send no less.
	leastVideo = 30_000
)
