package relaytest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/whippet-media/whippet/relay"
)

// A Counter is one node's way to a directory that counts operations as Redis gets them from
// a [relay.Redis], whatever the directory is: a script is one, for each lease, and so is each
// other command. Revocations are not counted. It is safe for concurrent use, unless the
// directory is not.
type Counter struct {
	relay.Directory

	lookups, claims, renewals, releases, watches, announces, lists atomic.Int64

	// mu guards the watched streams, by how many watch.
	mu      sync.Mutex
	watched map[string]int
}

// Count returns a counter in front of a directory. What it says of watches is right for one
// node: of those of one stream the first asks Redis, and the last one's end tells it.
func Count(d relay.Directory) *Counter {
	return &Counter{Directory: d, watched: map[string]int{}}
}

// Operations are how many there were, by what they are for.
type Operations struct {
	Lookups, Claims, Renewals, Releases int64
	Watches                             int64 // begun and ended
	Announces                           int64
	Lists                               int64 // of nodes, three commands each
}

// Sum is all of them.
func (o Operations) Sum() int64 {
	return o.Lookups + o.Claims + o.Renewals + o.Releases + o.Watches + o.Announces + o.Lists
}

// Minus returns what came since before.
func (o Operations) Minus(before Operations) Operations {
	return Operations{
		o.Lookups - before.Lookups, o.Claims - before.Claims, o.Renewals - before.Renewals, o.Releases - before.Releases,
		o.Watches - before.Watches, o.Announces - before.Announces, o.Lists - before.Lists,
	}
}

// Operations returns how many there were until now.
func (c *Counter) Operations() Operations {
	return Operations{
		c.lookups.Load(), c.claims.Load(), c.renewals.Load(), c.releases.Load(), c.watches.Load(), c.announces.Load(), c.lists.Load(),
	}
}

// Claim implements [relay.Directory].
func (c *Counter) Claim(ctx context.Context, r relay.Claim) (relay.Lease, error) {
	c.claims.Add(1)
	return c.Directory.Claim(ctx, r)
}

// Renew implements [relay.Directory].
func (c *Counter) Renew(ctx context.Context, leases []relay.Lease) ([]relay.Renewal, error) {
	c.renewals.Add(int64(len(leases)))
	return c.Directory.Renew(ctx, leases)
}

// Release implements [relay.Directory].
func (c *Counter) Release(ctx context.Context, leases []relay.Lease) error {
	c.releases.Add(int64(len(leases)))
	return c.Directory.Release(ctx, leases)
}

// Lookup implements [relay.Directory].
func (c *Counter) Lookup(ctx context.Context, stream string) (relay.Holder, error) {
	c.lookups.Add(1)
	return c.Directory.Lookup(ctx, stream)
}

// AnnounceNode implements [relay.Directory].
func (c *Counter) AnnounceNode(ctx context.Context, n relay.NodeInfo) error {
	c.announces.Add(1)
	return c.Directory.AnnounceNode(ctx, n)
}

// listCommands are what a list of nodes takes: the time, the ends of their lives, and what
// they said.
const listCommands = 3

// Nodes implements [relay.Directory].
func (c *Counter) Nodes(ctx context.Context) ([]relay.NodeInfo, error) {
	c.lists.Add(listCommands)
	return c.Directory.Nodes(ctx)
}

// Watch implements [relay.Directory].
func (c *Counter) Watch(stream string) (changed <-chan struct{}, stop func()) {
	changed, end := c.Directory.Watch(stream)
	c.watch(stream, 1)
	return changed, sync.OnceFunc(func() {
		end()
		c.watch(stream, -1)
	})
}

func (c *Counter) watch(stream string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.watched[stream]
	c.watched[stream] += by
	if c.watched[stream] == 0 {
		delete(c.watched, stream)
	}
	if was == 0 || was+by == 0 {
		c.watches.Add(1)
	}
}

var _ relay.Directory = (*Counter)(nil)
