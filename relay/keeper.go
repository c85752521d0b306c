package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrClosed is what a closed keeper returns.
var ErrClosed = errors.New("relay: closed")

// A KeeperConfig says for whom a Keeper works, and how.
type KeeperConfig struct {
	// Directory is shared with the other nodes. The keeper does not close it.
	Directory Directory

	// Node is the node's id and URL NodeURL how others reach it; no two nodes of a cluster
	// may have the same.
	Node, NodeURL string
	Version       string // announced
	PublicURL     string // announced; may be ""

	// Report returns how busy the node is, see [NodeInfo]. It must not block. nil: idle.
	Report func() (load float64, draining bool)

	// Sessions returns how many sessions the node has. It must not block. nil: none.
	Sessions func() int

	// Takeover lets a publisher replace a live one of another node.
	Takeover bool

	// Ask asks the node of a lease what it knows of the stream's publisher; owner is who
	// wants to replace it. It is bounded by ctx. nil: no node answers.
	Ask func(ctx context.Context, h Holder, stream, owner string) (Answer, error)

	Logger *slog.Logger // nil: nothing is logged
}

// An Answer is what a lease's node says about its publisher.
type Answer struct {
	Alive     bool `json:"alive"`      // it sends, or has just begun
	SameOwner bool `json:"same_owner"` // it belongs to whoever asks
}

// A Keeper holds a node's leases: claims them, renews them all at a third of their life,
// tells who lost one, and announces the node. While the directory does not answer,
// publishers of this node are accepted all the same: one whose stream the node held before
// with the next epoch, any other one provisionally, to be claimed once the directory is
// back and all other nodes have had time to renew what they hold. It is safe for concurrent
// use and has one goroutine, which Close waits for.
type Keeper struct {
	cfg  KeeperConfig
	log  *slog.Logger
	stop context.CancelFunc
	done chan struct{}

	list nodeList

	// mu guards the fields below. It is never held during a call to the directory, to
	// another node, or to who lost a lease.
	mu          sync.Mutex
	closed      bool
	holds       map[string]*Hold
	asking      map[string]int // claims of publishers under way, by stream
	known       memory         // what was last heard of streams
	provisional int64          // the last epoch made without a directory
	upSince     time.Time      // the directory answers since; zero: it does not
	tried       bool           // whether it was asked at all
	leasesLost  uint64
}

// A Hold is a stream that is held for one publisher of this node, until Release or until
// it is lost.
type Hold struct {
	keeper *Keeper
	stream string
	lost   func(by Holder)

	// The keeper's mu guards the fields below.
	lease     Lease
	uncertain bool // a claim of ours may have been done without our knowing
	ended     bool
}

// NewKeeper starts a keeper. Close it.
func NewKeeper(cfg KeeperConfig) *Keeper {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Report == nil {
		cfg.Report = func() (float64, bool) { return 0, false }
	}
	if cfg.Sessions == nil {
		cfg.Sessions = func() int { return 0 }
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &Keeper{
		cfg: cfg, log: cfg.Logger, stop: stop, done: make(chan struct{}), holds: map[string]*Hold{}, asking: map[string]int{},
	}
	go k.run(ctx)
	return k
}

// Close releases all leases, tells the other nodes that this one is not to be sent to, and
// stops. Claims fail from now on, and nobody is told that
// a lease is lost.
func (k *Keeper) Close() {
	k.mu.Lock()
	first := !k.closed
	k.closed = true
	k.mu.Unlock()
	k.stop()
	<-k.done
	if !first {
		return
	}
	var leases []Lease
	k.mu.Lock()
	for _, h := range k.holds {
		h.ended = true
		leases = append(leases, h.lease)
	}
	clear(k.holds)
	k.mu.Unlock()
	_ = k.giveBack(leases)
	k.sayBye()
}

// sayBye lets others send nobody here, who would else do so until this node's entry is
// out of date.
func (k *Keeper) sayBye() {
	if !k.up() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), opTimeout)
	defer cancel()
	_ = k.contact(k.announceAs(ctx, true))
}

