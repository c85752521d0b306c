package forwarder

import (
	"encoding/binary"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A sentStill is a still that a link begins with.
type sentStill struct {
	*still
	shown int       // how much of it was sent
	at    time.Time // when the first of it was
	seq   uint64    // the number that its first packet is sent under
}

// pullStill appends what is left of the still that a link begins with, and tells whether
// nothing is.
func (t *Tap) pullStill(now time.Time, s *tapStream, out *Output) bool {
	if key := s.enc.keyframe.Load(); s.still == nil && key != nil && key.Index == noIndex && key != s.stillOf {
		s.hold(key) // one that came over a link of ours after this one had begun
	}
	if s.still == nil {
		return true
	}
	st := s.still
	if st.at.IsZero() {
		st.at = now
	}
	for ; st.shown < len(st.packets); st.shown++ {
		p := st.packets[st.shown]
		if !t.pacer.Allow(now, len(p.Payload)+packetOverhead) {
			out.due(t.pacer.Next())
			return false
		}
		t.counts.Packets++
		t.counts.Bytes += uint64(len(p.Payload))
		t.putStill(s, st.shown, out).FirstPayload = true
	}
	if s.highest > st.seq+stillReach {
		s.still = nil // other packets have its numbers soon
	}
	return true
}

// putStill appends a packet of the still, each time the same: its age is what it was when
// the still was first sent.
func (t *Tap) putStill(s *tapStream, i int, out *Output) *OutPacket {
	p := s.still.packets[i]
	age := min(max(s.still.at.Sub(p.At), 0), longestAge) / time.Millisecond
	more := &stamp{values: []ExtensionValue{
		{codec.Still, appendStillPart(nil, s.still.still, i)},
		{codec.Age, binary.BigEndian.AppendUint16(nil, uint16(age))},
	}}
	if s.fresh != nil {
		more.values = append(more.values, s.fresh.values...)
	}
	o := out.add()
	*o = OutPacket{
		Packet: p, IDs: &t.ids, SSRC: s.enc.id, PayloadType: s.enc.pt,
		Seq: uint16(s.still.seq) + uint16(i), Timestamp: p.Timestamp, Mark: p.Marker, stamp: more,
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
	if above < below || above-below <= max(s.floor, s.stilled) || s.highest > above-below+stillReach {
		return
	}
	s.still = &sentStill{still: still, seq: above - below}
	s.stilled = above - maxMisorder - 1
	s.highest = max(s.highest, above-maxMisorder-1)
}

// resendStill sends a packet of the still again if the number is one of those it was sent under.
func (t *Tap) resendStill(s *tapStream, seq uint16, out *Output) bool {
	if s.still == nil {
		return false
	}
	i := int(seq - uint16(s.still.seq))
	if i >= s.still.shown {
		return false
	}
	t.putStill(s, i, out)
	return true
}
