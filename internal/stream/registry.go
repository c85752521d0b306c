package stream

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// What Claim and Subscribe refuse, and the reasons sessions are closed with.
var (
	// ErrBusy: a live publisher holds the name. A retry can help once it is gone.
	ErrBusy = errors.New("stream: another publisher is live")
	// ErrFull: the stream or the node has as many subscribers as it may.
	ErrFull = errors.New("stream: too many subscribers")
	// ErrClosed: the registry is closed.
	ErrClosed = errors.New("stream: closed")

	// ErrAbsent: nobody publishes the stream on this node.
	ErrAbsent = errors.New("stream: nobody publishes it here")

	// ErrReplaced closes a publisher whose name another one took over.
	ErrReplaced = errors.New("stream: replaced by another publisher")
	// ErrElsewhere closes a publisher whose name one on another node has.
	ErrElsewhere = errors.New("stream: replaced by a publisher on another node")
	// ErrFormat closes a subscriber that cannot receive what the new publisher sends.
	ErrFormat = errors.New("stream: the publisher sends a format that was not negotiated")
	// ErrGone closes a link whose publisher has gone, or whose far end says nothing.
	ErrGone = errors.New("stream: the link has ended")
	// ErrQueueFull is what a Sink's WriteRTP returns when a packet was dropped
	// because the subscriber does not read fast enough.
	ErrQueueFull = errors.New("stream: the subscriber's queue is full")
)

// A Source is a publisher as its stream sees it. Methods may be called from any
// goroutine and must not block on the network.
type Source interface {
	// WriteRTCP sends a compound RTCP packet to the publisher; b is borrowed.
	WriteRTCP(b []byte) error
	// RTT returns the round trip to the publisher; 0 if unknown.
	RTT() time.Duration
	// Began is called when media begins, at most once for each of the two.
	Began(b Beginning)
	// Close ends the publisher's session because of reason. It returns at once.
	Close(reason error)
}

// A Beginning is the first packet of media that a publisher sent or a subscriber was sent,
// or the first of a keyframe.
type Beginning struct {
	At       time.Time
	Keyframe bool
	Live     time.Time // when the publisher's own first packet came
}

// A Batch holds back what the Sinks of one shard write, until Flush.
type Batch interface{ Flush() }

// A Sink is a subscriber as its shard sees it. All writes come from one
// goroutine and must not block: a Sink that cannot send drops the packet and
// returns an error, [ErrQueueFull] if the subscriber should skip to a keyframe.
type Sink interface {
	// Bind says which batch of Config.NewBatch to write to. It comes first, once.
	Bind(b Batch)
	// WriteRTP sends one packet, borrowed until it returns.
	WriteRTP(p *forwarder.OutPacket) error
	// WriteRTCP sends a compound RTCP packet; b is borrowed.
	WriteRTCP(b []byte) error
	// Began is called when media begins, at most once for each of the two. The shard
	// waits: nothing may be locked that is held by who waits for a shard, or for the
	// Registry.
	Began(b Beginning)
	// Close ends the subscriber's session because of reason. It returns at once.
	Close(reason error)
}

const (
	// holderWindow: a publisher that sent nothing for so long does not keep
	// another one from its name.
	holderWindow = 2 * time.Second

	// DefaultMaxSubscribers bounds the subscribers of one node.
	DefaultMaxSubscribers = 10_000

	// DefaultHistoryBudget is the memory all histories of a node may take, in bytes.
	DefaultHistoryBudget = 1 << 30
)

// A Config says how a Registry works; the zero Config is good.
type Config struct {
	Shards         int   // 0: GOMAXPROCS
	Takeover       bool  // a second publisher replaces a live one
	MaxSubscribers int   // of one stream; 0: as many as the node may have
	MaxNode        int   // of all streams; 0: DefaultMaxSubscribers
	HistoryBudget  int64 // bytes; 0: DefaultHistoryBudget
	Caps           Caps  // of what subscribers are sent
	CountApart     int   // streams that StreamCounts tells apart
	Logger         *slog.Logger

	// Directory arbitrates names between nodes; nil: this node is alone.
	Directory Directory

	// Left is shown the last counters of each subscriber that left. It must not block.
	// nil: nobody looks.
	Left func(SubscriptionCounts)

	// NewBatch makes the batch of a shard when it gets its first subscriber. The shard
	// flushes it after each pass. nil: Sinks write at once.
	NewBatch func() Batch
}

// noBatch is for Sinks that write at once.
type noBatch struct{}

func (noBatch) Flush() {}

// A Registry holds the streams of a node. It is safe for concurrent use.
type Registry struct {
	cfg    Config
	log    *slog.Logger
	budget *forwarder.Budget
	shards []*shard

	received received
	others   account // of the streams that have none of their own
	inline   allowance
	share    share // of Caps.Node
	reporter *reporter
	watch    *watch

	publications atomic.Uint64 // begun so far

	// mu guards the fields below. It is never held across a packet write or a
	// call to a Source or Sink.
	mu       sync.Mutex
	streams  map[string]*stream // those with a claim or a subscription
	settings map[string]ownSettings
	changes  uint64 // of settings so far
	subs     int
	closed   bool
	apart    int // streams with an account of their own
}

