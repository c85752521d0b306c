package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// extend returns the newest number sent, or about to be, that ends in seq.
func (d *DownTrack) extend(seq uint16) uint64 {
	return d.next - 1 - uint64(uint16(d.next-1)-seq)
}

// resend answers a NACK for one number: under the RTX stream's numbers, or
// bit-identical, at most once per round trip.
func (d *DownTrack) resend(seq uint16, rtt time.Duration, out *Output, w *wide) {
	number := d.extend(seq)
	s, m := d.sent.get(number), d.mappingOf(number)
	if s == nil || m == nil {
		d.counts.ResendForgotten++
		return
	}
	p := m.packet(number)
	if p == nil {
		d.counts.ResendForgotten++
		return
	}
	since := time.Duration(d.ms-s.at) * time.Millisecond
	resends := s.state & sentResends
	if resends >= maxResends || resends > 0 && since < max(rtt, minResend) {
		d.counts.ResendRefused++
		return
	}
	d.acked = max(d.acked, number) // who misses it got a later one
	if d.seg.catching && number >= d.seg.from {
		d.seg.asked++
	}
	s.state++
	s.at = d.ms
	o := d.copyOf(number, p, s, m, out)
	if m.rtx != 0 && d.cfg.RTXSSRC != 0 {
		o.SSRC, o.PayloadType, o.Retransmit, o.OriginalSeq, o.Seq = d.cfg.RTXSSRC, m.rtx, true, seq, d.rtxSeq
		d.rtxSeq++
		o.TransportSeq = w.number(d, o.Payload(), false)
	} else if d.begun { // else it may be repeated without being missing
		w.again(s.transport)
	}
	d.counts.Resent++
	out.Packets = append(out.Packets, o)
}

// outdated tells whether a number was sent before the last keyframe: the subscriber
// needs that, nothing older.
func (d *DownTrack) outdated(seq uint16) bool {
	return d.kind == codec.Video && d.extend(seq) < d.lastKey
}

// copyOf is p as it was sent under a number.
func (d *DownTrack) copyOf(number uint64, p *Packet, s *sentPacket, m *mapping, out *Output) OutPacket {
	o := OutPacket{
		Packet: p, IDs: &d.ids, SSRC: d.ssrc, PayloadType: m.pt, Seq: uint16(number),
		Timestamp: m.timestampAs(p.Timestamp, s.state&sentEarly != 0), TransportSeq: s.transport,
		Empty: s.state&sentEmpty != 0,
	}
	if d.kind == codec.Video && !o.Empty {
		m.number(&o, s.layer, out)
	} else {
		o.Mark = p.Marker && !o.Empty
	}
	return o
}

// resendFirst repeats the session's first packets on a keyframe request soon after
// it began: if the very first was lost, no NACK can ask for it, since nothing that
// came before it tells of the hole. Once that one is known to have come, what else
// is missing shows as a hole, and nothing is repeated any more. Report blocks do not
// tell: they count from the first packet that came, whichever that was.
func (d *DownTrack) resendFirst(now time.Time, rtt time.Duration, out *Output, w *wide) {
	if d.begun || d.counts.Keyframes != 1 || d.firsts == firstResends || now.Sub(d.seg.start) > firstWindow {
		return
	}
	d.firsts++
	for seq := d.first; seq < min(d.first+firstPackets, d.next); seq++ {
		n := len(out.Packets)
		d.resend(uint16(seq), rtt, out, w)
		if seq == d.first && len(out.Packets) > n {
			d.firstTransport = out.Packets[n].TransportSeq
		}
	}
}

// noteAsked notes what a NACK tells of the first packet: who asks for it knows of it,
// and who asks for the second has it.
func (d *DownTrack) noteAsked(seq uint16) {
	if n := d.extend(seq); d.sentAny && (n == d.first || n == d.first+1) {
		d.begun = true
	}
}

// requestKeyframe is the subscriber's keyframe request. An encoder that ignores
// requests cannot help: the track starts again from the last keyframe, once. One that
// pauses shows nothing newer by that. Who asks may lack the parameter sets too.
func (d *DownTrack) requestKeyframe(now time.Time, out *Output) {
	d.counts.KeyframeRequests++
	d.bare = true
	if d.enc == nil || d.kind != codec.Video {
		return
	}
	if d.state == running && !d.counts.FirstKeyframe.IsZero() && now.Sub(d.freezes.key) > restartGrace {
		d.freezes.begin(now)
	}
	key := d.enc.Keyframe()
	again := d.state != showing && d.enc.IgnoresRequests() && d.enc.sending(now) && key != nil && key != d.restarted
	if again && now.Sub(d.seg.start) > restartGrace {
		d.restarted = key
		d.counts.Restarts++
		d.again = now
		return
	}
	out.Wishes = append(out.Wishes, d.enc)
}

// reception takes a report block; it returns the round trip, 0 if unknown.
func (d *DownTrack) reception(now time.Time, r *reportBlock) time.Duration {
	if acked := d.extend(uint16(r.highest)); acked > d.acked {
		d.acked = acked
	}
	rtt := middle(toNTP(now)) - r.lastReport - r.delay // RFC 3550 §6.4.1
	if r.lastReport == 0 || fromMiddle(rtt) > longestRTT {
		return 0
	}
	return fromMiddle(rtt)
}

// report appends the sender report that is due, and the CNAME with it. None is
// sent for video until a catch-up has ended.
func (d *DownTrack) report(now time.Time, byClock bool, out *Output) {
	if d.enc == nil || !d.sentAny || d.state != running || d.seg.catching {
		return
	}
	if now.Before(d.reportAt) {
		out.due(d.reportAt)
		return
	}
	d.reportAt = now.Add(reportInterval)
	out.due(d.reportAt)
	out.RTCP = appendSenderReport(out.RTCP, senderReport{
		ssrc: d.ssrc, ntp: toNTP(now), timestamp: d.timestampAt(now, byClock),
		packets: uint32(d.counts.Packets), octets: uint32(d.counts.Bytes),
	})
	out.RTCP = appendCNAME(out.RTCP, d.ssrc, d.cfg.CNAME)
}

// timestampAt is the outgoing timestamp of now: by the publisher's sender
// reports, or by arrival.
func (d *DownTrack) timestampAt(now time.Time, byClock bool) uint32 {
	if byClock {
		d.keepClock()
		return d.clock.timestampAt(now, d.enc.format.Name.ClockRate())
	}
	return d.enc.liveTimestamp(now) + d.seg.offset
}

// synced tells whether the publisher's sender reports say when the track's media
// was made. An encoding without a report yet goes by the last one's, which it was
// aligned with.
func (d *DownTrack) synced() bool {
	return d.enc == nil || d.enc.clock.Load() != nil || d.clockOf != nil && d.clockOf == d.encOf
}

// keepClock keeps what sender reports say of the segment so far.
func (d *DownTrack) keepClock() {
	if d.enc == nil {
		return
	}
	if c := d.enc.clock.Load(); c != nil {
		d.clock, d.clockOf = clockPoint{c.at, c.timestamp + d.seg.offset}, d.encOf
	}
}
