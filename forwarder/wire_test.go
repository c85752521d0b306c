package forwarder_test

import (
	"bytes"
	"testing"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// wireOracle holds what one subscriber is sent against what must hold whatever
// comes in: no number carries two packets, a resend is what was sent, transport-
// wide and retransmission numbers count by one, an unfinished frame is never
// followed without a gap.
type wireOracle struct {
	t         testing.TB
	tracks    map[uint32]*wireTrack // by SSRC
	rtx       map[uint32]*wireTrack // by the SSRC of retransmissions
	transport uint16
	counted   bool // transport is valid

	encoding func() *forwarder.Encoding // that is sent
}

type wireTrack struct {
	kind    codec.Kind
	pts     map[uint8]bool
	sent    map[uint64]*wireRecord
	highest uint64
	rtxSeq  uint16
	rtxSent bool
}

type wireRecord struct {
	wire   []byte
	packet *forwarder.Packet
	late   bool // numbers above it had been sent
	media  bool // it is of a frame

	enc *forwarder.Encoding // nil: it is gone
}

func newWireOracle(t testing.TB, tracks []forwarder.SubscriberTrack) *wireOracle {
	o := &wireOracle{t: t, tracks: map[uint32]*wireTrack{}, rtx: map[uint32]*wireTrack{}}
	for _, s := range tracks {
		w := &wireTrack{kind: s.Kind, pts: map[uint8]bool{}, sent: map[uint64]*wireRecord{}}
		for _, f := range s.Formats {
			w.pts[f.PT], w.pts[f.RTX] = true, true
		}
		o.tracks[s.SSRC] = w
		if s.RTXSSRC != 0 {
			o.rtx[s.RTXSSRC] = w
		}
	}
	return o
}

func (o *wireOracle) packet(p *forwarder.OutPacket) {
	o.t.Helper()
	b := wire(o.t, p)
	switch {
	case o.tracks[p.SSRC] != nil && p.FirstPayload:
		o.first(o.tracks[p.SSRC], p, b)
	case o.tracks[p.SSRC] != nil:
		w := o.tracks[p.SSRC]
		if old, ok := w.sent[w.extend(p.Seq)]; !ok || !bytes.Equal(old.wire, b) {
			o.t.Fatalf("resend of %d is not what was sent (known: %v)", p.Seq, ok)
		}
	case o.rtx[p.SSRC] != nil && p.Retransmit:
		o.retransmission(o.rtx[p.SSRC], p)
	default:
		o.t.Fatalf("SSRC %d was not negotiated", p.SSRC)
	}
}

func (w *wireTrack) extend(seq uint16) uint64 {
	if w.highest == 0 {
		return 1<<20 + uint64(seq)
	}
	return uint64(int64(w.highest) + int64(int16(seq-uint16(w.highest))))
}

func (o *wireOracle) first(w *wireTrack, p *forwarder.OutPacket, b []byte) {
	ext := w.extend(p.Seq)
	if _, ok := w.sent[ext]; ok {
		o.t.Fatalf("number %d carries two packets", p.Seq)
	}
	if !w.pts[p.PayloadType] {
		o.t.Fatalf("payload type %d was not negotiated", p.PayloadType)
	}
	o.count(p)
	r := &wireRecord{wire: b, packet: p.Packet, late: ext < w.highest, media: len(p.Packet.Payload) > 0 && !p.Empty}
	if w.kind == codec.Video {
		r.enc = o.encoding()
	}
	w.sent[ext] = r
	w.highest = max(w.highest, ext)
	if before, empty := w.before(ext); before != nil && r.media && w.kind == codec.Video {
		o.pair(before, r, empty)
	}
}

// before returns the last packet of a frame before a number, with nothing but empty ones
// and no hole between, and how many these are; nil if there is none, or one of them came
// late.
func (w *wireTrack) before(ext uint64) (r *wireRecord, empty uint64) {
	for ; ; empty++ {
		ext--
		r, ok := w.sent[ext]
		if !ok || r.late {
			return nil, 0
		}
		if r.media {
			return r, empty
		}
	}
}

// pair checks two packets that follow on each other but for empty ones. Behind a late one holes may have
// been closed already, of frames that had ended if theirs have markers.
func (o *wireOracle) pair(a, b *wireRecord, empty uint64) {
	p, q := a.packet, b.packet
	follows := q.Seq == p.Seq+1+empty || p.Seq == 0 || q.Seq == 0
	if !follows && !p.Marker && !a.excuses(b, empty > 0) {
		o.t.Fatalf("%d comes after %d, which ends no frame, without a gap", q.Seq, p.Seq)
	}
}

// excuses tells whether what is left out between two packets of one encoding is no gap:
// random input mixes the packets of frames, and something of another frame came between two
// of one, or right behind the first, and an empty packet tells of it; or what lies between
// came before the first, and was left out by then. What has left the history is not known
// any more.
func (r *wireRecord) excuses(next *wireRecord, told bool) bool {
	if r.enc == nil || next.enc == nil || r.enc != next.enc {
		return r.enc == nil || next.enc == nil
	}
	a, b, hist := r.packet, next.packet, r.enc.History()
	if hist.BySeq(a.Seq) != a || hist.BySeq(b.Seq) != b {
		return true
	}
	for seq := a.Seq + 1; seq < b.Seq; seq++ {
		p := hist.BySeq(seq)
		if p == nil {
			if hist.Gone(seq) {
				return true
			}
			continue
		}
		other := p.Timestamp != a.Timestamp || len(p.Payload) == 0
		if p.Index < a.Index || other && (a.Timestamp == b.Timestamp || told && seq == a.Seq+1) {
			return true
		}
	}
	return false
}

func (o *wireOracle) count(p *forwarder.OutPacket) {
	if p.IDs[codec.TransportCC] == 0 {
		return
	}
	if o.counted && p.TransportSeq != o.transport+1 {
		o.t.Fatalf("transport-wide number %d after %d", p.TransportSeq, o.transport)
	}
	o.transport, o.counted = p.TransportSeq, true
}

func (o *wireOracle) retransmission(w *wireTrack, p *forwarder.OutPacket) {
	if w.rtxSent && p.Seq != w.rtxSeq+1 {
		o.t.Fatalf("retransmission %d after %d", p.Seq, w.rtxSeq)
	}
	w.rtxSeq, w.rtxSent = p.Seq, true
	o.count(p)
	if old, ok := w.sent[w.extend(p.OriginalSeq)]; !ok || old.packet != p.Packet {
		o.t.Fatalf("retransmission of %d is not what was sent (known: %v)", p.OriginalSeq, ok)
	}
}
