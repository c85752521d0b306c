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
}

type wireTrack struct {
	kind    codec.Kind
	pts     map[uint8]bool
	sent    map[uint64]wireRecord
	highest uint64
	rtxSeq  uint16
	rtxSent bool
}

type wireRecord struct {
	wire   []byte
	packet *forwarder.Packet
	late   bool // numbers above it had been sent
}

func newWireOracle(t testing.TB, tracks []forwarder.SubscriberTrack) *wireOracle {
	o := &wireOracle{t: t, tracks: map[uint32]*wireTrack{}, rtx: map[uint32]*wireTrack{}}
	for _, s := range tracks {
		w := &wireTrack{kind: s.Kind, pts: map[uint8]bool{}, sent: map[uint64]wireRecord{}}
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
	late := ext < w.highest
	w.sent[ext] = wireRecord{b, p.Packet, late}
	w.highest = max(w.highest, ext)
	if before, ok := w.sent[ext-1]; ok && !before.late {
		o.pair(w, before.packet, p.Packet)
	}
	if next, ok := w.sent[ext+1]; ok && !late {
		o.pair(w, p.Packet, next.packet)
	}
}

// pair checks two packets that follow on each other. Behind a late one holes may have
// been closed already, of frames that had ended if theirs have markers. Random input mixes
// the packets of two frames, and what is left out of one is no gap in the other; whether one
// frame is whole is seen in forwardertest, where frames are.
func (o *wireOracle) pair(w *wireTrack, a, b *forwarder.Packet) {
	follows := b.Seq == a.Seq+1 || a.Seq == 0 || b.Seq == 0
	if w.kind == codec.Video && !follows && !a.Marker && a.Timestamp != b.Timestamp && len(a.Payload) > 0 {
		o.t.Fatalf("%d comes after %d, which ends no frame, without a gap", b.Seq, a.Seq)
	}
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
