package forwarder

import (
	"encoding/binary"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A sentAs is how a number left: what leaves under it again must be the same, since a number
// is encrypted with its own key stream.
type sentAs struct {
	number  uint64
	travels uint32 // as Packet.Travels
	age     uint16 // ms
	old     bool   // the age is told
	left    uint16 // as Packet.Left
}

// plain tells whether it left as it is.
func (r *sentAs) plain() bool { return r.travels == 0 && !r.old }

// move goes to a position, which may be one it was at before.
func (s *tapStream) move(pos uint64) { s.pos, s.floor, s.begun = pos, s.highest, false }

// mark notes how p is sent, at an age. Only what is old when it is first sent tells so:
// mostly what is sent when the link begins.
func (s *tapStream) mark(p *Packet, age time.Duration) {
	if p.Seq <= s.floor {
		return // as before, if it left before
	}
	if s.lowest == 0 {
		s.lowest = p.Seq
	}
	s.highest = max(s.highest, p.Seq)
	r := sentAs{number: p.Seq, travels: s.travelsWith(p), left: p.Left}
	if age > linkFresh {
		r.age, r.old = uint16(min(age, longestAge)/time.Millisecond), true
	}
	if r.left == 0 && s.leaves(p) {
		r.left = uint16(len(p.Payload))
	}
	if r.plain() {
		return // what is not in the records left as it is
	}
	if s.records == nil {
		s.records = make([]sentAs, linkSent)
	}
	s.records[p.Seq%linkSent] = r
}

// record returns how a number left; the zero sentAs if it left as it is, false if how it did is
// forgotten.
func (s *tapStream) record(number uint64) (sentAs, bool) {
	if s.records == nil {
		return sentAs{}, true
	}
	r := s.records[number%linkSent]
	switch {
	case r.number == number:
		return r, true
	case r.number > number:
		return sentAs{}, false
	}
	return sentAs{}, true
}

// as is what leaves for p, and what is added to it.
func (s *tapStream) as(p *Packet) (*Packet, *stamp) {
	r, _ := s.record(p.Seq)
	if r.number == 0 { // as it came
		r.travels, r.left = p.Travels, p.Left
	}
	if r.plain() {
		return p, s.fresh
	}
	out := &stamp{}
	if r.old {
		out.values = append(out.values, ExtensionValue{codec.Age, binary.BigEndian.AppendUint16(nil, r.age)})
	}
	if r.travels != 0 {
		b := binary.BigEndian.AppendUint32(nil, r.travels)
		out.values = append(out.values, ExtensionValue{codec.Travels, binary.BigEndian.AppendUint16(b, r.left)})
	}
	if s.fresh != nil {
		out.values = append(out.values, s.fresh.values...)
	}
	if r.left == 0 || len(p.Payload) <= stubBytes {
		return p, out
	}
	stub := *p
	stub.Payload = p.Payload[:stubBytes]
	return &stub, out
}
