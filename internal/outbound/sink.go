package outbound

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

var (
	_ stream.Sink = (*sink)(nil)
	_ rtc.Handler = (*sink)(nil)
)

// sink is a far end that gets a stream, as its shard sees it, and the handler of its peer. Bind,
// WriteRTP and WriteRTCP belong to the shard, one call at a time.
type sink struct {
	states
	session   *session // set before the sink subscribes
	sub       atomic.Pointer[stream.Subscription]
	ready     atomic.Bool // the peer is connected
	interrupt chan Reason // capacity 1: the stream cannot serve the session any more

	batch *rtc.Batch
	out   *rtc.Writer
}

func newSink() *sink { return &sink{states: newStates(), interrupt: make(chan Reason, 1)} }

// receive makes the sink that of a subscription.
func (s *sink) receive(sub *stream.Subscription) {
	s.sub.Store(sub)
	s.start()
}

// start lets media flow once there is both, a peer that is connected and a subscription.
func (s *sink) start() {
	if sub := s.sub.Load(); sub != nil && s.ready.Load() {
		sub.Start()
	}
}

// OnRTP drops what the far end sends: it has nothing to send but feedback.
func (s *sink) OnRTP([]byte, time.Time) {}

// OnRTCP passes feedback on to the shard.
func (s *sink) OnRTCP(packet []byte) {
	if sub := s.sub.Load(); sub != nil {
		sub.PushRTCP(packet)
	}
}

// OnState begins to send when the peer is connected.
func (s *sink) OnState(state rtc.State) {
	if state == rtc.Connected {
		s.ready.Store(true)
		s.start()
	}
	s.states.OnState(state)
}

// Bind takes no part in the shard's batch, which is of the node's own socket.
func (s *sink) Bind(stream.Batch) {
	s.batch = s.session.transport.NewBatch()
	s.out = s.session.peer.Writer(s.batch)
}

// WriteRTP sends a packet at once.
func (s *sink) WriteRTP(p *forwarder.OutPacket) error {
	n, err := p.MarshalTo(s.out.Room())
	if err != nil {
		return err
	}
	if err := s.out.SendRTP(n); err != nil {
		if errors.Is(err, rtc.ErrQueueFull) {
			return stream.ErrQueueFull
		}
		return err
	}
	s.batch.Flush()
	return nil
}

// WriteRTCP sends a compound packet at once.
func (s *sink) WriteRTCP(compound []byte) error {
	err := s.out.WriteRTCP(compound)
	s.batch.Flush()
	return err
}

// Began does nothing: nobody measures how soon a far end gets media.
func (s *sink) Began(stream.Beginning) {}

// Close says that the stream sends what was not agreed on. It does not block.
func (s *sink) Close(error) {
	select {
	case s.interrupt <- Misfit:
	default:
	}
}
