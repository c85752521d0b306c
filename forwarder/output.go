package forwarder

import (
	"time"

	"github.com/pion/rtp"
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

	Deadline time.Time // zero: nothing is due before something new arrives
	More     bool      // there is more to send now: serve others, then Pull again
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() {
	o.Packets, o.RTCP, o.Wishes = o.Packets[:0], o.RTCP[:0], o.Wishes[:0]
	o.Deadline, o.More = time.Time{}, false
}

func (o *Output) due(t time.Time) {
	if o.Deadline.IsZero() || t.Before(o.Deadline) {
		o.Deadline = t
	}
}

// An OutPacket is one RTP packet to a subscriber: a packet of a history under
// the subscriber's numbers. [PacketWriter] turns it into wire form.
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
}

// A PacketWriter turns OutPackets into an RTP header and a payload without
// allocating, using memory of its own. The zero value is ready; not safe for
// concurrent use.
type PacketWriter struct {
	header    rtp.Header
	transport [2]byte
	repair    [maxPacket + 2]byte
}

// header extension profiles (RFC 8285 §4.2, §4.3)
const (
	oneByteProfile = 0xBEDE
	twoByteProfile = 0x1000
	oneByteMaxID   = 14
	oneByteMaxLen  = 16
)

// Fill returns p's header and payload. Both are borrowed until the next Fill;
// the payload may be the history's memory and must not be changed.
func (w *PacketWriter) Fill(p *OutPacket) (*rtp.Header, []byte) {
	h := &w.header
	h.Version, h.Marker, h.PayloadType = 2, p.Packet.Marker, p.PayloadType
	h.SequenceNumber, h.Timestamp, h.SSRC = p.Seq, p.Timestamp, p.SSRC
	h.Extension, h.Extensions = false, h.Extensions[:0]
	w.extensions(p)
	payload := p.Packet.Payload
	if p.Retransmit {
		w.repair[0], w.repair[1] = byte(p.OriginalSeq>>8), byte(p.OriginalSeq)
		payload = w.repair[:2+copy(w.repair[2:], payload)]
	}
	return h, payload
}

func (w *PacketWriter) extensions(p *OutPacket) {
	w.profile(p)
	if id := p.IDs[codec.TransportCC]; id != 0 {
		w.transport[0], w.transport[1] = byte(p.TransportSeq>>8), byte(p.TransportSeq)
		w.set(id, w.transport[:])
	}
	for i := range p.Packet.Ext {
		if e := &p.Packet.Ext[i]; p.IDs[e.Ext] != 0 {
			w.set(p.IDs[e.Ext], e.Data)
		}
	}
}

// profile chooses one-byte headers unless a value or an id does not fit.
func (w *PacketWriter) profile(p *OutPacket) {
	w.header.ExtensionProfile = oneByteProfile
	for i := range p.Packet.Ext {
		e := &p.Packet.Ext[i]
		id := p.IDs[e.Ext]
		if id > oneByteMaxID || id != 0 && (len(e.Data) > oneByteMaxLen || len(e.Data) == 0) {
			w.header.ExtensionProfile = twoByteProfile
		}
	}
	if p.IDs[codec.TransportCC] > oneByteMaxID {
		w.header.ExtensionProfile = twoByteProfile
	}
}

func (w *PacketWriter) set(id uint8, value []byte) {
	w.header.Extension = true
	// Ids and lengths fit by the choice of profile; what pion refuses is left out.
	_ = w.header.SetExtension(id, value)
}

// Marker returns the packet's marker bit.
func (p *OutPacket) Marker() bool { return p.Packet.Marker }
