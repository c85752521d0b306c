package relay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Memory is a directory in this process, for simulations and tests: the nodes that share
// it are a cluster. The zero Memory is empty and ready.
type Memory struct {
	// Clock is the directory's clock; nil: time.Now. It may step. Set it before use.
	Clock func() time.Time

	watches watches

	// mu guards the fields below.
	mu      sync.Mutex
	records map[string]record
	nodes   map[string]announcement
	sweep   int // records when old ones are next looked for
	revoked memoryRevoked
}

// A record is what a directory keeps of a stream.
type record struct {
	holder Holder
	until  time.Time // the end of the lease; zero: released
}

type announcement struct {
	info  NodeInfo
	until time.Time
}

// left returns the rest of the lease's life for those who want to claim; 0 if it has ended.
// More than a whole life is what a clock that was set back makes of it.
func (r record) left(now time.Time) time.Duration {
	return max(0, min(r.until.Sub(now), leaseLife))
}

// found tells whether those who look the stream up find its holder. After the clock was set
// back they do with the next renewal: else they would find a dead one for long.
func (r record) found(now time.Time) bool {
	left := r.until.Sub(now)
	return left > 0 && left <= leaseLife
}

// released tells whether the holder gave its lease back. That is final: a renewal that
// comes late does not undo it.
func (r record) released(h Holder) bool { return r.holder.Same(h) && r.until.IsZero() }

// Now returns the directory's clock.
func (m *Memory) Now() time.Time {
	if m.Clock == nil {
		return time.Now()
	}
	return m.Clock()
}

// Claim implements [Directory].
func (m *Memory) Claim(ctx context.Context, c Claim) (Lease, error) {
	if err := gone(ctx); err != nil {
		return Lease{}, err
	}
	sent, now := time.Now(), m.Now()
	m.mu.Lock()
	old := m.records[c.Stream]
	if left := old.left(now); left > 0 && old.holder.Epoch != c.Over {
		m.clampLocked(c.Stream, old, now)
		m.mu.Unlock()
		return Lease{}, &HeldError{Holder: old.holder, Left: left}
	}
	h := Holder{Node: c.Node, URL: c.URL, Epoch: nextEpoch(old.holder.Epoch, c.Last, now)}
	m.setLocked(c.Stream, record{holder: h, until: now.Add(leaseLife)}, now)
	m.mu.Unlock()
	m.watches.wake(c.Stream)
	return Lease{Stream: c.Stream, Holder: h, Expires: sent.Add(leaseLife)}, nil
}

// nextEpoch is the first of the block that follows what is known, or of that of now.
func nextEpoch(held, last int64, now time.Time) int64 {
	return max(max(held, last)/epochStep*epochStep+epochStep, now.UnixMicro()/epochStep*epochStep)
}

// clampLocked bounds a life that a clock set back made longer: else a dead holder would
// keep the stream until the clock has caught up.
func (m *Memory) clampLocked(stream string, r record, now time.Time) {
	if r.until.Sub(now) > leaseLife {
		r.until = now.Add(leaseLife)
		m.records[stream] = r
	}
}

// Renew implements [Directory].
func (m *Memory) Renew(ctx context.Context, leases []Lease) ([]Renewal, error) {
	all := make([]Renewal, len(leases))
	err := gone(ctx)
	for i, l := range leases {
		all[i] = Renewal{Lease: l, Err: err}
		if err == nil {
			all[i] = m.renew(l)
		}
	}
	return all, err
}

func (m *Memory) renew(l Lease) Renewal {
	sent, now := time.Now(), m.Now()
	m.mu.Lock()
	old := m.records[l.Stream]
	if old.holder.Beats(l.Holder) || old.released(l.Holder) {
		m.mu.Unlock()
		return Renewal{Lease: l, Err: &HeldError{Holder: old.holder, Left: old.left(now)}}
	}
	news := !old.holder.Same(l.Holder) || !old.found(now)
	m.setLocked(l.Stream, record{holder: l.Holder, until: now.Add(leaseLife)}, now)
	m.mu.Unlock()
	if news {
		m.watches.wake(l.Stream)
	}
	l.Expires = sent.Add(leaseLife)
	return Renewal{Lease: l}
}

// Release implements [Directory].
func (m *Memory) Release(ctx context.Context, leases []Lease) error {
	if err := gone(ctx); err != nil {
		return err
	}
	for _, l := range leases {
		m.release(l)
	}
	return nil
}

func (m *Memory) release(l Lease) {
	m.mu.Lock()
	old := m.records[l.Stream]
	ours := old.holder.Same(l.Holder) && !old.until.IsZero()
	if ours {
		m.records[l.Stream] = record{holder: old.holder}
	}
	m.mu.Unlock()
	if ours {
		m.watches.wake(l.Stream)
	}
}

// Lookup implements [Directory].
func (m *Memory) Lookup(ctx context.Context, stream string) (Holder, error) {
	if err := gone(ctx); err != nil {
		return Holder{}, err
	}
	now := m.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[stream]
	if !r.found(now) {
		return Holder{}, ErrAbsent
	}
	return r.holder, nil
}

// Watch implements [Directory].
func (m *Memory) Watch(stream string) (changed <-chan struct{}, stop func()) {
	w := m.watches.add(stream)
	w.wake()
	return w.changed, func() { _ = m.watches.remove(w) }
}

// AnnounceNode implements [Directory].
func (m *Memory) AnnounceNode(ctx context.Context, n NodeInfo) error {
	if err := gone(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes == nil {
		m.nodes = map[string]announcement{}
	}
	m.nodes[n.ID] = announcement{info: n, until: m.Now().Add(nodeLife)}
	return nil
}

// Nodes implements [Directory].
func (m *Memory) Nodes(ctx context.Context) ([]NodeInfo, error) {
	if err := gone(ctx); err != nil {
		return nil, err
	}
	now := m.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []NodeInfo
	for id, a := range m.nodes {
		if !a.until.After(now) || a.until.Sub(now) > nodeLife {
			delete(m.nodes, id)
			continue
		}
		all = append(all, a.info)
	}
	slices.SortFunc(all, func(a, b NodeInfo) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// Forget empties the directory, as a Redis that restarts without its data.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records, m.nodes, m.sweep, m.revoked = nil, nil, 0, memoryRevoked{}
}

// setLocked keeps a record, and whenever their number has doubled forgets what is older
// than the floor of epochs must be.
func (m *Memory) setLocked(stream string, r record, now time.Time) {
	if m.records == nil {
		m.records = map[string]record{}
	}
	m.records[stream] = r
	if len(m.records) < m.sweep {
		return
	}
	for name, r := range m.records {
		if now.Sub(r.until) > floorLife {
			delete(m.records, name)
		}
	}
	m.sweep = max(minSweep, 2*len(m.records))
}

// gone returns an ErrUnavailable if ctx is done.
func gone(ctx context.Context) error {
	if ctx.Err() != nil {
		return unavailable(context.Cause(ctx))
	}
	return nil
}

func unavailable(cause error) error { return fmt.Errorf("%w: %w", ErrUnavailable, cause) }

var _ Directory = (*Memory)(nil)
