package metrics

import "time"

// A Snapshot is what a node counted up to one moment. Counters only grow.
type Snapshot struct {
	Sessions      int // all sessions, half-open ones included
	SessionsLimit int // the most there may be
	HalfOpen      int // sessions that were never connected
	Streams       int // streams with a publisher
	Subscribers   int // subscribers, those who wait for a publisher included

	EventStreams        int    // of players, open
	EventStreamsDropped uint64 // their readers fell behind

	Findings map[string]int // publishers with something wrong in their media, by code

	Media        Traffic           // datagrams on the media sockets, ICE and DTLS included
	MediaDropped map[string]uint64 // of those read, by a fixed word for the reason

	PacketsIn, PacketsOut uint64 // RTP packets from publishers and to subscribers
	BytesIn, BytesOut     uint64 // their bytes before encryption

	// Dropped counts RTP packets that were not taken or not sent, by a fixed word for
	// the reason.
	Dropped map[string]uint64

	KeyframeWishes     uint64 // keyframes subscribers needed
	KeyframeMerged     uint64 // of them joined another one that waited
	KeyframeRequests   uint64 // requests that went to publishers for them
	KeyframeRequestsIn uint64 // requests that came from subscribers
	Reordered          uint64 // frames after one that is shown later: B-frames
	Nacks              uint64 // packets publishers were asked to send again
	Repaired           uint64 // packets they sent again
	NacksIn            uint64 // packets subscribers asked for again
	FeedbackDropped    uint64 // RTCP packets of subscribers there was no time for
	FeedbackMalformed  uint64 // RTCP packets of subscribers with something unreadable
	HistoryBytes       int64  // memory of all histories

	Resends  map[string]uint64 // what became of NacksIn, by a fixed word
	Switches map[string]uint64 // changes of layer, by a fixed word for the cause
	Watched  Watched

	Pauses, Skips, Restarts, Probes uint64

	Estimated int   // subscribers whose network is estimated
	Estimate  int64 // the sum of these estimates, in bits per second

	Shards    []Shard
	PerStream []Stream // nil: not wanted; at most MaxStreams and one for all others

	Push, Pull Far // sessions with other servers

	Cluster *Cluster // nil: the node is alone

	Webhooks      []Webhook
	TracesDropped uint64 // of sessions
}

// Watched is the time of subscribers since their first keyframe, by what they saw.
type Watched struct{ Best, Lower, Frozen time.Duration }

// A Shard is what one shard did.
type Shard struct {
	Busy        time.Duration
	Passes      uint64
	Subscribers int // now
}

// A Stream is what is counted of one stream.
type Stream struct {
	Name        string // [Others]: all together that have no series of their own
	Subscribers int
	Findings    int

	PacketsIn, PacketsOut, BytesIn, BytesOut, NacksIn, NacksOut, RequestsIn, RequestsOut uint64

	Watched Watched
}

// Others is the label of all streams together that have no series of their own. It is no
// name a stream can have.
const Others = "(other)"

// A Far is what is counted of sessions with other servers, in one direction.
type Far struct {
	States         map[string]int // streams, by a fixed word for where they stand
	Opened, Failed uint64
	Ends           map[string]uint64 // sessions that ended and attempts that failed, by a fixed word for why
}

// A Webhook is what is counted of one receiver of webhooks.
type Webhook struct {
	Receiver  string // a name that is no secret, another one for each
	Queued    int    // events that wait
	Delivered uint64
	Failed    uint64            // attempts
	Dead      map[string]uint64 // events that were given up, by a fixed word for the reason
}

// Sizes are counts by size class: Bounds are the upper bounds of the classes, but for the
// last, which has none.
type Sizes struct {
	Bounds []int
	Counts []uint64
}

// Traffic counts datagrams, their bytes, and what it took to move them.
type Traffic struct {
	PacketsRead, BytesRead, PacketsWritten, BytesWritten uint64

	Reads, Batches        uint64            // calls that read and wrote several datagrams
	ReadSizes, BatchSizes Sizes             // these by how many datagrams
	Runs, RunPackets      uint64            // sent with segmentation offload: messages, datagrams in them
	CoalescedPackets      uint64            // read in messages of several datagrams
	KernelDrops           uint64            // dropped by the kernel before they could be read
	Truncated             uint64            // larger than anything we take
	WriteErrors           uint64            // datagrams that were not sent
	Refusals              map[string]uint64 // by the kernel, what a second try made good included, by reason
	Sending, Receiving    string            // the ways datagrams take
}
