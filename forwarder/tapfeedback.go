package forwarder

import (
	"encoding/binary"
	"time"
)

// HandleRTCP takes one RTCP packet or compound from the far end, which it does not keep,
// and appends to out what answers it.
func (t *Tap) HandleRTCP(now time.Time, b []byte, out *Output) {
	t.heard = now
	r := rtcpReader{rest: b}
	for r.next() {
		switch {
		case r.is(rtcpRTPFB, formatNACK):
			t.nack(&r, out)
		case r.is(rtcpPSFB, formatPLI):
			t.keyframe(r.media(), out)
		case r.kind == rtcpApp:
			if b, ok := r.linkMessage(linkUnwanted); ok {
				t.sleep(b)
			} else if b, ok := r.linkMessage(linkLayers); ok {
				t.wantedLayers(b)
			} else if b, ok := r.linkMessage(linkAudience); ok {
				t.audience(b)
			}
		case r.is(rtcpPSFB, formatFIR):
			for b := r.fci(); len(b) > 0; b = b[firBytes:] {
				t.keyframe(binary.BigEndian.Uint32(b), out)
			}
		}
	}
	if len(r.rest) > 0 || len(b) == 0 {
		t.counts.Malformed++
	}
}

// nack sends again what was asked for, each time it is: the far end waits a round trip
// before it asks again. What goes out is what went out before, bit for bit.
func (t *Tap) nack(r *rtcpReader, out *Output) {
	s := t.stream(r.media())
	if s == nil {
		return
	}
	for b := r.fci(); len(b) > 0; b = b[pairBytes:] {
		pair := readPair(b)
		for more := true; more; {
			if len(out.Packets) >= maxAnswer {
				return
			}
			var seq uint16
			seq, more = pair.take()
			t.resend(s, seq, out)
		}
	}
}

func (t *Tap) resend(s *tapStream, seq uint16, out *Output) {
	if t.resendStill(s, seq, out) {
		t.counts.Resent++
		return
	}
	p := s.sent(seq)
	if p == nil {
		t.counts.Forgotten++
		return
	}
	t.counts.Resent++
	t.put(s, p, out)
}

// sent returns the packet of the history that was sent under a number; nil if that, or how, is
// no longer known.
func (s *tapStream) sent(seq uint16) *Packet {
	last := s.enc.hist.At(s.pos - 1)
	if s.pos == 0 || last == nil {
		return nil
	}
	p := s.enc.hist.BySeq(nearest(last.Seq, seq))
	if p == nil || p.Index >= s.pos {
		return nil
	}
	if _, ok := s.record(p.Seq); !ok {
		return nil
	}
	return p
}

// keyframe passes a wish on; the encoding's gate merges and limits them.
func (t *Tap) keyframe(ssrc uint32, out *Output) {
	if s := t.stream(ssrc); s != nil {
		t.counts.Wishes++
		out.Wishes = append(out.Wishes, s.enc)
	}
}

// sleep stops sending the encodings that nobody wants at the far end, whose SSRCs are
// listed, and begins with those again that somebody does.
func (t *Tap) sleep(unwanted []byte) {
	for _, s := range t.streams {
		was := s.asleep
		s.asleep = false
		for b := unwanted; len(b) >= 4; b = b[4:] {
			s.asleep = s.asleep || binary.BigEndian.Uint32(b) == s.enc.id
		}
		switch {
		case s.asleep && !was:
			t.tellAt = time.Time{}
		case was && !s.asleep:
			s.join()
		}
	}
}

// tell says what there is to know of the encodings that are not sent.
func (t *Tap) tell(now time.Time, out *Output) {
	for _, s := range t.streams {
		if !s.asleep {
			continue
		}
		if now.Before(t.tellAt) {
			out.due(t.tellAt)
			return
		}
		if len(out.RTCP) == 0 {
			out.RTCP = appendReceiverReport(out.RTCP, t.ssrc, 0)
		}
		active := s.enc.Active(now) && s.enc.decodable()
		out.RTCP = appendAsleep(out.RTCP, t.ssrc, s.enc, active)
	}
	if !now.Before(t.tellAt) {
		t.tellAt = now.Add(asleepInterval)
	}
}

// report says at least that the link is there, and what the publisher's sender reports
// say of its clock: all encodings on one clock, now ours, as they are on its own.
func (t *Tap) report(now time.Time, out *Output) {
	if now.Before(t.probeAt) && len(t.goodbyes) == 0 {
		out.due(t.probeAt)
		return
	}
	t.probeAt = now.Add(linkProbe)
	out.due(t.probeAt)
	out.RTCP = appendReceiverReport(out.RTCP, t.ssrc, 0)
	out.RTCP = appendWhole(out.RTCP, t.ssrc, t.pub.Audience(now), t.pub.found.Load())
	t.senderReports(now, out)
	for _, ssrc := range t.goodbyes {
		out.RTCP = appendHeader(out.RTCP, 1, rtcpBye, 2)
		out.RTCP = binary.BigEndian.AppendUint32(out.RTCP, ssrc)
	}
	t.goodbyes = t.goodbyes[:0]
}

func (t *Tap) senderReports(now time.Time, out *Output) {
	all := !now.Before(t.reportAt)
	if all {
		t.reportAt = now.Add(reportInterval)
	}
	for _, s := range t.streams {
		c := s.enc.clock.Load()
		if c == nil || s.pos == 0 || s.asleep || !all && s.reported {
			continue
		}
		s.reported = true
		out.RTCP = appendSenderReport(out.RTCP, senderReport{
			ssrc: s.enc.id, ntp: toNTP(now), timestamp: c.timestampAt(now, s.enc.format.Name.ClockRate()),
		})
	}
}
