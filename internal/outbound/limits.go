package outbound

import "time"

const (
	// requestTimeout bounds a POST with all its redirects, byeTimeout a DELETE: who ends
	// waits for it.
	requestTimeout = 10 * time.Second
	byeTimeout     = 3 * time.Second

	// maxAnswer bounds the body of a response. The largest answers seen have 8 KB.
	maxAnswer = 64 << 10

	// maxRedirects bounds how often one POST is sent on.
	maxRedirects = 5

	// maxLocation bounds the URL of a session or a redirect: they are kept while the
	// session lasts.
	maxLocation = 4096

	// connectTimeout is what may pass from the answer until ICE and DTLS are done.
	connectTimeout = 15 * time.Second

	// silentAfter and lostAfter are how long nothing may come from a far end until the peer
	// counts as disconnected, and how much longer until the session is given up: a far end
	// that died says nothing.
	silentAfter = 4 * time.Second
	lostAfter   = 4 * time.Second

	// retryLeast is the pause after an attempt in vain, doubled up to retryMost; each is
	// taken by half more or less, so that all who lost one server do not come back at once.
	retryLeast = time.Second
	retryMost  = 30 * time.Second

	// refusedPause is the least time until a far end is asked again that said no for good, up to
	// half of it more: an operator over there may have repaired what was wrong, and nobody here
	// needs to restart a stream for that. So few wrong tokens are no attack.
	refusedPause = 5 * time.Minute

	// maxRetryAfter bounds the pause that a far end asks for.
	maxRetryAfter = 5 * time.Minute

	// steadyAfter is how long a session must have been connected for its loss to be the
	// first one.
	steadyAfter = 10 * time.Second

	// lookInterval is how often it is looked whether a stream is to be pushed, still is
	// published, or still is wanted.
	lookInterval = 250 * time.Millisecond

	// settleTime is how long a push waits for the second of sound and picture, and how long
	// a subscriber of a pulled stream waits for the picture once something came.
	settleTime = time.Second

	// PushLinger is how long a push stays without a publisher: one that comes back goes on in
	// the same session.
	PushLinger = 10 * time.Second

	// PullLinger is how long a pull stays without a subscriber: who reloads a page finds it.
	PullLinger = 5 * time.Second

	// joinTimeout is how long a subscriber's POST waits for a stream that is pulled for it.
	joinTimeout = 3 * time.Second

	// claimTimeout bounds the claim of a pulled stream's name.
	claimTimeout = 5 * time.Second

	// holdInterval is how often it is looked whether a stream that has a publisher of this
	// node, or is on another one, is to be pulled after all; and whether one that is pushed has
	// gone to another node, which then pushes it.
	holdInterval = 2 * time.Second

	// maxPushes bounds the streams that are pushed at a time, each target counted: each has
	// a socket, a peer and a dozen goroutines. Further ones wait for one to end.
	maxPushes = 256
)
