package forwarder

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A group of pictures may be longer than a history: then its keyframe is left as a still, which
// subscribers are sent alone until the next one comes. A link begins with it, too: each of its
// packets says so, with its place and its own number, which may be too far from what comes live
// for one SRTP stream: so it crosses under one below that, which no late packet can have. The far
// end has it as a still from the beginning.

// stillBytes is the value of the extension that marks a packet of a still.
const stillBytes = 2 + 2 + 8

// noIndex is the place of packets that are in no history.
const noIndex = ^uint64(0)

// An arrivingStill is a still of which not all packets have come over a link.
type arrivingStill struct {
	first   uint64 // its first number
	base    uint64 // the number that packet crosses under, extended from 1<<16
	packets []*Packet
	headers []rtp.Header // theirs, of its own
	left    int          // how many of them have not come
	nack    nacker
}

// A stillPart is what a packet of a still says of itself.
type stillPart struct {
	index, total uint16
	number       uint64
}

// stillPart reads it; false where there is none.
func (p *Publisher) stillPart(h *rtp.Header) (s stillPart, ok bool) {
	if p.byID.still == 0 || !h.Extension {
		return s, false
	}
	b := h.GetExtension(p.byID.still)
	if len(b) != stillBytes {
		return s, false
	}
	s = stillPart{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint64(b[4:])}
	return s, true
}

// appendStillPart is what the packet with an index of a still says of itself.
func appendStillPart(b []byte, s *still, index int) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(index))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.packets)))
	return binary.BigEndian.AppendUint64(b, s.packets[index].Seq)
}

// takeStill takes a packet of a still, and the still once all have come. It tells whether the
// packet was new.
func (p *Publisher) takeStill(now time.Time, s *upStream, h *rtp.Header, payload []byte, part stillPart) bool {
	e, first := s.enc, part.number-uint64(part.index)
	if part.total > stillPackets || part.index >= part.total || part.number < uint64(part.index) {
		p.counts.Malformed++
		return false
	}
	if key := e.keyframe.Load(); key != nil && key.Seq >= first {
		p.counts.Duplicates++
		return false
	}
	a := s.still
	if a == nil || a.first != first || len(a.packets) != int(part.total) {
		a = &arrivingStill{
			first: first, base: 1<<16 + uint64(h.SequenceNumber-part.index),
			packets: make([]*Packet, part.total), headers: make([]rtp.Header, part.total), left: int(part.total),
		}
		a.nack.packet(a.base-1, now)
		s.still = a
	}
	if a.packets[part.index] != nil {
		p.counts.Duplicates++
		return false
	}
	a.packets[part.index], a.headers[part.index] = &Packet{
		Index: noIndex, Seq: part.number, Timestamp: h.Timestamp, At: now.Add(-p.age(h)), Marker: h.Marker,
		Payload: p.arena.copy(payload), Ext: p.arena.extensions(h, p.ids),
	}, h.Clone()
	p.counts.Packets++
	p.counts.Bytes += uint64(len(payload))
	a.nack.packet(a.base+uint64(part.index), now)
	p.hurry(now.Add(nackDelay))
	if a.left--; a.left == 0 {
		e.showStill(a, p.readStill(s, a))
		s.still = nil
		p.choose(now, s.track.Kind)
	}
	return true
}

// readStill reads what all packets of a still say, and returns the parameter sets among them. They
// are read in their order and by a reader of their own, as at the origin: to one that has read
// what came live meanwhile they are of the past. That one learns from them what holds for both.
func (p *Publisher) readStill(s *upStream, a *arrivingStill) (has codec.ParameterKind) {
	var own layerMeter
	e := s.enc
	for i, pkt := range a.packets {
		info := codec.Inspect(e.format, pkt.Payload)
		late := *pkt
		e.layers.read(e.format, info, &late)
		own.read(e.format, info, pkt)
		p.layerExtensions(s, &own.reader, &a.headers[i], pkt)
		e.learn(pkt, info)
		has |= info.Parameters
	}
	return has
}

// showStill makes a still that came over a link the last keyframe.
func (e *Encoding) showStill(a *arrivingStill, has codec.ParameterKind) {
	first := a.packets[0]
	f := frame{timestamp: first.Timestamp, first: first, seq: a.first, start: a.first, has: has}
	k := &Keyframe{
		Index: noIndex, Seq: a.first, Start: a.first, Timestamp: first.Timestamp, At: first.At,
		early: e.hist.Head(), parameters: e.missingParameters(&f),
	}
	e.still.Store(newStill(k, a.packets))
	e.keyframe.Store(k)
	e.toldAt.Store(0)
}

// live notes that a packet came which is none of a still: those of it that did not are late.
func (a *arrivingStill) live(now time.Time) { a.nack.packet(a.base+uint64(len(a.packets)), now) }
