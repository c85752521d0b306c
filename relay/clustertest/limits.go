package clustertest

import "time"

// What relay, relay/link and internal/node have as limits of these names.
const (
	renewEvery      = time.Second
	nodesEvery      = 2 * time.Second
	requestTimeout  = 2 * time.Second
	questionTimeout = 500 * time.Millisecond
	askTimeout      = 500 * time.Millisecond
	connectTimeout  = 5 * time.Second
	descentTimeout  = 5 * time.Second
	acceptTimeout   = 10 * time.Second
	deadAfter       = time.Second
	silentAfter     = 3 * time.Second // of an edge, for who feeds it
	probeInterval   = 200 * time.Millisecond
	lookupInterval  = 5 * time.Second
	retryLeast      = 100 * time.Millisecond
	retryMost       = 2 * time.Second
	waitSlack       = 20 * time.Millisecond
	claimAgainAfter = time.Second // how soon an encoder is refused for good and tries again
)

// handshakes is how many round trips pass from a link's answer to its first packet: ICE, DTLS
// and what both ends then say.
const handshakes = 3

// listLife is how long nodes that ask at almost the same time get the same list.
const listLife = 100 * time.Millisecond
