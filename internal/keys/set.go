package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// Config says which keys a [Set] has.
type Config struct {
	// Audience and Type are those of [auth.Options].
	Audience, Type string
	// Keys are in use always.
	Keys []auth.Key
	// Sources are read for more.
	Sources []Source
	// Log gets a line when a source fails and when it has other keys; nil: nothing is
	// logged. Keys and what stands behind the "?" of a URL are not.
	Log *slog.Logger
}

// A Set checks tokens by the keys there are at the moment. It is safe for concurrent use.
type Set struct {
	cfg      Config
	verifier atomic.Pointer[auth.Verifier]
	readers  []*reader
	waiting  chan struct{} // holds one token for each request that waits
	warnings []string      // set by Open, constant afterwards
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu   sync.Mutex   // guards keys, and orders what verifier is made of
	keys [][]auth.Key // by source
}

// Open reads all sources once and starts the goroutines that go on with it. A source that
// cannot be read is an error, unless it is Optional: then it is a warning. So are keys
// that [auth.NewVerifier] refuses. Close the Set.
func Open(ctx context.Context, cfg Config) (*Set, error) {
	if len(cfg.Sources) > maxSources {
		return nil, fmt.Errorf("keys: %d files and URLs; at most %d are possible", len(cfg.Sources), maxSources)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Set{cfg: cfg, waiting: make(chan struct{}, maxWaiting), keys: make([][]auth.Key, len(cfg.Sources))}
	if err := s.rebuild(); err != nil {
		return nil, err
	}
	for i, source := range cfg.Sources {
		s.readers = append(s.readers, &reader{set: s, source: source, index: i, asks: make(chan chan struct{})})
	}
	if err := s.first(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	for _, r := range s.readers {
		s.running.Go(func() { r.run(running) })
	}
	return s, nil
}

// first reads all sources at the same time, then looks at the results in their order.
func (s *Set) first(ctx context.Context) error {
	var reading sync.WaitGroup
	for _, r := range s.readers {
		reading.Go(func() { r.read(ctx) })
	}
	reading.Wait()
	var failed []error
	for _, r := range s.readers {
		switch {
		case r.err == nil:
		case r.source.Optional:
			s.warnings = append(s.warnings, fmt.Sprintf("no keys from %s yet, so their tokens are refused: %v", r.source.Name, r.err))
		default:
			failed = append(failed, fmt.Errorf("%s: %w", r.source.Name, r.err))
		}
	}
	return errors.Join(failed...)
}

// Warnings returns sentences about the sources that could not be read by Open.
func (s *Set) Warnings() []string { return s.warnings }

// Close ends the goroutines and waits for them. Verify goes on with the keys there are.
func (s *Set) Close() {
	s.stop()
	s.running.Wait()
}

// Verify is [auth.Verifier.Verify]. A token of an unknown key waits until the sources of
// its issuer have been read again, unless that was less than ten seconds ago.
func (s *Set) Verify(token string, now time.Time) (auth.Grant, error) {
	grant, err := s.verifier.Load().Verify(token, now)
	var invalid *auth.Error
	if !errors.As(err, &invalid) {
		return grant, err
	}
	issuer, lacks := invalid.Lacks()
	if !lacks || !s.refresh(issuer) {
		return grant, err
	}
	return s.verifier.Load().Verify(token, now)
}

// Explain is [auth.Verifier.Explain] with the keys there are.
func (s *Set) Explain(token string, now time.Time) []string {
	return s.verifier.Load().Explain(token, now)
}

// refresh has the sources of an issuer read again and reports whether to look again.
func (s *Set) refresh(issuer string) bool {
	readers := s.readersOf(issuer)
	if len(readers) == 0 {
		return false
	}
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	asked := false
	for _, r := range readers {
		asked = r.ask(ctx) || asked
	}
	return asked
}

// readersOf returns those whose keys [auth.Verifier] would choose for the issuer.
func (s *Set) readersOf(issuer string) []*reader {
	of := func(issuer string) (list []*reader) {
		for _, r := range s.readers {
			if r.source.Issuer == issuer {
				list = append(list, r)
			}
		}
		return list
	}
	named := func(k auth.Key) bool { return k.Issuer == issuer }
	if list := of(issuer); len(list) > 0 || slices.ContainsFunc(s.cfg.Keys, named) {
		return list
	}
	return of("")
}

// replace puts a source's keys in the place of its old ones, or leaves those if the new
// ones are refused.
func (s *Set) replace(source int, keys []auth.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.keys[source]
	s.keys[source] = keys
	err := s.rebuild()
	if err != nil {
		s.keys[source] = old
	}
	return err
}

// rebuild makes the verifier of the keys there are; without any it refuses all tokens.
// mu must be held, but by Open.
func (s *Set) rebuild() error {
	all := slices.Concat(append([][]auth.Key{s.cfg.Keys}, s.keys...)...)
	if len(all) == 0 {
		s.verifier.Store(&auth.Verifier{})
		return nil
	}
	var issuers []string
	for _, source := range s.cfg.Sources {
		issuers = append(issuers, source.Issuer)
	}
	v, err := auth.NewVerifier(auth.Options{Audience: s.cfg.Audience, Type: s.cfg.Type, Keys: all, Issuers: issuers})
	if err == nil {
		s.verifier.Store(v)
	}
	return err
}
