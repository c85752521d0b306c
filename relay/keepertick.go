package relay

import (
	"context"
	"errors"
	"time"
)

// run renews, announces and settles until ctx is done.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for round := 1; ; round++ {
		if round%twinRounds == 0 {
			k.lookForTwins(ctx) // before it writes its own entry over another one's
		}
		k.tick(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tick is one round. The first failure ends it: the rest would fail too, and late.
func (k *Keeper) tick(ctx context.Context) {
	begun := time.Now()
	late := func() bool { return time.Since(begun) > roundTime }
	if k.contact(k.announce(ctx)) == nil && k.renew(ctx, late) == nil {
		k.settle(ctx, late)
		_, _ = k.Nodes(ctx) // for KnownNodes; what it says of the directory is known
	}
}

func (k *Keeper) announce(ctx context.Context) error { return k.announceAs(ctx, false) }

// announceAs tells the other nodes about this one; going: whatever it reports itself.
func (k *Keeper) announceAs(ctx context.Context, going bool) error {
	load, draining := k.cfg.Report()
	return k.cfg.Directory.AnnounceNode(ctx, NodeInfo{
		ID: k.cfg.Node, URL: k.cfg.NodeURL, PublicURL: k.cfg.PublicURL, Version: k.cfg.Version, Load: load, Draining: draining || going,
		Sessions: k.cfg.Sessions(), Announced: k.Now().UnixMilli(),
	})
}

// renew prolongs all leases that are not provisional.
func (k *Keeper) renew(ctx context.Context, late func() bool) error {
	holds, leases := k.leases(func(h *Hold) bool { return !h.lease.Provisional() })
	if len(leases) == 0 {
		return nil
	}
	all, err := k.cfg.Directory.Renew(ctx, leases)
	k.contact(err)
	for i, r := range all {
		var held *HeldError
		switch {
		case r.Err == nil:
			k.renewed(holds[i], r.Lease)
		case errors.As(r.Err, &held):
			k.beaten(ctx, holds[i], r.Lease, held, late)
		}
	}
	return err
}

// leases returns the holds there are of a kind, and their leases.
func (k *Keeper) leases(of func(*Hold) bool) ([]*Hold, []Lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var holds []*Hold
	var leases []Lease
	for _, h := range k.holds {
		if of(h) {
			holds, leases = append(holds, h), append(leases, h.lease)
		}
	}
	return holds, leases
}

func (k *Keeper) renewed(h *Hold, l Lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !h.ended && h.lease.Same(l.Holder) {
		h.lease = l
		k.known.learn(h.stream, l.Holder, time.Now())
	}
}

// beaten handles a lease that something with a higher epoch stands against: a live one of
// another node has won. One that is ours without our having known is replaced, and one that
// has ended, unless it may still be renewed.
func (k *Keeper) beaten(ctx context.Context, h *Hold, l Lease, held *HeldError, late func() bool) {
	k.mu.Lock()
	current, asked := !h.ended && h.lease.Same(l.Holder), k.asking[h.stream] > 0 && k.ours(held.Holder)
	mine := h.uncertain && k.ours(held.Holder)
	k.mu.Unlock()
	switch {
	case !current: // replaced or released while it was renewed
	case asked: // given to who will take its place, or who will say that this may be so
	case (mine || held.Left == 0) && late(): // the next round is soon
	case mine:
		k.claimAgain(ctx, h, held.Holder)
	case held.Left == 0:
		if k.settled() {
			k.claimAgain(ctx, h, Holder{})
		}
	default:
		k.lose(h, held.Holder)
	}
}

// claimAgain claims a stream anew for the publisher there is. over is what may be
// replaced.
func (k *Keeper) claimAgain(ctx context.Context, h *Hold, over Holder) {
	c := k.request(h.stream)
	c.Over, c.Last = over.Epoch, max(c.Last, over.Epoch)
	l, err := k.cfg.Directory.Claim(ctx, c)
	k.contact(err)
	var held *HeldError
	switch {
	case err == nil:
		k.reclaimed(h, l)
	case errors.As(err, &held) && !k.ours(held.Holder):
		k.lose(h, held.Holder)
	default:
		k.mu.Lock()
		h.uncertain = true // the next round finds out
		k.mu.Unlock()
	}
}

// reclaimed gives a hold its new lease, or gives that back if the hold has ended.
func (k *Keeper) reclaimed(h *Hold, l Lease) {
	k.mu.Lock()
	ended := h.ended
	if !ended {
		h.lease, h.uncertain = l, false
		k.known.learn(h.stream, l.Holder, time.Now())
	}
	k.mu.Unlock()
	if ended {
		_ = k.giveBack([]Lease{l})
		return
	}
	k.log.Info("lease", "event", "reclaimed", "stream", h.stream, "epoch", l.Epoch)
}

// lose ends a hold because another node has the stream.
func (k *Keeper) lose(h *Hold, by Holder) {
	k.mu.Lock()
	ended := h.ended
	k.dropLocked(h)
	k.known.learn(h.stream, by, time.Now())
	if !ended {
		k.leasesLost++
	}
	k.mu.Unlock()
	if ended {
		return
	}
	k.log.Warn("lease", "event", "lost", "stream", h.stream, "node", by.Node, "epoch", by.Epoch)
	h.lost(by)
}

// settled tells whether the directory has answered for as long as a lease lives: by then
// every node that reaches it has renewed its own.
func (k *Keeper) settled() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.upSince.IsZero() && time.Since(k.upSince) >= leaseLife
}

// settle claims what was accepted without the directory, one after the other, as many as
// there is time for.
func (k *Keeper) settle(ctx context.Context, late func() bool) {
	if !k.settled() {
		return
	}
	holds, _ := k.leases(func(h *Hold) bool { return h.lease.Provisional() })
	for _, h := range holds {
		k.claimAgain(ctx, h, k.orphan(ctx, h.stream))
		if !k.up() || late() {
			return
		}
	}
}

// orphan returns the lease of a stream that this node was given without knowing, if any.
func (k *Keeper) orphan(ctx context.Context, stream string) Holder {
	h, err := k.cfg.Directory.Lookup(ctx, stream)
	if err != nil || !k.ours(h) {
		return Holder{}
	}
	return h
}

// lookForTwins says so if another node has this one's name or URL: they would take each
// other's streams.
func (k *Keeper) lookForTwins(ctx context.Context) {
	nodes, err := k.Nodes(ctx)
	if err != nil {
		return
	}
	for _, n := range nodes {
		if (n.ID == k.cfg.Node) != (n.URL == k.cfg.NodeURL) {
			k.log.Error("node", "event", "twin", "node", n.ID, "url", n.URL)
		}
	}
}
