package keys

import (
	"context"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A reader reads one source for a Set.
type reader struct {
	set    *Set
	source Source
	index  int
	asks   chan chan struct{} // of requests; closed when the source is as new as can be

	// Of Open, then of the goroutine.
	last time.Time // of the last reading's begin
	err  error     // of the last reading
}

// run reads the source at intervals and when asked, until ctx is done.
func (r *reader) run(ctx context.Context) {
	timer := time.NewTimer(r.pause())
	defer timer.Stop()
	for {
		var asked chan struct{}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case asked = <-r.asks:
		}
		if asked == nil || time.Since(r.last) >= spacing {
			r.read(ctx)
			timer.Reset(r.pause())
		}
		if asked != nil {
			close(asked)
		}
	}
}

func (r *reader) pause() time.Duration {
	if r.err != nil {
		return retry
	}
	return interval
}

// ask has the source read, if it is not too soon, and waits for it until ctx is done. It
// reports whether it has been.
func (r *reader) ask(ctx context.Context) bool {
	asked := make(chan struct{})
	select {
	case r.asks <- asked:
	case <-ctx.Done():
		return false
	}
	select {
	case <-asked:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *reader) read(ctx context.Context) {
	r.last = time.Now()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	before := r.err
	keys, err := r.source.Read(ctx)
	if err == nil {
		keys = named(keys, r.source.Issuer)
		err = r.set.replace(r.index, keys)
	}
	r.err = err
	switch log := r.set.cfg.Log.With("source", r.source.Name); {
	case err == nil && before != nil:
		log.Info("keys", "event", "read-again", "keys", len(keys))
	case err != nil && before == nil:
		log.Warn("keys", "event", "not-read", "error", err)
	}
}

// named returns the keys as those of an issuer.
func named(keys []auth.Key, issuer string) []auth.Key {
	list := make([]auth.Key, len(keys))
	for i, k := range keys {
		k.Issuer = issuer
		list[i] = k
	}
	return list
}
