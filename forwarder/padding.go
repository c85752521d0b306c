package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// probe sends what the estimator asks for beside all else: packets of video that were
// sent before, again, or padding, under the numbers of the stream of retransmissions.
// Without one there are no probes; what catch-ups and keyframes show has to do.
func (s *Subscriber) probe(now time.Time, out *Output) {
	est := s.wide.est
	if est == nil {
		return
	}
	d := s.Track(codec.Video)
	if d == nil || !d.sentAny || d.cfg.RTXSSRC == 0 || d.seg.rtx == 0 && d.format.RTX == 0 {
		return
	}
	if at := est.Deadline(); at.IsZero() || at.After(now) {
		if !at.IsZero() {
			out.due(at)
		}
		return
	}
	if bytes, ok := est.Probe(now); ok {
		d.pad(bytes, out, &s.wide)
	}
	if at := est.Deadline(); !at.IsZero() {
		out.due(later(at, now.Add(paddingStep)))
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// repetition is what was sent as number, to be sent again as a retransmission; false if
// that is not kept, or nothing to send.
func (d *DownTrack) repetition(number uint64, out *Output) (OutPacket, bool) {
	s, m := d.sent.get(number), d.mappingOf(number)
	if s == nil || m == nil || s.state&sentEmpty != 0 {
		return OutPacket{}, false
	}
	p := m.packet(number)
	if p == nil || len(p.Payload) == 0 || m.rtx == 0 {
		return OutPacket{}, false
	}
	o := d.copyOf(number, p, s, m, out)
	o.Retransmit, o.OriginalSeq, o.PayloadType = true, uint16(number), m.rtx
	return o, true
}

// pad sends so many bytes on the wire, at most probeBatch packets.
func (d *DownTrack) pad(bytes int, out *Output, w *wide) {
	seq := d.next
	for range probeBatch {
		if bytes <= 0 {
			return
		}
		seq--
		if d.next-seq > probeReach {
			seq = d.next - 1
		}
		o, ok := d.repetition(seq, out)
		if !ok {
			o = OutPacket{Packet: &Packet{}, IDs: &d.ids, Timestamp: d.lastTS, Empty: true, Padding: maxPadding, PayloadType: d.format.RTX}
		}
		o.SSRC, o.Seq = d.cfg.RTXSSRC, d.rtxSeq
		d.rtxSeq++
		size := o.Payload() + int(o.Padding)
		o.TransportSeq = w.number(d, size, true)
		d.counts.Probes++
		out.Packets = append(out.Packets, o)
		bytes -= size + packetOverhead
	}
}
