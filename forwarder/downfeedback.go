package forwarder

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// millis is the track's clock for its sent map; it wraps after 49 days.
func (d *DownTrack) millis(now time.Time) uint32 {
	if d.epoch.IsZero() {
		d.epoch = now
	}
	return uint32(now.Sub(d.epoch) / time.Millisecond)
}

// extend returns the newest number sent, or about to be, that ends in seq.
func (d *DownTrack) extend(seq uint16) uint64 {
	return d.next - 1 - uint64(uint16(d.next-1)-seq)
}

// resend answers a NACK for one number: under the RTX stream's numbers, or
// bit-identical, at most once per round trip.
func (d *DownTrack) resend(now time.Time, seq uint16, rtt time.Duration, out *Output, transport *uint16) {
	s := d.sent.get(d.extend(seq))
	if s == nil {
		d.counts.ResendForgotten++
		return
	}
	since := time.Duration(d.millis(now)-s.resent) * time.Millisecond
	if s.resends >= maxResends || s.resends > 0 && since < max(rtt, minResend) {
		d.counts.ResendRefused++
		return
	}
	d.acked = max(d.acked, s.seq) // who misses it got a later one
	if d.seg.catching && s.seq >= d.seg.out {
		d.seg.asked++
	}
	s.resends++
	s.resent = d.millis(now)
	o := OutPacket{
		Packet: s.packet, IDs: &d.ids, SSRC: d.cfg.SSRC, PayloadType: s.pt,
		Seq: seq, Timestamp: s.timestamp, TransportSeq: s.transport,
	}
	if rtx := d.rtxType(s.pt); rtx != 0 && d.cfg.RTXSSRC != 0 {
		o.SSRC, o.PayloadType, o.Retransmit, o.OriginalSeq, o.Seq = d.cfg.RTXSSRC, rtx, true, seq, d.rtxSeq
		d.rtxSeq++
		if d.ids[codec.TransportCC] != 0 {
			o.TransportSeq = *transport
			*transport++
		}
	}
	d.counts.Resent++
	out.Packets = append(out.Packets, o)
}

func (d *DownTrack) rtxType(pt uint8) uint8 {
	for _, f := range d.cfg.Formats {
		if f.PT == pt {
			return f.RTX
		}
	}
	return 0
}

// resendFirst repeats the session's first packets on a keyframe request soon after
// it began: if the very first was lost, no NACK can ask for it, since nothing that
// came before it tells of the hole.
func (d *DownTrack) resendFirst(now time.Time, rtt time.Duration, out *Output, transport *uint16) {
	if d.counts.Keyframes != 1 || d.firsts == firstResends || now.Sub(d.seg.start) > firstWindow {
		return
	}
	d.firsts++
	for seq := d.first; seq < min(d.first+firstPackets, d.next); seq++ {
		d.resend(now, uint16(seq), rtt, out, transport)
	}
}

// requestKeyframe is the subscriber's keyframe request. An encoder that ignores
// requests cannot help: the track starts again from the last keyframe, once.
func (d *DownTrack) requestKeyframe(now time.Time, out *Output) {
	d.counts.KeyframeRequests++
	if d.enc == nil || d.cfg.Kind != codec.Video {
		return
	}
	key := d.enc.Keyframe()
	again := d.state != showing && d.enc.IgnoresRequests() && key != nil && key != d.restarted
	if again && now.Sub(d.seg.start) > restartGrace {
		d.restarted = key
		d.counts.Restarts++
		d.again = now
		return
	}
	out.Wishes = append(out.Wishes, d.enc)
}

// reception takes a report block; it returns the round trip, 0 if unknown.
func (d *DownTrack) reception(now time.Time, r *rtcp.ReceptionReport) time.Duration {
	if acked := d.extend(uint16(r.LastSequenceNumber)); acked > d.acked {
		d.acked = acked
	}
	rtt := middle(toNTP(now)) - r.LastSenderReport - r.Delay // RFC 3550 §6.4.1
	if r.LastSenderReport == 0 || fromMiddle(rtt) > longestRTT {
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
	out.RTCP = appendRTCP(out.RTCP, &rtcp.SenderReport{
		SSRC: d.cfg.SSRC, NTPTime: toNTP(now), RTPTime: d.timestampAt(now, byClock),
		PacketCount: uint32(d.counts.Packets), OctetCount: uint32(d.counts.Bytes),
	}, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: d.cfg.SSRC,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: d.cfg.CNAME}},
	}}})
}

// timestampAt is the outgoing timestamp of now: by the publisher's sender
// reports, or by arrival.
func (d *DownTrack) timestampAt(now time.Time, byClock bool) uint32 {
	if byClock {
		return d.clock.timestampAt(now, d.enc.format.Name.ClockRate())
	}
	return d.enc.liveTimestamp(now) + d.seg.offset
}

// synced tells whether the publisher's sender reports say when the track's media
// was made, and keeps what they say. An encoding without a report yet goes by
// the last one's, which it was aligned with.
func (d *DownTrack) synced() bool {
	if d.enc == nil {
		return true
	}
	if c := d.enc.clock.Load(); c != nil {
		d.clock, d.clockOf = clockPoint{c.at, c.timestamp + d.seg.offset}, d.encOf
	}
	return d.clockOf != nil && d.clockOf == d.encOf
}

func appendRTCP(b []byte, packets ...rtcp.Packet) []byte {
	for _, p := range packets {
		if m, err := p.Marshal(); err == nil {
			b = append(b, m...)
		}
	}
	return b
}
