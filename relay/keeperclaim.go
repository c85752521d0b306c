package relay

import (
	"context"
	"errors"
	"time"
)

// Claim holds a stream for a publisher of this node. A hold this node has of it is replaced
// without a question, and ends without being told: that was the caller's to decide. Another node's live
// publisher keeps its stream: the error is a [*HeldError], unless the keeper may take over
// or it belongs to the same owner. One whose node says that it is dead is replaced at
// once, one whose node says nothing when its lease has ended, for which Claim waits.
//
// lost is called at most once, from another goroutine, when another node has the stream; it
// must not block. After Release it is not called.
func (k *Keeper) Claim(ctx context.Context, stream, owner string, lost func(by Holder)) (*Hold, error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	defer k.asks(stream)()
	h := &Hold{keeper: k, stream: stream, lost: lost}
	err := k.compete(ctx, h, owner)
	if errors.Is(err, ErrUnavailable) {
		k.doubt(h)
	}
	if errors.Is(err, ErrUnavailable) && !errors.Is(err, context.Canceled) {
		err = k.goAhead(ctx, h, owner)
	}
	if err != nil {
		k.log.Info("lease", "event", "refused", "stream", stream, "error", err)
		return nil, err
	}
	lease := h.lease // from enter on, h is the keeper's
	if err := k.enter(h); err != nil {
		_ = k.giveBack([]Lease{lease})
		return nil, err
	}
	k.log.Info("lease", "event", "claimed", "stream", stream, "epoch", lease.Epoch, "provisional", lease.Provisional())
	return h, nil
}

// compete claims until the stream is ours, or another's for good.
func (k *Keeper) compete(ctx context.Context, h *Hold, owner string) error {
	c := k.request(h.stream)
	var err, refused error
	silent := Holder{} // whose end was waited for
	lost := 0
	for range claimTries {
		if ctx.Err() != nil && refused != nil {
			return refused
		}
		h.lease, err = k.cfg.Directory.Claim(ctx, c)
		k.contact(err)
		var held *HeldError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &held):
			if lost++; lost == lostTries || ctx.Err() != nil {
				return err
			}
			pause(ctx, claimPause) // what the first try left behind is ours
			continue
		case held.Holder.Same(silent):
			return err // it renews: it lives
		}
		refused = err
		k.learn(h.stream, held.Holder)
		c.Last = max(c.Last, held.Holder.Epoch)
		switch k.verdict(ctx, h.stream, owner, held.Holder) {
		case replace:
			c.Over = held.Holder.Epoch
		case refuse:
			return err
		case wait:
			silent = held.Holder
			pause(ctx, held.Left+waitSlack)
		}
	}
	return err
}

// request is a claim that replaces what this node holds.
func (k *Keeper) request(stream string) Claim {
	c := Claim{Stream: stream, Node: k.cfg.Node, URL: k.cfg.NodeURL}
	k.mu.Lock()
	defer k.mu.Unlock()
	c.Last = k.known.epoch(stream)
	if h := k.holds[stream]; h != nil {
		c.Over, c.Last = h.lease.Epoch, max(c.Last, h.lease.Epoch)
	}
	return c
}

// What becomes of a lease that stands in the way.
type verdict uint8

const (
	refuse verdict = iota
	replace
	wait
)

// verdict decides whether a holder may be replaced.
func (k *Keeper) verdict(ctx context.Context, stream, owner string, h Holder) verdict {
	if k.ours(h) || k.cfg.Takeover {
		return replace
	}
	a, err := k.ask(ctx, stream, owner, h)
	switch {
	case err != nil:
		k.log.Debug("lease", "event", "no-answer", "stream", stream, "node", h.Node, "error", err)
		return wait
	case a.Alive && !a.SameOwner:
		return refuse
	}
	return replace
}

// ours tells whether a lease was given to this node, which does not hold it: a claim whose
// answer was lost, or an earlier life of the node.
func (k *Keeper) ours(h Holder) bool { return h.URL == k.cfg.NodeURL }

func (k *Keeper) ask(ctx context.Context, stream, owner string, h Holder) (Answer, error) {
	if k.cfg.Ask == nil {
		return Answer{}, errors.New("nobody can be asked")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return k.cfg.Ask(ctx, h, stream, owner)
}

// goAhead gives a publisher its stream while the directory does not answer, unless the node
// that held it last says that its publisher lives. A stream of this node goes on with the
// next epoch, which others beat if they have claimed it since; any other one gets an epoch
// that every claim beats.
func (k *Keeper) goAhead(ctx context.Context, h *Hold, owner string) error {
	k.mu.Lock()
	last, known := k.known.recall(h.stream, time.Now())
	k.mu.Unlock()
	if known && !k.ours(last) && !k.cfg.Takeover {
		if a, err := k.ask(ctx, h.stream, owner, last); err == nil && a.Alive && !a.SameOwner {
			return &HeldError{Holder: last}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h.lease = Lease{Stream: h.stream, Holder: Holder{Node: k.cfg.Node, URL: k.cfg.NodeURL}}
	if now := k.holds[h.stream]; now != nil {
		last, known = now.lease.Holder, true
	}
	if known && k.ours(last) && !last.Provisional() {
		h.lease.Epoch = last.Epoch + 1
		return nil
	}
	k.provisional++
	h.lease.Epoch = k.provisional
	return nil
}

// asks notes that a stream is claimed, until the result is called: what the directory gives this node
// meanwhile is not lost.
func (k *Keeper) asks(stream string) (done func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking[stream]++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.asking[stream]--; k.asking[stream] == 0 {
			delete(k.asking, stream)
		}
	}
}

// doubt notes that a claim for h got no answer, so it may have been granted: also where its publisher
// gives up, and the one that it was to replace goes on.
func (k *Keeper) doubt(h *Hold) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h.uncertain = true
	if now := k.holds[h.stream]; now != nil {
		now.uncertain = true
	}
}

// enter makes a hold the stream's. Of two claims at the same time the greater epoch stays.
func (k *Keeper) enter(h *Hold) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return ErrClosed
	}
	old := k.holds[h.stream]
	if old != nil && old.lease.Beats(h.lease.Holder) && !h.lease.Provisional() {
		return &HeldError{Holder: old.lease.Holder}
	}
	if old != nil {
		k.dropLocked(old)
	}
	k.holds[h.stream] = h
	k.known.learn(h.stream, h.lease.Holder, time.Now())
	return nil
}

func (k *Keeper) learn(stream string, h Holder) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known.learn(stream, h, time.Now())
}
