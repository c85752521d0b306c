package forwardertest

import (
	"bytes"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// oracle watches one track as it leaves the core: everything that was ever sent
// under each number. What two neighbours tell is judged at once, the rest in the
// order of numbers once nothing can come between any more: see sequence.
type oracle struct {
	s        *subscriber
	kind     codec.Kind
	sent     map[uint64]*sentRecord
	started  bool
	highest  uint64
	rtx      map[uint16]bool
	refused  map[uint64]bool // numbers of packets that the sink did not take
	sequence sequence
}

// sentRecord is what went out under a number.
type sentRecord struct {
	wire       []byte
	payload    []byte
	timestamp  uint32
	marker     bool
	descriptor []byte // nil: none
	content    content
	media      bool   // content is valid
	came       uint64 // packets that had come to the core by then
}

// keepRecords is how many numbers back the oracle looks.
const keepRecords = 8192

func (o *oracle) start(s *subscriber, kind codec.Kind) {
	o.s, o.kind, o.sent, o.rtx = s, kind, map[uint64]*sentRecord{}, map[uint16]bool{}
	o.refused = map[uint64]bool{}
	o.sequence.start(o)
}

func (o *oracle) fail(format string, args ...any) {
	o.s.w.fail("subscriber %d %v: "+format, append([]any{o.s.index, o.kind}, args...)...)
}

func (o *oracle) packet(p *rtp.Packet, wire []byte, rtx bool) {
	o.extensions(p)
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
	r := &sentRecord{
		wire: wire, payload: p.Payload, timestamp: p.Timestamp, marker: p.Marker,
		descriptor: p.GetExtension(subDescriptorID), came: o.s.w.pub.came,
	}
	r.content, r.media = parseContent(p.Payload)
	o.sent[ext] = r
	delete(o.sent, ext-keepRecords)
	if r.media {
		o.sameAsSent(p, &r.content)
	}
	o.neighbours(ext, r)
	o.sequence.look(ext)
}

func (o *oracle) extend(seq uint16) uint64 {
	if !o.started {
		o.started, o.highest = true, 1<<16+uint64(seq)
	}
	ext := uint64(int64(o.highest) + int64(int16(seq-uint16(o.highest))))
	o.highest = max(o.highest, ext)
	return ext
}

// refuse notes that the sink was full when a number was to be sent.
func (o *oracle) refuse(seq uint16) {
	ext := o.extend(seq)
	if o.sent[ext] == nil {
		o.refused[ext] = true
	}
	delete(o.refused, ext-keepRecords)
}

// retransmission must repeat a payload that was sent, under a number of its own. One
// without payload is a probe.
func (o *oracle) retransmission(p *rtp.Packet) {
	if o.rtx[p.SequenceNumber] {
		o.fail("wire: retransmission number %d is used twice", p.SequenceNumber)
	}
	o.rtx[p.SequenceNumber] = true
	delete(o.rtx, p.SequenceNumber-20000)
	if len(p.Payload) == 0 && p.PaddingSize > 0 {
		return
	}
	if len(p.Payload) < 2 {
		o.fail("wire: retransmission without an original number")
		return
	}
	osn := uint16(p.Payload[0])<<8 | uint16(p.Payload[1])
	old := o.sent[o.extend(osn)]
	if old == nil || !bytes.Equal(old.payload, p.Payload[2:]) || old.timestamp != p.Timestamp || old.marker != p.Marker ||
		!bytes.Equal(old.descriptor, p.GetExtension(subDescriptorID)) {
		o.fail("wire: retransmission of %d is not what was sent", osn)
	}
}

// extensions sees to it that only what was negotiated goes out.
func (o *oracle) extensions(p *rtp.Packet) {
	for _, id := range p.GetExtensionIDs() {
		if !o.s.negotiated[id] {
			o.fail("wire: header extension %d was not negotiated", id)
		}
	}
}

// sameAsSent compares a packet with what left the publisher: all but the numbers
// that are rewritten must be the same.
func (o *oracle) sameAsSent(p *rtp.Packet, c *content) {
	from := o.s.w.original(c)
	if from == nil {
		return
	}
	if !from.like(p.Payload) {
		o.fail("wire: payload of %d is not what the publisher sent", p.SequenceNumber)
	}
	want := from.captured
	if !o.s.negotiated[subClockID] {
		want = nil
	}
	if !bytes.Equal(p.GetExtension(subClockID), want) {
		o.fail("wire: capture time of %d is not what the publisher sent", p.SequenceNumber)
	}
}

// neighbours checks a packet against those right before and after it, past what is
// no media.
func (o *oracle) neighbours(ext uint64, r *sentRecord) {
	if prev := o.sent[ext-1]; prev != nil {
		o.order(ext, prev, r)
	}
	if next := o.sent[ext+1]; next != nil {
		o.order(ext+1, r, next)
	}
	before, after := ext-1, ext+1
	for o.sent[before] != nil && !o.sent[before].media {
		before--
	}
	for o.sent[after] != nil && !o.sent[after].media {
		after++
	}
	a, b := o.sent[before], o.sent[after]
	switch {
	case r.media && a != nil:
		o.pair(ext, a, r)
		fallthrough
	case r.media:
		if b != nil {
			o.pair(after, r, b)
		}
	case a != nil && b != nil:
		o.pair(after, a, b)
	}
}

// order checks the timestamps of two packets whose numbers follow on each other: b
// comes under n.
func (o *oracle) order(n uint64, a, b *sentRecord) {
	if step := int32(b.timestamp - a.timestamp); step < 0 {
		o.fail("wire: timestamp steps back by %d at %d", -step, uint16(n))
	}
}

// pair checks two packets of media with nothing but probes and parameter sets between
// their numbers: b comes under n.
func (o *oracle) pair(n uint64, a, b *sentRecord) {
	step := int32(b.timestamp - a.timestamp)
	// A picture sent whole may be sent again as another one: a restart does that.
	again := a.content.ends() && b.content.part == 0 && b.content.spatial <= a.content.spatial && step > 0
	same := a.content.samePicture(&b.content) && !again
	if same && step != 0 || !same && step == 0 {
		o.fail("wire: timestamps do not tell pictures apart at %d: step %d, same %v", uint16(n), step, same)
	}
	if o.kind == codec.Audio {
		return
	}
	switch {
	case same && a.marker && !o.unclear(&a.content):
		o.fail("wire: a marker amid a picture before %d", uint16(n))
	case same && b.content.sameFrame(&a.content) && b.content.part == a.content.part+1:
	case !a.content.ends() && o.unclear(&a.content):
	case !a.content.ends():
		o.fail("wire: an unfinished frame passes as whole before %d", uint16(n))
	case b.content.part != 0 && o.unclear(&b.content):
	case b.content.part != 0:
		o.fail("wire: a frame begins with part %d at %d", b.content.part, uint16(n))
	case same && b.content.spatial <= a.content.spatial:
		o.fail("wire: spatial layer %d after %d of a picture at %d", b.content.spatial, a.content.spatial, uint16(n))
	case !same && !a.marker && !o.s.w.opt.NoMarkers && !o.unclear(&a.content):
		o.fail("wire: a picture without a marker passes as whole before %d", uint16(n))
	}
}

// unclear tells whether the core could not know the layers of c's picture in time.
func (o *oracle) unclear(c *content) bool {
	s := o.s.w.stream(c)
	return s == nil || s.unclear(c.picture)
}
