package forwarder

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// ExtensionIDs gives the id each header extension has in one session; 0: not
// negotiated.
type ExtensionIDs [codec.NumExtensions]uint8

// An Output is what one step of a Subscriber wants done: send Packets in order,
// then RTCP, pass Wishes to the publisher, and call Pull again at Deadline at the
// latest. It is reused from step to step; see Reset.
type Output struct {
	Packets []OutPacket
	RTCP    []byte      // one compound packet; empty: none
	Wishes  []*Encoding // that need a keyframe

	scratch []byte // rewritten descriptors of Packets

	Deadline time.Time // zero: nothing is due before something new arrives
	More     bool      // there is more to send now: serve others, then Pull again
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() {
	o.Packets, o.RTCP, o.Wishes, o.scratch = o.Packets[:0], o.RTCP[:0], o.Wishes[:0], o.scratch[:0]
	o.Deadline, o.More = time.Time{}, false
}

// add appends a packet to be filled in.
func (o *Output) add() *OutPacket {
	n := len(o.Packets)
	if n == cap(o.Packets) {
		o.Packets = slices.Grow(o.Packets, 1)
	}
	o.Packets = o.Packets[:n+1]
	return &o.Packets[n]
}

func (o *Output) due(t time.Time) {
	if o.Deadline.IsZero() || t.Before(o.Deadline) {
		o.Deadline = t
	}
}

// An OutPacket is one RTP packet to a subscriber: a packet of a history under
// the subscriber's numbers. [OutPacket.MarshalTo] turns it into wire form.
type OutPacket struct {
	Packet *Packet       // payload, marker and extension values
	IDs    *ExtensionIDs // the subscriber's ids

	SSRC         uint32
	Timestamp    uint32
	Seq          uint16
	TransportSeq uint16 // meaningful if IDs has TransportCC
	PayloadType  uint8

	Retransmit   bool   // payload begins with OriginalSeq (RFC 4588 §4)
	OriginalSeq  uint16 // of a retransmission
	FirstPayload bool   // Packet is sent for the first time, not again
	Padding      uint8  // bytes of padding behind the payload (RFC 3550 §5.1)
	Empty        bool   // only the number is used: no payload, no extension values
	Mark         bool   // the marker bit

	numbers    numbers      // numbers of picture and frame, where the packet has them
	renumber   codec.Format // of the payload numbers are written to; zero: it stays
	descriptor []byte       // the Dependency Descriptor instead of the packet's; nil: that
	stamp      *stamp       // values that only a link adds; nil: none
}

// header extension profiles (RFC 8285 §4.2, §4.3)
const (
	oneByteProfile = 0xBEDE
	twoByteProfile = 0x1000
	oneByteMaxID   = 14
	oneByteMaxLen  = 16
)

// Marker returns the packet's marker bit.
func (p *OutPacket) Marker() bool { return p.Mark }

// Payload returns how many bytes of payload the packet has.
func (p *OutPacket) Payload() int {
	if p.Empty {
		return 0
	}
	return len(p.Packet.Payload)
}
