package forwardertest

import (
	"bytes"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// oracle watches one track as it leaves the core: everything that was ever sent
// under each number, in the order of numbers.
type oracle struct {
	s       *subscriber
	kind    codec.Kind
	sent    map[uint64]*sentRecord
	started bool
	highest uint64
	rtx     map[uint16]bool
}

// sentRecord is what went out under a number.
type sentRecord struct {
	wire      []byte
	payload   []byte
	timestamp uint32
	marker    bool
	content   content
	media     bool // content is valid
}

// keepRecords is how many numbers back the oracle looks.
const keepRecords = 8192

func newOracle(s *subscriber, kind codec.Kind) oracle {
	return oracle{s: s, kind: kind, sent: map[uint64]*sentRecord{}, rtx: map[uint16]bool{}}
}

func (o *oracle) fail(format string, args ...any) {
	o.s.w.fail("subscriber %d %v: "+format, append([]any{o.s.index, o.kind}, args...)...)
}

func (o *oracle) packet(p *rtp.Packet, wire []byte, rtx bool) {
	if rtx {
		o.retransmission(p)
		return
	}
	ext := o.extend(p.SequenceNumber)
	if old := o.sent[ext]; old != nil {
		if !bytes.Equal(old.wire, wire) {
			o.fail("wire: number %d carries two packets", p.SequenceNumber)
		}
		return
	}
	r := &sentRecord{wire: wire, payload: p.Payload, timestamp: p.Timestamp, marker: p.Marker}
	r.content, r.media = parseContent(p.Payload)
	o.sent[ext] = r
	delete(o.sent, ext-keepRecords)
	o.neighbours(ext, r)
}

func (o *oracle) extend(seq uint16) uint64 {
	if !o.started {
		o.started, o.highest = true, 1<<16+uint64(seq)
	}
	ext := uint64(int64(o.highest) + int64(int16(seq-uint16(o.highest))))
	o.highest = max(o.highest, ext)
	return ext
}

// retransmission must repeat a payload that was sent, under a number of its own.
func (o *oracle) retransmission(p *rtp.Packet) {
	if len(p.Payload) < 2 {
		o.fail("wire: retransmission without an original number")
		return
	}
	if o.rtx[p.SequenceNumber] {
		o.fail("wire: retransmission number %d is used twice", p.SequenceNumber)
	}
	o.rtx[p.SequenceNumber] = true
	delete(o.rtx, p.SequenceNumber-20000)
	osn := uint16(p.Payload[0])<<8 | uint16(p.Payload[1])
	old := o.sent[o.extend(osn)]
	if old == nil || !bytes.Equal(old.payload, p.Payload[2:]) || old.timestamp != p.Timestamp || old.marker != p.Marker {
		o.fail("wire: retransmission of %d is not what was sent", osn)
	}
}

// neighbours checks a packet against those right before and after it.
func (o *oracle) neighbours(ext uint64, r *sentRecord) {
	if prev := o.sent[ext-1]; prev != nil {
		o.pair(ext, prev, r)
	}
	if next := o.sent[ext+1]; next != nil {
		o.pair(ext+1, r, next)
	}
}

// pair checks two packets whose numbers follow on each other: b comes under n.
func (o *oracle) pair(n uint64, a, b *sentRecord) {
	step := int32(b.timestamp - a.timestamp)
	if step < 0 {
		o.fail("wire: timestamp steps back by %d at %d", -step, uint16(n))
	}
	if !b.media || !a.media {
		return
	}
	// A frame sent whole may be sent again as another one: a restart does that.
	again := a.content.part == a.content.parts-1 && b.content.part == 0 && step > 0
	same := a.content.sameFrame(b.content) && !again
	if same && step != 0 || !same && step == 0 {
		o.fail("wire: timestamps do not tell frames apart at %d: step %d, same %v", uint16(n), step, same)
	}
	if o.kind == codec.Audio {
		return
	}
	switch {
	case same && b.content.part != a.content.part+1:
		o.fail("wire: part %d after %d of a frame at %d", b.content.part, a.content.part, uint16(n))
	case same:
	case a.content.part != a.content.parts-1 || !a.marker && !o.s.w.opt.NoMarkers:
		o.fail("wire: an unfinished frame passes as whole before %d", uint16(n))
	case b.content.part != 0:
		o.fail("wire: a frame begins with part %d at %d", b.content.part, uint16(n))
	case !b.content.follows(a.content):
		o.fail("decoder: frame %d/%d/%d is not decodable after %d/%d/%d at %d",
			b.content.publisher, b.content.encoding, b.content.frame,
			a.content.publisher, a.content.encoding, a.content.frame, uint16(n))
	}
}
