package relay

import "time"

const (
	// leaseLife is how long a node that says nothing keeps a stream: what a publisher
	// that comes back through another node waits for at most.
	leaseLife = 3 * time.Second

	// renewEvery, a third of leaseLife, leaves two renewals to be lost before a lease is.
	renewEvery = time.Second

	// roundTime is what of a round of renewals may pass before claims that are late anyway
	// wait for the next one.
	roundTime = 500 * time.Millisecond

	// twinRounds is how many rounds are between two looks for a node of the same name: more
	// than nodeLife, after which a node that was here before is gone.
	twinRounds = 15

	// epochStep is between two epochs that a directory gives out, in microseconds of its clock.
	epochStep = 1024

	// floorLife is how long the epoch of a stream is remembered after its lease ended.
	// Until then the directory's clock has gone on anyway; this is for clocks set back.
	floorLife = 10 * time.Minute

	// nodeLife is how long a node that says nothing is counted among the cluster's.
	nodeLife = 5 * time.Second

	// provisionalEpochs are less than any epoch of a directory, whose clock would have to
	// stand in January 1970.
	provisionalEpochs = 1_000_000_000_000

	// minSweep is how many records a directory in memory keeps before it looks for old ones.
	minSweep = 1024

	// maxNodes bounds what is read of announced nodes.
	maxNodes = 10_000

	// opTimeout bounds one exchange with Redis: a lease's life has room for several.
	opTimeout = 500 * time.Millisecond

	// claimTries bounds the requests of one claim: a lost answer, a holder that is replaced
	// meanwhile, and one whose end is waited for.
	claimTries = 4

	// lostTries bounds those of them that get no answer, claimPause is between them: a
	// server that restarts, or one that has just failed over.
	lostTries  = 2
	claimPause = 100 * time.Millisecond

	// claimTimeout bounds a claim: what is left of a dead node's lease, and a question to
	// the node. Publishers wait longer for their answer.
	claimTimeout = 5 * time.Second

	// waitSlack is waited longer than a lease lives: the directory counts from when it was
	// asked to renew it.
	waitSlack = 20 * time.Millisecond

	// askTimeout bounds a question to another node.
	askTimeout = 500 * time.Millisecond

	// tokenLife is how far from now a token between nodes may have been made: the time of
	// a request, and what they know less than exactly of the directory's clock.
	tokenLife = 30 * time.Second

	// maxAnswerBytes bounds the answer of another node.
	maxAnswerBytes = 4 << 10

	// knownLife is how long what was heard of a stream stands in for a directory that does
	// not answer, maxKnown of how many streams.
	knownLife = 10 * time.Minute
	maxKnown  = 20_000

	// nodesEvery is how often a node reads the list of all nodes, if it is asked for.
	nodesEvery = 2 * time.Second

	// maxPipeline bounds what is sent to Redis before its answers are read: 300 KB.
	maxPipeline = 1000

	// maxConnections bounds a node's connections to Redis, but for the one that listens.
	maxConnections = 8

	// maxSentinels bounds the hosts of a URL.
	maxSentinels = 16

	// maxRevocations bounds the revocations that are kept, those that were taken back too, as
	// a node bounds those in force.
	maxRevocations = 10_000

	// maxRevocationPage bounds what of them goes to Redis or from there at once, 150 KB.
	maxRevocationPage = 500

	// maxRevocationNumbers bounds the changes after which a node that missed them reads them
	// alone; after more it reads everything.
	maxRevocationNumbers = 4096

	// maxStamp bounds the times of revocations: what Lua's numbers hold exactly.
	maxStamp = 1 << 53

	// revocationsLife is how long Redis keeps revocations of which nothing is heard: longer
	// than any is in force.
	revocationsLife = 368 * 24 * time.Hour

	// revokedEvery is how often a node looks for revocations that it was not told of,
	// revokedRetry how often it tries where it has some itself that nobody knows yet.
	revokedEvery = 2 * time.Second
	revokedRetry = 500 * time.Millisecond

	// revokedPause is between two readings, so that many revocations are read together.
	revokedPause = 50 * time.Millisecond

	// revokedStart bounds how long a node that starts waits for what was revoked before.
	revokedStart = 2 * time.Second

	// listenPause is between two attempts to listen to a Redis.
	listenPause = 200 * time.Millisecond

	// listenPing is how often a connection that listens is tried, listenTimeout how long
	// nothing may come back.
	listenPing    = time.Second
	listenTimeout = 3 * time.Second
)