// giveBack ends leases in the directory, if it is there: they end by themselves as well.
func (k *Keeper) giveBack(leases []Lease) error {
	var real []Lease
	for _, l := range leases {
		if !l.Provisional() {
			real = append(real, l)
		}
	}
	if len(real) == 0 || !k.up() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), opTimeout)
	defer cancel()
	return k.contact(k.cfg.Directory.Release(ctx, real))
}

// Holder returns the lease's holder: this node, with the epoch of now. An epoch can grow
// while the hold lasts, when a provisional one is claimed.
func (h *Hold) Holder() Holder {
	h.keeper.mu.Lock()
	defer h.keeper.mu.Unlock()
	return h.lease.Holder
}

// Release gives the stream back and waits a moment for the directory to know. Releasing
// what was lost or released does nothing.
func (h *Hold) Release() {
	k := h.keeper
	k.mu.Lock()
	lease, ended := h.lease, h.ended
	k.dropLocked(h)
	k.mu.Unlock()
	if ended {
		return
	}
	if err := k.giveBack([]Lease{lease}); err != nil {
		k.log.Debug("lease", "event", "not-released", "stream", h.stream, "error", err)
		return
	}
	k.log.Debug("lease", "event", "released", "stream", h.stream, "epoch", lease.Epoch)
}

func (k *Keeper) dropLocked(h *Hold) {
	h.ended = true
	if k.holds[h.stream] == h {
		delete(k.holds, h.stream)
	}
}

// Lookup returns who holds a stream, this node too, or ErrAbsent. While the directory does
// not answer it is the node that held the stream when it last did; if nothing is known of
// it, an ErrUnavailable.
func (k *Keeper) Lookup(ctx context.Context, stream string) (Holder, error) {
	if h, ok := k.Held(stream); ok {
		return h, nil
	}
	h, err := k.cfg.Directory.Lookup(ctx, stream)
	k.contact(err)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.known.learn(stream, h, time.Now())
	case errors.Is(err, ErrAbsent):
		k.known.gone(stream)
	default:
		if last, ok := k.known.recall(stream, time.Now()); ok {
			return last, nil
		}
	}
	return h, err
}

// Held returns what this node holds of a stream, without asking anybody.
func (k *Keeper) Held(stream string) (Holder, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.holds[stream]
	if h == nil {
		return Holder{}, false
	}
	return h.lease.Holder, true
}

// KnownHolder is Lookup without asking anybody: who holds the stream as far as this node
// has heard; false: nobody. It does not block for longer than a lock.
func (k *Keeper) KnownHolder(stream string) (Holder, bool) {
	if h, ok := k.Held(stream); ok {
		return h, true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known.recall(stream, time.Now())
}

// Watch is the directory's.
func (k *Keeper) Watch(stream string) (changed <-chan struct{}, stop func()) {
	return k.cfg.Directory.Watch(stream)
}

// Now is the directory's clock, on which the nodes of a cluster agree.
func (k *Keeper) Now() time.Time { return k.cfg.Directory.Now() }

// A Status describes a keeper at one moment.
type Status struct {
	Up          bool // the directory answered last time
	Leases      int
	Provisional int    // of these
	Lost        uint64 // since the start: leases that another node took
	Nodes       int    // of the last list; 0: there was none
}

// Status returns what the keeper has.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Status{Up: !k.upSince.IsZero(), Leases: len(k.holds), Lost: k.leasesLost, Nodes: len(k.KnownNodes())}
	for _, h := range k.holds {
		if h.lease.Provisional() {
			s.Provisional++
		}
	}
	return s
}

// contact notes whether the directory answered, and passes its error on.
func (k *Keeper) contact(err error) error {
	up := !errors.Is(err, ErrUnavailable)
	if errors.Is(err, context.Canceled) {
		return err // who asked has gone: that says nothing about the directory
	}
	k.mu.Lock()
	was, tried := !k.upSince.IsZero(), k.tried
	k.tried = true
	switch {
	case !up:
		k.upSince = time.Time{}
	case !was:
		k.upSince = time.Now()
	}
	k.mu.Unlock()
	switch {
	case !up && (was || !tried):
		k.log.Warn("directory", "event", "unavailable", "error", err)
	case up && !was:
		k.log.Info("directory", "event", "available")
	}
	return err
}

func (k *Keeper) up() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.upSince.IsZero()
}
