package stream

import (
	"context"
	"time"
)

// A Directory arbitrates names between the nodes of a cluster. It is safe for concurrent
// use, and never called with a lock of this package held.
type Directory interface {
	// Claim takes a name for a publisher of this node, whoever else of the node had it:
	// that is decided. It returns ErrBusy if a live publisher of another node keeps it, by
	// the rules of [Registry.Claim]. lost is called when another node has the name, at most
	// once, and does not block.
	Claim(ctx context.Context, name, owner string, lost func()) (Hold, error)
}

// A Hold is a name that this node holds in its cluster.
type Hold interface {
	// Epoch is the number of the name's publisher in the whole cluster: the next one has a
	// greater one, on whatever node. It may grow. Epoch does not block, and may be called
	// with locks held.
	Epoch() int64
	// Release gives the name back. It may wait a moment for the other nodes to know.
	// Releasing twice, or what is lost, does nothing.
	Release()
}

// claimThere takes the claim's name in the cluster, if there is one.
func (c *Claim) claimThere(ctx context.Context, d Directory) error {
	if d == nil {
		return nil
	}
	select {
	case c.stream.turn <- struct{}{}:
		defer func() { <-c.stream.turn }()
	case <-ctx.Done(): // replaced, or the caller waits no longer
		return ErrBusy
	}
	if c.ended() {
		return ErrBusy
	}
	hold, err := d.Claim(ctx, c.stream.name, c.owner, c.lost)
	if err != nil && c.ended() {
		return ErrBusy
	}
	if err != nil {
		return err
	}
	c.stream.succeeded()
	c.mu.Lock()
	ended := c.end
	if !ended {
		c.hold, c.made = hold, time.Now() // its publisher's time begins now
	}
	c.mu.Unlock()
	if ended { // replaced or lost meanwhile
		hold.Release()
		return ErrBusy
	}
	return nil
}

// succeeded ends the publisher of this node that had the name: the directory has just given it to
// another one, who may be replaced himself before he gets it here.
func (s *stream) succeeded() {
	s.reg.mu.Lock()
	old := s.claim
	s.reg.mu.Unlock()
	if old != nil && !old.relayed {
		old.close(ErrReplaced)
	}
}

func (c *Claim) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// lost ends a claim whose name another node has.
func (c *Claim) lost() {
	c.close(ErrElsewhere)
	c.forget()
}

// forget makes the name free on this node.
func (c *Claim) forget() {
	s := c.stream
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	if s.claim == c {
		s.claim = nil
	}
	if s.pending == c {
		s.pending = nil
	}
	s.reg.dropLocked(s)
}

// publisherLocked returns the claim of a publisher of this node, of the one to come if there
// are two; nil if there is none. Registry.mu is held.
func (s *stream) publisherLocked() *Claim {
	switch {
	case s.pending != nil:
		return s.pending
	case s.claim != nil && !s.claim.relayed:
		return s.claim
	}
	return nil
}

// takeHold returns the claim's hold to the caller who must release it, nil if there is none.
func (c *Claim) takeHold() Hold {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hold
	c.hold = nil
	return h
}

// Holder tells other nodes about the name's publisher on this one: who owns it, and whether
// it is alive by the rules of [Registry.Claim]. One that has just claimed the name is.
func (r *Registry) Holder(name string) (owner string, alive bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[name]
	if s == nil {
		return "", false
	}
	c := s.publisherLocked()
	if c == nil {
		return "", false
	}
	return c.owner, c.alive(time.Now())
}

// Epoch returns the number of the stream's publisher in the cluster, see [Hold.Epoch]; 0
// if there is no publisher or no cluster.
func (r *Registry) Epoch(name string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[name]
	if s == nil || s.claim == nil {
		return 0
	}
	return s.claim.epoch()
}

func (c *Claim) epoch() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold == nil || c.end {
		return 0
	}
	return c.hold.Epoch()
}
