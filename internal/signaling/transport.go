package signaling

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/stream"
)

var (
	_ stream.Source = (*Source)(nil)
	_ stream.Sink   = (*Sink)(nil)
)

// PeerConfig returns what a peer needs of an offer. The caller adds Send and Handler.
func PeerConfig(o *sdp.Offer) rtc.PeerConfig {
	cfg := rtc.PeerConfig{
		Ufrag:      o.Ufrag,
		Pwd:        o.Pwd,
		Setup:      rtc.Setup(o.Setup),
		Lite:       o.Lite,
		Candidates: o.Candidates,
	}
	for _, f := range o.Fingerprints {
		cfg.Fingerprints = append(cfg.Fingerprints, rtc.Fingerprint(f))
	}
	for i := range o.Sections {
		if s := &o.Sections[i]; s.Accepted {
			cfg.Sections = append(cfg.Sections, rtc.Section{MID: s.MID, Kind: s.Kind})
		}
	}
	return cfg
}

// A Feed is where a publisher's packets go. The slices are borrowed until return.
type Feed interface {
	PushRTP(packet []byte, at time.Time)
	PushRTCP(compound []byte)
}

// A Source is a publisher's peer as its stream sees it, and the handler of that peer.
// Packets that come before Feed is called are dropped; there are none, since the
// client does not know our credentials yet.
type Source struct {
	session *Session
	peer    atomic.Pointer[rtc.Peer]
	feed    atomic.Pointer[Feed]
}

// NewSource returns the source of a publisher's session.
func NewSource(s *Session) *Source { return &Source{session: s} }

// Attach tells the source its peer. Call it before the stream is given the source.
func (s *Source) Attach(p *rtc.Peer) { s.peer.Store(p) }

// Feed sends all packets of the peer to f from now on.
func (s *Source) Feed(f Feed) { s.feed.Store(&f) }

// OnRTP passes a packet on to the stream.
func (s *Source) OnRTP(packet []byte, at time.Time) {
	if f := s.feed.Load(); f != nil {
		(*f).PushRTP(packet, at)
	}
}

// OnRTCP passes a compound packet on to the stream.
func (s *Source) OnRTCP(packet []byte) {
	if f := s.feed.Load(); f != nil {
		(*f).PushRTCP(packet)
	}
}

// OnState passes the peer's state on to the session.
func (s *Source) OnState(state rtc.State) { s.session.OnState(state) }

// WriteRTCP sends feedback to the publisher.
func (s *Source) WriteRTCP(compound []byte) error { return s.peer.Load().WriteRTCP(compound) }

// RTT returns the round-trip time to the publisher, 0 if it is not known yet.
func (s *Source) RTT() time.Duration { return s.peer.Load().RTT() }

// Began tells the session that media comes.
func (s *Source) Began(b stream.Beginning) {
	s.session.OnBegin(b)
	if !b.Keyframe {
		s.session.OnMedia()
	}
}

// Close ends the publisher's session soon; the stream calls it when another publisher
// took the name over, or when this one sends more than it may. It does not block.
func (s *Source) Close(reason error) {
	switch {
	case errors.Is(reason, stream.ErrBounds):
		s.session.End(OverLimit)
	case errors.Is(reason, stream.ErrElsewhere):
		s.session.End(Elsewhere)
	default:
		s.session.End(Replaced)
	}
}

// A Receiver is the stream's side of a subscriber: it is told, once or more often, that
// media may be sent, and gets the subscriber's feedback, which is borrowed until return.
type Receiver interface {
	Start()
	PushRTCP(compound []byte)
}

// A Sink is a subscriber's peer as its shard sees it, and the handler of that peer.
// Bind, WriteRTP and WriteRTCP belong to the shard, one call at a time.
type Sink struct {
	session   *Session
	peer      atomic.Pointer[rtc.Peer]
	receiver  atomic.Pointer[Receiver]
	connected atomic.Bool
	misfit    func()
	out       *rtc.Writer
}

// NewSink returns the sink of a subscriber's session. misfit is called once, just before
// the session ends because only a new one can receive what the publisher sends; it must
// not block.
func NewSink(s *Session, misfit func()) *Sink { return &Sink{session: s, misfit: misfit} }

// Attach tells the sink its peer. Call it before the stream is given the sink.
func (s *Sink) Attach(p *rtc.Peer) { s.peer.Store(p) }

// Report sends the peer's feedback and its being connected to r from now on.
func (s *Sink) Report(r Receiver) {
	s.receiver.Store(&r)
	s.startIfConnected()
}

// startIfConnected may tell the shard twice, but never not at all: either Report sees
// that the peer is connected, or OnState sees the receiver.
func (s *Sink) startIfConnected() {
	if r := s.receiver.Load(); r != nil && s.connected.Load() {
		(*r).Start()
	}
}

// OnRTP drops what subscribers send: they have nothing to send but feedback.
func (s *Sink) OnRTP([]byte, time.Time) {}

// OnRTCP passes feedback on to the shard.
func (s *Sink) OnRTCP(packet []byte) {
	if r := s.receiver.Load(); r != nil {
		(*r).PushRTCP(packet)
	}
}

// OnState passes the peer's state on to the session, and to the shard that it may send.
func (s *Sink) OnState(state rtc.State) {
	if state == rtc.Connected {
		s.connected.Store(true)
		s.startIfConnected()
	}
	s.session.OnState(state)
}

// WriteRTP sends a packet. It does not allocate and does not keep p. A full queue is
// stream.ErrQueueFull.
func (s *Sink) WriteRTP(p *forwarder.OutPacket) error {
	n, err := p.MarshalTo(s.out.Room())
	if err != nil {
		return err
	}
	err = s.out.SendRTP(n)
	if errors.Is(err, rtc.ErrQueueFull) {
		return stream.ErrQueueFull
	}
	return err
}

// WriteRTCP sends a compound packet.
func (s *Sink) WriteRTCP(compound []byte) error { return s.out.WriteRTCP(compound) }

// Bind takes the shard's batch, one that NewBatch of the peer's Transport made.
func (s *Sink) Bind(b stream.Batch) {
	s.out = s.peer.Load().Writer(b.(*rtc.Batch)) //nolint:forcetypeassert // as the node is wired
}

// Began tells the session that media is sent.
func (s *Sink) Began(b stream.Beginning) { s.session.OnBegin(b) }

// Close ends the subscriber's session soon; the stream calls it when it can serve the
// subscriber no more. It does not block.
func (s *Sink) Close(reason error) {
	if errors.Is(reason, stream.ErrFormat) {
		s.misfit()
	}
	s.session.End(StreamEnd)
}
