package link

import "time"

const (
	// maxBody bounds a request and a response: 61 formats and 32 encodings with their
	// parameter sets take some 30 KB.
	maxBody = 128 << 10

	// maxHeldNumbers bounds the encodings a request names: all SSRCs a publisher may have.
	maxHeldNumbers = 64

	// requestTimeout bounds one request to another node, connectTimeout what may pass
	// from the answer to the first packet.
	requestTimeout = 2 * time.Second
	connectTimeout = 5 * time.Second

	// questionTimeout bounds the question whether a node has room: one that is slower is far.
	questionTimeout = 500 * time.Millisecond

	// descentTimeout bounds one search for a node that has room.
	descentTimeout = 5 * time.Second

	// acceptTimeout is how long an origin waits for the edge to connect, and keeps its place: no
	// longer than the edge does.
	acceptTimeout = requestTimeout + connectTimeout

	// maxWaiting bounds the links of an origin that are not connected yet.
	maxWaiting = 256

	// probeInterval is how often an edge says that it is there, deadAfter how long it
	// goes without a word from the origin, which says something as often.
	probeInterval = 200 * time.Millisecond
	deadAfter     = time.Second

	// staleAfter is how long a node may hear nothing from its parent before it takes no more
	// children: it may soon have to look for another one.
	staleAfter = 500 * time.Millisecond

	// muteAfter is how long a node that is fed may say nothing before another one may have its
	// place, which ends its link. It says something as often as probeInterval; whom it feeds look for another
	// parent after deadAfter, and then find its place free.
	muteAfter = 900 * time.Millisecond

	// moveInterval is the pause before an edge whose parent drains looks for another one
	// again. tellInterval is how often the parent says that it does, and drainTimeout for how
	// long it waits for those it feeds to go: two searches.
	moveInterval = time.Second
	tellInterval = 200 * time.Millisecond
	drainTimeout = 10 * time.Second

	// depthTellings is how often a child is told that its parent is nearer to the origin than it was,
	// each time after it has said something: one word in five gets there at almost any loss.
	depthTellings = 5

	// joinTimeout is how long a subscriber waits for a link to be opened. Then it waits
	// for media, as where nobody publishes.
	joinTimeout = 3 * time.Second

	// DefaultLinger is how long a link stays without a subscriber: who reloads a page
	// finds it.
	DefaultLinger = 5 * time.Second

	// lookupInterval is how often the directory is asked for a stream that nobody
	// publishes, or that it takes to be this node's though nobody publishes it here, besides when
	// it says that something changed; ownInterval for one whose publisher is on this node.
	lookupInterval = 5 * time.Second
	ownInterval    = 30 * time.Second

	// retryLeast is the pause after a link that could not be opened, doubled up to
	// retryMost.
	retryLeast = 100 * time.Millisecond
	retryMost  = 2 * time.Second

	// lookupTimeout bounds one question to the directory.
	lookupTimeout = 2 * time.Second

	// walkTimeout bounds one walk down a stream's tree; maxPlaces how many nodes it asks, which
	// are all of a large cluster, and maxPlacesAtOnce how many of them at once.
	walkTimeout     = 4 * time.Second
	maxPlaces       = 1000
	maxPlacesAtOnce = 16

	// maxPlaceBody bounds a question for a node's place, maxPlacesBody its answer: maxLinks of
	// internal/stream with URLs of 2 KB each.
	maxPlaceBody  = 4 << 10
	maxPlacesBody = 512 << 10

	// maxStreams bounds the streams an edge has subscribers of and looks for: as many as
	// a node has sessions.
	maxStreams = 20_000
)
