package relay

import "time"

const (
	// leaseLife is how long a node that says nothing keeps a stream: what a publisher
	// that comes back through another node waits for at most.
	leaseLife = 3 * time.Second

	// renewEvery, a third of leaseLife, leaves two renewals to be lost before a lease is.
	renewEvery = time.Second

	// floorLife is how long the epoch of a stream is remembered after its lease ended.
	// Until then the directory's clock has gone on anyway; this is for clocks set back.
	floorLife = 10 * time.Minute

	// nodeLife is how long a node that says nothing is counted among the cluster's.
	nodeLife = 5 * time.Second

	// provisionalEpochs are less than any epoch of a directory, whose clock would have to
	// stand in January 1970.
	provisionalEpochs = 1 << 40

	// minSweep is how many records a directory in memory keeps before it looks for old ones.
	minSweep = 1024

	// maxNodes bounds what is read of announced nodes.
	maxNodes = 10_000

	// opTimeout bounds one exchange with Redis: a lease's life has room for several.
	opTimeout = 500 * time.Millisecond

	// maxPipeline bounds what is sent to Redis before its answers are read: 300 KB.
	maxPipeline = 1000

	// maxConnections bounds a node's connections to Redis, but for the one that listens.
	maxConnections = 8

	// maxSentinels bounds the hosts of a URL.
	maxSentinels = 16

	// listenPause is between two attempts to listen to a Redis.
	listenPause = 200 * time.Millisecond

	// listenPing is how often a connection that listens is tried, listenTimeout how long
	// nothing may come back.
	listenPing    = time.Second
	listenTimeout = 3 * time.Second
)
