package outbound

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

var (
	_ stream.Source = (*source)(nil)
	_ rtc.Handler   = (*source)(nil)
)

// source is a far end that sends a stream, as the stream sees it, and the handler of its peer.
type source struct {
	states
	peer      atomic.Pointer[rtc.Peer]
	feed      atomic.Pointer[stream.Publication] // nil: nobody takes it
	interrupt chan Reason                        // capacity 1: another publisher has the name

	begun, shown chan struct{} // closed with the first packet, and the first keyframe
	once         [2]sync.Once
}

func newSource() *source {
	return &source{
		states: newStates(), interrupt: make(chan Reason, 1),
		begun: make(chan struct{}), shown: make(chan struct{}),
	}
}

// OnRTP passes a packet on to the publication.
func (s *source) OnRTP(packet []byte, at time.Time) {
	if p := s.feed.Load(); p != nil {
		p.PushRTP(packet, at)
	}
}

// OnRTCP passes a report on to the publication.
func (s *source) OnRTCP(packet []byte) {
	if p := s.feed.Load(); p != nil {
		p.PushRTCP(packet)
	}
}

// WriteRTCP sends feedback to the far end.
func (s *source) WriteRTCP(compound []byte) error { return s.peer.Load().WriteRTCP(compound) }

// RTT returns the round trip to the far end; 0 if unknown.
func (s *source) RTT() time.Duration { return s.peer.Load().RTT() }

// Began lets subscribers who wait for the stream know.
func (s *source) Began(b stream.Beginning) {
	s.once[0].Do(func() { close(s.begun) })
	if b.Keyframe {
		s.once[1].Do(func() { close(s.shown) })
	}
}

// Close says that another publisher has taken the name. It does not block.
func (s *source) Close(error) {
	select {
	case s.interrupt <- Taken:
	default:
	}
}
