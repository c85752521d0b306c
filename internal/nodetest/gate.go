package nodetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// A gate is a directory as one node reaches it, or does not.
type gate struct {
	*relay.Memory
	owners *owners

	// mu guards the fields below.
	mu      sync.Mutex
	shut    bool
	skew    time.Duration // what the node takes the directory's clock to be off by
	lossy   float64       // share of answers that are lost, 0 to 1
	rnd     *rand.Rand
	watches map[chan struct{}]bool
}

func newGate(d *relay.Memory, o *owners) *gate {
	return &gate{Memory: d, owners: o, watches: map[chan struct{}]bool{}}
}

// gateTimeout is how long a directory that cannot be reached is waited for.
const gateTimeout = 500 * time.Millisecond

// errGate is an answer that did not come.
var errGate = fmt.Errorf("%w: %w", relay.ErrUnavailable, errCut)

// open lets the node through, or not. Whoever watches is told that changes may have been missed.
func (g *gate) open(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = !on
	if g.shut {
		return
	}
	for w := range g.watches {
		poke(w)
	}
}

func poke(w chan struct{}) {
	select {
	case w <- struct{}{}:
	default:
	}
}

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// pass waits as long as a question to a directory that does not answer takes.
func (g *gate) pass(ctx context.Context) error {
	if !g.closed() {
		return nil
	}
	select {
	case <-ctx.Done():
	case <-time.After(gateTimeout):
	}
	return errGate
}

// lost tells whether the answer to what was done is lost.
func (g *gate) lost() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut || g.lossy > 0 && g.rnd.Float64() < g.lossy
}

// Claim implements [relay.Directory].
func (g *gate) Claim(ctx context.Context, c relay.Claim) (relay.Lease, error) {
	if err := g.pass(ctx); err != nil {
		return relay.Lease{}, err
	}
	l, err := g.Memory.Claim(ctx, c)
	if err == nil {
		g.owners.add(c.Stream, l.Holder)
	}
	if g.lost() {
		return relay.Lease{}, errGate
	}
	return l, err
}

// Renew implements [relay.Directory].
func (g *gate) Renew(ctx context.Context, leases []relay.Lease) ([]relay.Renewal, error) {
	err := g.pass(ctx)
	all := []relay.Renewal(nil)
	if err == nil {
		all, err = g.Memory.Renew(ctx, leases)
	}
	for _, r := range all {
		if r.Err == nil {
			g.owners.add(r.Lease.Stream, r.Lease.Holder)
		}
	}
	if err == nil && !g.lost() {
		return all, nil
	}
	all = nil
	for _, l := range leases {
		all = append(all, relay.Renewal{Lease: l, Err: errGate})
	}
	return all, errGate
}

// Release implements [relay.Directory].
func (g *gate) Release(ctx context.Context, leases []relay.Lease) error {
	if err := g.pass(ctx); err != nil {
		return err
	}
	return g.Memory.Release(ctx, leases)
}

// Lookup implements [relay.Directory].
func (g *gate) Lookup(ctx context.Context, stream string) (relay.Holder, error) {
	if err := g.pass(ctx); err != nil {
		return relay.Holder{}, err
	}
	return g.Memory.Lookup(ctx, stream)
}

// AnnounceNode implements [relay.Directory].
func (g *gate) AnnounceNode(ctx context.Context, n relay.NodeInfo) error {
	if err := g.pass(ctx); err != nil {
		return err
	}
	return g.Memory.AnnounceNode(ctx, n)
}

// Nodes implements [relay.Directory].
func (g *gate) Nodes(ctx context.Context) ([]relay.NodeInfo, error) {
	if err := g.pass(ctx); err != nil {
		return nil, err
	}
	return g.Memory.Nodes(ctx)
}

// Watch implements [relay.Directory]. Nothing is told while the gate is shut.
func (g *gate) Watch(stream string) (changed <-chan struct{}, stop func()) {
	inner, end := g.Memory.Watch(stream)
	w, quit := make(chan struct{}, 1), make(chan struct{})
	g.mu.Lock()
	g.watches[w] = true
	g.mu.Unlock()
	go func() {
		for {
			select {
			case <-quit:
				return
			case <-inner:
				if !g.closed() {
					poke(w)
				}
			}
		}
	}()
	return w, sync.OnceFunc(func() {
		end()
		close(quit)
		g.mu.Lock()
		delete(g.watches, w)
		g.mu.Unlock()
	})
}

// Now implements [relay.Directory].
func (g *gate) Now() time.Time {
	g.mu.Lock()
	skew := g.skew
	g.mu.Unlock()
	return g.Memory.Now().Add(skew)
}

// Skew makes the node wrong about the directory's clock.
func (m *Member) Skew(by time.Duration) {
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	m.gate.skew = by
}

// Lossy loses a share of the directory's answers to this node; what was asked for is done.
func (m *Member) Lossy(share float64, seed uint64) {
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	m.gate.lossy, m.gate.rnd = share, rand.New(rand.NewPCG(seed, 22))
}

// owners remember to whom each epoch was given.
type owners struct {
	// mu guards the fields below.
	mu     sync.Mutex
	all    map[lease]string
	faults []string
}

type lease struct {
	stream string
	epoch  int64
}

func (o *owners) add(stream string, h relay.Holder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[lease]string{}
	}
	at := lease{stream, h.Epoch}
	if was, ok := o.all[at]; ok && was != h.Node {
		o.faults = append(o.faults, fmt.Sprintf("epoch %d of %s is that of %s and of %s", h.Epoch, stream, was, h.Node))
	}
	o.all[at] = h.Node
}

// Shared returns the leases that two nodes had with the same epoch.
func (c *Cluster) Shared() []string {
	c.owners.mu.Lock()
	defer c.owners.mu.Unlock()
	return c.owners.faults
}
