package metrics

const (
	// MaxStreams bounds the streams that have series of their own, whatever is set: each
	// has a dozen, and a Prometheus server with its usual limits takes 100,000 of a target.
	MaxStreams = 1000

	// MaxResults bounds the ways a POST can be answered that are told apart: there are
	// some 60 problems. What is beyond it counts as other.
	MaxResults = 96

	// maxScrapes bounds the requests for metrics that are answered at a time; more get 503.
	maxScrapes = 4

	// maxDepths is how deep a stream's tree may be.
	maxDepths = 16

	// maxShards is how many shards are told apart: the most processors a machine has.
	maxShards = 512
)
