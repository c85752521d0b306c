package stream

import (
	"sync/atomic"

	"github.com/whippet-media/whippet/forwarder"
)

// Caps bound what subscribers are sent, in bits per second; 0: no bound. Those of a
// stream and of the node are shared out evenly among the subscribers there are; each
// gets the best layers that fit its part.
type Caps struct {
	Session, Stream, Node int64
}

func (c *Caps) none() bool { return *c == Caps{} }

// A share is each subscriber's part of a cap that n of them have together.
type share struct{ each atomic.Int64 }

func (s *share) divide(all int64, n int) {
	each := int64(0)
	if all > 0 {
		each = max(all/int64(max(n, 1)), 1)
	}
	s.each.Store(each)
}

// lesser returns the lower of two caps, of which 0 is none.
func lesser(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// shareOutLocked divides the caps anew after a subscriber of s came or left.
func (r *Registry) shareOutLocked(s *stream) {
	s.share.divide(lesser(r.cfg.Caps.Stream, s.set().MaxBitrate), s.subs)
	r.share.divide(r.cfg.Caps.Node, r.subs)
}

// Limit bounds what this subscriber is sent, in bits per second, besides the caps; 0: no
// more than they do. Call it once, before the subscriber is connected.
func (s *Subscription) Limit(bitrate int64) { s.limit.Store(bitrate) }

// LimitSize bounds the pictures this subscriber is sent, in pixels, whatever it selects;
// 0: no bound. Where the publisher sends nothing so small, the least it sends is sent.
// Call it once, before the subscriber is connected.
func (s *Subscription) LimitSize(width, height int) {
	s.width, s.height = width, height
	if width > 0 || height > 0 {
		s.Select(forwarder.Selection{})
	}
}

// capped tells whether anything bounds the subscriber, or may have done so.
func (s *Subscription) capped() bool {
	return !s.stream.reg.cfg.Caps.none() || s.limit.Load() > 0 || s.stream.own.Load() != nil
}

// cap is what the subscriber may be sent now; 0: no bound.
func (s *Subscription) cap() int64 {
	r := s.stream.reg
	own := lesser(lesser(r.cfg.Caps.Session, s.stream.set().MaxSessionBitrate), s.limit.Load())
	return lesser(lesser(own, s.stream.share.each.Load()), r.share.each.Load())
}
