package bench

import "time"

// A role is what a generator is.
type role string

const (
	rolePublish role = "publish"
	rolePlay    role = "play"
)

// A job is the first line a generator reads.
type job struct {
	Role    role     `json:"role"`
	URL     string   `json:"url"`
	Token   string   `json:"token"`
	Load    Load     `json:"load"`
	Streams []string `json:"streams"`
}

// A verb is what a command asks for.
type verb string

const (
	doStart   verb = "start"   // publishers: open all sessions, then send; answered by started
	doJoin    verb = "join"    // subscribers: Count of each of Streams join; answered by joined
	doLeave   verb = "leave"   // subscribers: all leave; answered by left
	doStall   verb = "stall"   // subscribers: Count over TCP that read nothing; answered by joined
	doStuck   verb = "stuck"   // subscribers: how many of those are stuck; answered by stuck
	doMeasure verb = "measure" // a window to come; answered by noted at once
	doCount   verb = "count"   // answered by measured when that window is over
)

// A command is a further line. The end of input ends the generator.
type command struct {
	Do      verb     `json:"do"`
	Streams []string `json:"streams,omitempty"`
	Count   int      `json:"count,omitempty"`
	Window  *Window  `json:"window,omitempty"`
	Visits  *visits  `json:"visits,omitempty"` // to count: who comes in the window
}

// An event is a line a generator writes.
type event struct {
	Kind     string    `json:"kind"` // started, joined, left, stuck, noted, measured, progress, failed
	Error    string    `json:"error,omitempty"`
	Sessions int       `json:"sessions,omitempty"` // that are connected
	Failed   int       `json:"failed,omitempty"`   // sessions that did not connect
	Packets  int64     `json:"packets,omitempty"`  // in progress: since the start
	Sent     []sent    `json:"sent,omitempty"`     // of publishers, by stream
	Received *received `json:"received,omitempty"` // of subscribers
}

// sent is what one publisher sent in the window.
type sent struct {
	Audio    int64 `json:"audio"`
	Video    int64 `json:"video"`
	Requests int64 `json:"requests"` // for keyframes, since the start
	Errors   int64 `json:"errors"`
	Resent   int64 `json:"resent"`
}

// received is what all subscribers measured.
type received struct {
	Packets   uint64   `json:"packets"` // arrived in the window at anybody
	Bytes     uint64   `json:"bytes"`
	Delivered []counts `json:"delivered"` // by stream, to those who stayed

	LatencyP50 time.Duration `json:"latencyP50"`
	LatencyP99 time.Duration `json:"latencyP99"`
	LatencyMax time.Duration `json:"latencyMax"`
	Freezes    int           `json:"freezes"`
	Longest    time.Duration `json:"longest"` // between two frames

	Created, FirstRTP, FirstKeyframe spread
	VisitCreated, VisitFirstKeyframe spread
	NoMedia, NoKeyframe              int // subscribers without

	NACKs, Repaired, Duplicates     uint64
	Unreadable, Unauthentic, Thrown uint64
	Overflowed                      uint64
	ChurnJoins, ChurnFailed         int
}

// counts belong to one stream.
type counts struct {
	Subscribers int    `json:"subscribers"`
	Audio       uint64 `json:"audio"`
	Video       uint64 `json:"video"`
}

// A spread is quantiles of a duration.
type spread struct {
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	Max time.Duration `json:"max"`
}

func (h *histogram) spread() spread { return spread{h.quantile(0.5), h.quantile(0.95), h.max} }
