package stream

import (
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// maxLinks bounds the links of one stream to other nodes: each takes what the largest
// subscriber does.
const maxLinks = 256

// A receiver is the core's side of whoever gets a stream's media: a subscriber, or a link
// to another node.
type receiver interface {
	SetPublisher(p *forwarder.Publisher)
	Pull(now time.Time, out *forwarder.Output)
	HandleRTCP(now time.Time, b []byte, out *forwarder.Output)
	Blocked(p *forwarder.OutPacket, out *forwarder.Output)
	Misfit() bool
}

// Link adds a link that carries a stream to another node, and describes what it will
// carry. It gets media after Start, from the stream's publisher of now: with another one it
// ends, by ErrGone. held says what the other node has of publisher id. ErrAbsent where the
// stream's publisher is not on this node, ErrFull at the bound.
func (r *Registry) Link(name string, sink Sink, id uint64, held []forwarder.Held) (*Subscription, forwarder.Description, error) {
	return r.feed(name, false, sink, id, held)
}

// Relay is Link for a stream that comes over a link itself: ErrAbsent where it does not.
func (r *Registry) Relay(name string, sink Sink, id uint64, held []forwarder.Held) (*Subscription, forwarder.Description, error) {
	return r.feed(name, true, sink, id, held)
}

func (r *Registry) feed(name string, relayed bool, sink Sink, id uint64, held []forwarder.Held) (*Subscription, forwarder.Description, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, forwarder.Description{}, ErrClosed
	}
	s := r.streams[name]
	if s == nil {
		return nil, forwarder.Description{}, ErrAbsent
	}
	p := s.live.Load()
	switch {
	case p == nil || p.relayed != relayed:
		return nil, forwarder.Description{}, ErrAbsent
	case s.links >= maxLinks:
		return nil, forwarder.Description{}, ErrFull
	}
	d := p.describe()
	if d.ID != id {
		held = nil
	}
	tap := forwarder.NewTap(p.up, forwarder.TapConfig{SSRC: rand.Uint32(), Held: held})
	sub := &Subscription{sink: sink, core: tap, tap: tap, link: true}
	sub.due = newDeadline(sub)
	s.links++
	r.placeLocked(s, sub)
	return sub, d, nil
}

// hear counts the subscribers that the far end of a link says it has. Only the shard calls it.
func (s *Subscription) hear() {
	if s.tap != nil {
		s.counted(s.tap.Audience())
	}
}

// counted sets how many subscribers of a link's far end are counted.
func (s *Subscription) counted(n int) {
	if n != s.below {
		s.stream.audience.Add(int64(n - s.below))
		s.below = n
	}
}

// misfit is why a subscriber or a link that cannot go on is closed.
func (s *Subscription) misfit() error {
	if s.tap != nil {
		return ErrGone
	}
	return ErrFormat
}

// ClaimLink takes a name for a publisher that is on another node. It gives way to any
// publisher of this one: then its Source is closed with ErrReplaced. ErrBusy where the
// name is taken already.
func (r *Registry) ClaimLink(name string) (*Claim, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if s := r.streams[name]; s != nil && s.claim != nil {
		return nil, ErrBusy
	}
	s := r.getLocked(name)
	c := &Claim{stream: s, made: time.Now(), relayed: true}
	s.claim = c
	return c, nil
}

func (p *Publication) describe() forwarder.Description {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up.Describe()
}

// Held returns what has come of each encoding, for another link to go on from there.
func (p *Publication) Held() []forwarder.Held {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up.Held()
}

// Resume says that packets come again after a while in which none could: what is missing
// is asked for anew.
func (p *Publication) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up.Resume()
}
