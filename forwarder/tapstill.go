package forwarder

import (
	"encoding/binary"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// pullStill appends what is left of the still that a link begins with, and tells whether
// nothing is.
func (t *Tap) pullStill(now time.Time, s *tapStream, out *Output) bool {
	if key := s.enc.keyframe.Load(); s.still == nil && key != nil && key.Index == noIndex && key != s.stillOf {
		s.hold(key) // one that came over a link of ours after this one had begun
	}
	if s.still == nil {
		return true
	}
	if s.stillAt.IsZero() {
		s.stillAt = now
	}
	for ; s.shown < len(s.still.packets); s.shown++ {
		p := s.still.packets[s.shown]
		if !t.pacer.Allow(now, len(p.Payload)+packetOverhead) {
			out.due(t.pacer.Next())
			return false
		}
		t.counts.Packets++
		t.counts.Bytes += uint64(len(p.Payload))
		t.putStill(s, s.shown, out).FirstPayload = true
	}
	if s.highest > s.stillSeq+stillReach {
		s.still = nil // other packets have its numbers soon
	}
	return true
}

// putStill appends a packet of the still, each time the same: its age is what it was when
// the still was first sent.
func (t *Tap) putStill(s *tapStream, i int, out *Output) *OutPacket {
	p := s.still.packets[i]
	age := min(max(s.stillAt.Sub(p.At), 0), longestAge) / time.Millisecond
	more := &stamp{values: []ExtensionValue{
		{codec.Still, appendStillPart(nil, s.still, i)},
		{codec.Age, binary.BigEndian.AppendUint16(nil, uint16(age))},
	}}
	if s.fresh != nil {
		more.values = append(more.values, s.fresh.values...)
	}
	o := out.add()
	*o = OutPacket{
		Packet: p, IDs: &t.ids, SSRC: s.enc.id, PayloadType: s.enc.pt,
		Seq: uint16(s.stillSeq) + uint16(i), Timestamp: p.Timestamp, Mark: p.Marker, stamp: more,
	}
	return o
}

// hold takes the still of a keyframe that has left the history to be sent before what comes
// live, unless its numbers may have been used on this link.
func (s *tapStream) hold(key *Keyframe) {
	still, edge := s.enc.still.Load(), s.enc.edge.Load()
	if still == nil || still.key != key || edge == nil {
		return
	}
	s.stillOf = key
	above := edge.Seq
	if s.lowest != 0 && s.floor == 0 {
		above = s.lowest
	}
	below := uint64(maxMisorder + len(still.packets))
	if above < below || above-below <= s.floor || s.highest > above-below+stillReach {
		return
	}
	s.still, s.shown, s.stillAt, s.stillSeq = still, 0, time.Time{}, above-below
	s.highest = max(s.highest, above-maxMisorder-1)
}

// resendStill sends a packet of the still again if the number is one of those it was sent under.
func (t *Tap) resendStill(s *tapStream, seq uint16, out *Output) bool {
	if s.still == nil {
		return false
	}
	i := int(seq - uint16(s.stillSeq))
	if i >= s.shown {
		return false
	}
	t.putStill(s, i, out)
	return true
}
