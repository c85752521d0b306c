package relay

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A SpreaderConfig says for whom a Spreader works.
type SpreaderConfig struct {
	// Directory is shared with the other nodes; nil: the node is alone. The spreader does
	// not close it.
	Directory Directory

	// Learn puts into force what has become known, and undoes what was taken back, or was
	// dropped because there are too many. It is called for what this node announces as well,
	// by one goroutine at a time, and must not call the spreader but for its List.
	Learn func(learned, dropped []Revocation)

	Logger *slog.Logger // nil: nothing is logged
}

// A Spreader knows all revocations of a node's cluster, those that were taken back too, and
// tells the other nodes those of its own. While the directory does not answer it keeps them
// for later, and whatever the directory has lost it puts there again. It is safe for
// concurrent use. Once started it has one goroutine, which Close waits for.
type Spreader struct {
	cfg    SpreaderConfig
	log    *slog.Logger
	kick   chan struct{} // room for one: there is something to tell
	stop   context.CancelFunc
	done   chan struct{}
	cursor RevocationCursor // owned by who synchronises
	silent bool             // the directory did not take what is owed; the same

	// order is held while Learn is called, so that all changes happen in one order. It comes
	// before mu.
	order sync.Mutex

	// mu guards the fields below.
	mu     sync.Mutex
	ledger ledger
	owed   map[subject]bool // what the directory may not have
}

// NewSpreader returns a spreader that knows nothing. Start it, and Close it.
func NewSpreader(cfg SpreaderConfig) *Spreader {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Spreader{cfg: cfg, log: cfg.Logger, kick: make(chan struct{}, 1), owed: map[subject]bool{}}
}

// Restore adds what was kept elsewhere, and returns what of that is news; Learn is not
// called. Do so before Start.
func (s *Spreader) Restore(all []Revocation) (learned []Revocation) {
	learned, _ = s.put(all, false)
	return learned
}

// Start reads what there is, for at most two seconds, and then follows what changes.
func (s *Spreader) Start() {
	if s.cfg.Directory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), revokedStart)
	s.report(s.synchronise(ctx))
	cancel()
	ctx, s.stop = context.WithCancel(context.Background())
	s.done = make(chan struct{})
	go s.run(ctx)
}

// Close tries once more to tell what nobody knows yet, and stops. It may be called again.
func (s *Spreader) Close() {
	if s == nil || s.stop == nil {
		return
	}
	s.stop()
	<-s.done
	_ = s.push(context.Background())
}

// Announce tells all nodes of a revocation that this one made; one that is over takes back
// what is about the same. It does not wait for the directory.
func (s *Spreader) Announce(r auth.Revocation) {
	s.order.Lock()
	s.take([]Revocation{s.stamp(r)}, true)
	s.order.Unlock()
	select {
	case s.kick <- struct{}{}:
	default: // the goroutine will see this one, too
	}
}

// stamp gives a revocation its time: after all that is known about the same.
func (s *Spreader) stamp(r auth.Revocation) Revocation {
	now := time.Now()
	clock := now
	if s.cfg.Directory != nil {
		clock = s.cfg.Directory.Now()
	}
	n := Revocation{Revocation: r}
	s.mu.Lock()
	old := s.ledger.all[n.about()]
	s.mu.Unlock()
	n.Made, n.Back = max(clock.UnixMicro(), old.Made, old.Back), old.Back
	if !r.Until.After(now) {
		n.Back = n.Made + 1
		n.Until = now.Add(auth.MaxLife + auth.Leeway)
	}
	return n
}

// List returns all that must be kept, in no order, in a slice of the caller's own.
func (s *Spreader) List() []Revocation {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Revocation, 0, len(s.ledger.all))
	for _, r := range s.ledger.all {
		if r.Until.After(now) {
			all = append(all, r)
		}
	}
	return all
}

// put joins what is known with what is heard. own is what this node made.
func (s *Spreader) put(all []Revocation, own bool) (learned, dropped []Revocation) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range all {
		known, news, gone := s.ledger.put(r, now)
		if news {
			learned = append(learned, known)
		}
		if news && own && s.cfg.Directory != nil {
			s.owed[r.about()] = true
		}
		for _, d := range gone {
			delete(s.owed, d.about())
		}
		dropped = append(dropped, gone...)
	}
	if len(dropped) > 0 { // of what was learned as well
		learned = slices.DeleteFunc(learned, func(r Revocation) bool { _, there := s.ledger.all[r.about()]; return !there })
	}
	return learned, dropped
}

// take is put, and tells the node. order is held.
func (s *Spreader) take(all []Revocation, own bool) {
	if learned, dropped := s.put(all, own); len(learned)+len(dropped) > 0 {
		s.cfg.Learn(learned, dropped)
	}
}