// NewRegistry starts the shards. Close stops them.
func NewRegistry(cfg Config) *Registry {
	if cfg.Shards == 0 {
		cfg.Shards = runtime.GOMAXPROCS(0)
	}
	if cfg.MaxNode == 0 {
		cfg.MaxNode = DefaultMaxSubscribers
	}
	if cfg.MaxSubscribers == 0 {
		cfg.MaxSubscribers = cfg.MaxNode
	}
	if cfg.HistoryBudget == 0 {
		cfg.HistoryBudget = DefaultHistoryBudget
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Left == nil {
		cfg.Left = func(SubscriptionCounts) {}
	}
	if cfg.NewBatch == nil {
		cfg.NewBatch = func() Batch { return noBatch{} }
	}
	r := &Registry{
		cfg: cfg, log: cfg.Logger, budget: forwarder.NewBudget(cfg.HistoryBudget),
		streams: make(map[string]*stream), settings: make(map[string]ownSettings), reporter: newReporter(), watch: newWatch(),
	}
	for range cfg.Shards {
		r.shards = append(r.shards, newShard())
	}
	return r
}

// Close refuses new claims and subscriptions, ends all publications and stops
// the shards. It closes no Source and no Sink: their owners do. Closing twice is
// harmless.
func (r *Registry) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	var claims []*Claim
	for _, s := range r.streams {
		for _, c := range []*Claim{s.claim, s.pending} {
			if c != nil {
				claims = append(claims, c)
			}
		}
	}
	r.mu.Unlock()
	for _, c := range claims {
		c.Release()
	}
	r.reporter.close()
	for _, sh := range r.shards {
		sh.close()
	}
	r.watch.close()
}

// get returns the stream of a name, made if need be.
func (r *Registry) getLocked(name string) *stream {
	s := r.streams[name]
	if s == nil {
		s = &stream{name: name, reg: r, turn: make(chan struct{}, 1)}
		r.openLocked(s)
		for _, sh := range r.shards {
			s.members = append(s.members, &members{stream: s, shard: sh})
		}
		r.streams[name] = s
		if own, ok := r.settings[name]; ok {
			r.applyLocked(name, own.Settings)
		}
	}
	return s
}

// dropLocked forgets a stream that nobody holds.
func (r *Registry) dropLocked(s *stream) {
	if s.claim == nil && s.pending == nil && s.claims == 0 && s.subs == 0 && s.links == 0 && r.streams[s.name] == s {
		delete(r.streams, s.name)
		r.closeLocked(s)
	}
}

// Claim takes a name for a publisher to come. A live holder keeps it: ErrBusy,
// unless the registry or a common owner allows a takeover; a holder that sent
// nothing for two seconds is dead and replaced at once. owner may be empty: then
// it equals no other. In a cluster the same goes for holders on other nodes, which
// Claim may wait for, bounded by ctx. The claim must be started or released.
func (r *Registry) Claim(ctx context.Context, name, owner string) (*Claim, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c, err := r.claimHere(name, owner, stop)
	if err != nil {
		return nil, err
	}
	defer r.claimed(c.stream)
	if err := c.claimThere(ctx, r.cfg.Directory); err != nil {
		c.Release()
		return nil, err
	}
	if !r.promote(c) {
		c.Release()
		return nil, ErrBusy
	}
	return c, nil
}

// claimHere reserves a name on this node. Whoever has it keeps it for now: the directory
// may refuse. stop is called when the claim ends. After it come claimThere and claimed.
func (r *Registry) claimHere(name, owner string, stop context.CancelFunc) (*Claim, error) {
	now := time.Now()
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, ErrClosed
	}
	s := r.getLocked(name)
	old := s.publisherLocked()
	if old != nil && !r.cfg.Takeover && (owner == "" || owner != old.owner) && old.alive(now) {
		r.mu.Unlock()
		return nil, ErrBusy
	}
	c := &Claim{stream: s, owner: owner, made: now, stop: stop}
	old, s.pending = s.pending, c
	s.claims++
	r.mu.Unlock()
	if old != nil {
		old.close(ErrReplaced)
	}
	return c, nil
}

// claimed notes that the directory is asked for one publisher less.
func (r *Registry) claimed(s *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.claims--
	r.dropLocked(s)
}

// promote gives a claim the name that it has reserved. It reports false if another one has
// reserved it meanwhile.
func (r *Registry) promote(c *Claim) bool {
	s := c.stream
	r.mu.Lock()
	if s.pending != c || r.closed {
		r.mu.Unlock()
		return false
	}
	old := s.claim
	s.claim, s.pending = c, nil
	r.mu.Unlock()
	if old != nil {
		old.close(ErrReplaced)
	}
	return true
}

// An Info describes a stream at one moment. What it points to must not be changed.
type Info struct {
	Name        string
	Since       time.Time // its publisher's first packet; zero: not live
	Subscribers int
	Relayed     bool                // its publisher is on another node
	Links       int                 // to other nodes
	Audio       *forwarder.Encoding // nil: none, or nothing received yet
	Video       *forwarder.Encoding
	Encodings   []*forwarder.Encoding // of video, in order of appearance
	Diagnosis   []forwarder.Finding   // what is wrong with the publisher's media
	Publication uint64                // the number of its publisher, another one for each; 0: there is none
}

// Live tells whether a publisher is sending.
func (i Info) Live() bool { return !i.Since.IsZero() }

// Lookup describes the stream of a name; false if there is none.
func (r *Registry) Lookup(name string) (Info, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[name]
	if s == nil {
		return Info{}, false
	}
	return s.infoLocked(), true
}

// Names returns the names of all streams, in no order.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.streams))
}

// List describes all streams, in no order.
func (r *Registry) List() []Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Info, 0, len(r.streams))
	for _, s := range r.streams {
		list = append(list, s.infoLocked())
	}
	return list
}
