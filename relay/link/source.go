package link

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

var _ stream.Source = (*source)(nil)

// source is a publisher on another node as its stream sees it: one link after the other.
type source struct {
	peer     atomic.Pointer[rtc.Peer] // of the link of now; nil: there is none
	replaced chan struct{}            // capacity 1: a publisher of this node took the name
}

func newSource() *source { return &source{replaced: make(chan struct{}, 1)} }

// An intake is where the packets of one publisher go in, from one link, or from two while
// one takes over.
type intake struct {
	mu  sync.Mutex // held while a packet goes in
	pub *stream.Publication
}

func (i *intake) push(packet []byte, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pub.PushRTP(packet, at)
}

var errNoLink = errors.New("link: there is none now")

// WriteRTCP sends feedback to the origin.
func (s *source) WriteRTCP(compound []byte) error {
	if p := s.peer.Load(); p != nil {
		return p.WriteRTCP(compound)
	}
	return errNoLink
}

// RTT returns the round trip to the origin; 0 if unknown.
func (s *source) RTT() time.Duration {
	if p := s.peer.Load(); p != nil {
		return p.RTT()
	}
	return 0
}

// Began does nothing: nobody measures how soon a link carries media.
func (s *source) Began(stream.Beginning) {}

// Close says that a publisher of this node has taken the name.
func (s *source) Close(error) {
	select {
	case s.replaced <- struct{}{}:
	default:
	}
}
