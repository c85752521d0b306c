package node

import "time"

const (
	// headerTimeout bounds how long a request's header may take: a client that
	// sends a byte a minute holds a connection for nothing.
	headerTimeout = 10 * time.Second

	// requestTimeout bounds a whole request. Bodies that are read have bounds of their
	// own; this one is for those that nobody reads, for which the server would wait
	// before it answers. It is longer than the header's so that each has its time.
	requestTimeout = 15 * time.Second

	// maxConns bounds the connections of the public port that are not ICE-TCP. Players
	// keep one for idleTimeout, and an attacker any number of them for headerTimeout.
	maxConns = 8192

	// idleTimeout closes kept-alive connections. Players come back within seconds
	// or not at all.
	idleTimeout = 60 * time.Second

	// writeTimeout bounds a whole response on the public port; answers have some
	// KiB. Handlers that stream set deadlines of their own.
	writeTimeout = 60 * time.Second

	// maxHeaderBytes bounds a request's header; a token may have 8 KiB.
	maxHeaderBytes = 32 << 10

	// leaveStep is how often a node that ends looks whether its subscribers have gone.
	leaveStep = 100 * time.Millisecond

	// publisherReturn is how long a node that has ended its publishers' sessions goes on to
	// answer them with where to go. OBS waits for two seconds until it comes back.
	publisherReturn = 3 * time.Second

	// holderTimeout bounds a request's wait for who has its stream.
	holderTimeout = time.Second

	// drainTimeout is how long requests may take to end when the node closes.
	drainTimeout = 5 * time.Second

	// resolveTimeout bounds the look-up of all names of --announce at the start.
	resolveTimeout = 5 * time.Second

	// refusalInterval is how often refused requests are told of, together. It bounds the
	// lines of the log and the events about them.
	refusalInterval = 10 * time.Second

	// maxRefusalGroups bounds the kinds of refused requests that are counted apart: who
	// has many addresses can make any number.
	maxRefusalGroups = 1000

	// maxToldGroups bounds those that are told of, the largest first.
	maxToldGroups = 20

	// maxRevokedBytes is from which size on the file with revocations is written anew; as
	// many as there may be have half of it. Twice that is not read.
	maxRevokedBytes = 8 << 20

	// maxListed bounds /streams.json; a page shows no more.
	maxListed = 1000

	// socketPatience is how long the self-test waits for its packet to be read, and
	// socketPause until it sends it again.
	socketPatience = 2 * time.Second
	socketPause    = 10 * time.Millisecond

	// certificateNotice is how long before its end the self-test finds fault with a
	// certificate: most are renewed a month before.
	certificateNotice = 7 * 24 * time.Hour

	// farIdleTimeout closes connections to other servers: one that is kept is good for a second
	// POST after a refusal, no more.
	farIdleTimeout = 10 * time.Second

	// nodeDialTimeout bounds connecting to another node or server, and its TLS handshake. A question
	// to one has less time than that.
	nodeDialTimeout = 2 * time.Second
)
