package relay_test

import (
	"context"
	"fmt"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// A network is what lies between a node and the directory: it delays, loses requests and
// answers, and may be cut. What a node has given up may still be done.
type network struct {
	*relay.Memory
	node *simNode
}

var errNetwork = fmt.Errorf("%w: the network", relay.ErrUnavailable)

// through carries a request and its answer.
func (n *network) through(ctx context.Context, request func()) error {
	w := n.node.w
	w.mu.Lock()
	there, back := time.Duration(w.dice.IntN(20))*time.Millisecond, time.Duration(w.dice.IntN(20))*time.Millisecond
	lostThere, lostBack := n.node.cut || w.dice.Float64() < w.loss, w.dice.Float64() < w.loss
	if w.dice.Float64() < w.loss {
		there *= 100 // longer than anybody waits
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, relay.OpTimeout)
	defer cancel()
	done := make(chan struct{})
	if !lostThere {
		w.flying.Go(func() {
			time.Sleep(there)
			request()
			time.Sleep(back)
			w.mu.Lock()
			lost := lostBack || n.node.cut
			w.mu.Unlock()
			if !lost {
				close(done)
			}
		})
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errNetwork
	}
}

func (n *network) Claim(ctx context.Context, c relay.Claim) (relay.Lease, error) {
	type result struct {
		lease relay.Lease
		err   error
	}
	got := make(chan result, 1)
	sent := time.Now()
	err := n.through(ctx, func() {
		l, err := n.Memory.Claim(context.Background(), c)
		if err == nil {
			n.node.w.grant(l)
		}
		got <- result{l, err}
	})
	if err != nil {
		return relay.Lease{}, err
	}
	r := <-got
	if r.err == nil {
		r.lease.Expires = sent.Add(relay.LeaseLife)
	}
	return r.lease, r.err
}

func (n *network) Renew(ctx context.Context, leases []relay.Lease) ([]relay.Renewal, error) {
	got := make(chan []relay.Renewal, 1)
	sent := time.Now()
	err := n.through(ctx, func() {
		all, _ := n.Memory.Renew(context.Background(), leases)
		got <- all
	})
	all := make([]relay.Renewal, len(leases))
	if err == nil {
		all = <-got
	}
	for i := range all {
		if all[i].Lease.Expires = sent.Add(relay.LeaseLife); err != nil {
			all[i] = relay.Renewal{Lease: leases[i], Err: err}
		}
	}
	return all, err
}

func (n *network) Release(ctx context.Context, leases []relay.Lease) error {
	return n.through(ctx, func() { _ = n.Memory.Release(context.Background(), leases) })
}

func (n *network) Lookup(ctx context.Context, stream string) (relay.Holder, error) {
	type result struct {
		holder relay.Holder
		err    error
	}
	got := make(chan result, 1)
	if err := n.through(ctx, func() {
		h, err := n.Memory.Lookup(context.Background(), stream)
		got <- result{h, err}
	}); err != nil {
		return relay.Holder{}, err
	}
	r := <-got
	return r.holder, r.err
}

func (n *network) AnnounceNode(ctx context.Context, i relay.NodeInfo) error {
	return n.through(ctx, func() { _ = n.Memory.AnnounceNode(context.Background(), i) })
}
