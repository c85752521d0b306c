package forwarder

import (
	"time"

	"github.com/pion/rtcp"
)

// HandleRTCP takes one RTCP packet or compound from the publisher. What cannot
// be read is dropped.
func (p *Publisher) HandleRTCP(now time.Time, b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		p.counts.Malformed++
		return
	}
	for _, pkt := range packets {
		switch r := pkt.(type) {
		case *rtcp.SenderReport:
			p.senderReport(now, r)
		case *rtcp.Goodbye:
			p.goodbye(r)
		}
	}
}

func (p *Publisher) senderReport(now time.Time, r *rtcp.SenderReport) {
	s := p.ssrcs[r.SSRC]
	if s == nil || s.enc == nil || r.NTPTime == 0 {
		return
	}
	s.rec.senderReport(r.NTPTime, now)
	edge := s.enc.edge.Load()
	if edge == nil {
		return
	}
	c := &clockPoint{at: p.clock.local(r.NTPTime, now), timestamp: r.RTPTime}
	clock := s.enc.format.Name.ClockRate()
	skew := duration(int32(c.timestampAt(edge.At, clock)-edge.Timestamp), clock)
	if -clockSkew <= skew && skew <= clockSkew {
		s.enc.clock.Store(c)
		return
	}
	if old := s.enc.clock.Load(); old != nil {
		// It was coherent: the publisher's clock was set. Go on where it was.
		p.clock.step(old.at.Add(duration(int32(c.timestamp-old.timestamp), clock)).Sub(c.at))
	} // else it never was with the other encodings: OBS's lower layers
}

// goodbye ends streams; a packet that still comes starts them anew.
func (p *Publisher) goodbye(r *rtcp.Goodbye) {
	for _, ssrc := range r.Sources {
		if s := p.ssrcs[ssrc]; s != nil && s.enc != nil {
			s.enc.end()
			s.enc = nil
			p.publish(s.track.Kind)
		}
	}
}

// RequestKeyframe wishes for a keyframe of e. The request goes out with the next
// Tick that the gate allows. An encoding that is not, or no longer, p's is passed
// over: another publisher may own it.
func (p *Publisher) RequestKeyframe(e *Encoding) {
	for _, s := range p.order {
		if s.enc == e && e != nil {
			e.gate.Wish()
			p.hurry(e.gate.next())
		}
	}
}

// Deadline returns when Tick must be called at the latest. Every other call may
// bring it forward.
func (p *Publisher) Deadline() time.Time { return p.deadline }

func (p *Publisher) hurry(t time.Time) {
	if t.Before(p.deadline) {
		p.deadline = t
	}
}

// Tick appends to out what must be sent to the publisher now, as one compound
// RTCP packet, and sets the next Deadline. rtt is the round trip to the
// publisher; 0 if unknown.
func (p *Publisher) Tick(now time.Time, rtt time.Duration, out []byte) []byte {
	var packets []rtcp.Packet
	deadline := now.Add(reportInterval)
	packets = p.reports(now, packets)
	packets = p.remb(now, packets)
	for _, s := range p.order {
		if s.enc == nil || s.repair {
			continue
		}
		packets = p.ask(now, rtt, s, packets)
		if s.nack.pending() {
			deadline = earlier(deadline, now.Add(nackDelay))
		}
		if s.enc.gate.wished {
			deadline = earlier(deadline, s.enc.gate.next())
		}
	}
	deadline = earlier(deadline, p.nextReport)
	deadline = earlier(deadline, p.nextREMB)
	if p.recorded && now.Before(p.nextFeedback) {
		deadline = earlier(deadline, p.nextFeedback)
	}
	p.deadline = deadline
	return p.transportFeedback(now, p.compound(packets, out))
}

// earlier returns the earlier of two deadlines; the zero b means none.
func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// compound marshals packets behind a receiver report, which every compound
// packet must begin with (RFC 3550 §6.1).
func (p *Publisher) compound(packets []rtcp.Packet, out []byte) []byte {
	if len(packets) == 0 {
		return out
	}
	if _, ok := packets[0].(*rtcp.ReceiverReport); !ok {
		packets = append([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: p.cfg.SSRC}}, packets...)
	}
	for _, pkt := range packets {
		if b, err := pkt.Marshal(); err == nil {
			out = append(out, b...)
		}
	}
	return out
}

// reports appends the receiver report, one block for each stream that has media;
// at most 31 fit (RFC 3550 §6.4.2).
func (p *Publisher) reports(now time.Time, out []rtcp.Packet) []rtcp.Packet {
	if now.Before(p.nextReport) {
		return out
	}
	p.nextReport = now.Add(reportInterval)
	rr := &rtcp.ReceiverReport{SSRC: p.cfg.SSRC}
	for _, s := range p.order {
		if s.rec.started && len(rr.Reports) < 31 {
			rr.Reports = append(rr.Reports, s.rec.report(s.ssrc, now))
		}
	}
	if len(rr.Reports) == 0 {
		return out
	}
	return append(out, rr)
}

// transportFeedback appends what a browser needs to leave its start bitrate.
func (p *Publisher) transportFeedback(now time.Time, out []byte) []byte {
	if !p.recorded || now.Before(p.nextFeedback) {
		return out
	}
	p.recorded, p.nextFeedback = false, now.Add(feedbackInterval)
	if len(out) == 0 {
		out = appendRTCP(out, &rtcp.ReceiverReport{SSRC: p.cfg.SSRC})
	}
	return p.cfg.Recorder.AppendTo(out)
}

// remb appends the same for publishers that know only REMB.
func (p *Publisher) remb(now time.Time, out []rtcp.Packet) []rtcp.Packet {
	if now.Before(p.nextREMB) {
		return out
	}
	p.nextREMB = time.Time{} // none
	if ssrcs := p.rembSSRCs(); len(ssrcs) > 0 {
		p.nextREMB = now.Add(rembInterval)
		rate := p.cfg.MaxREMB
		if rate == 0 {
			rate = defaultREMB
		}
		out = append(out, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: p.cfg.SSRC, Bitrate: float32(rate), SSRCs: ssrcs})
	}
	return out
}

func (p *Publisher) rembSSRCs() []uint32 {
	var ssrcs []uint32
	for _, s := range p.order {
		if s.track.REMB && !s.track.TransportCC && s.enc != nil {
			ssrcs = append(ssrcs, s.ssrc)
		}
	}
	return ssrcs
}

// ask appends the NACK and the keyframe request for one stream, if due.
func (p *Publisher) ask(now time.Time, rtt time.Duration, s *upStream, out []rtcp.Packet) []rtcp.Packet {
	if seqs := s.nack.due(now, rtt, nil); len(seqs) > 0 {
		p.counts.Nacks += uint64(len(seqs))
		out = append(out, &rtcp.TransportLayerNack{
			SenderSSRC: p.cfg.SSRC, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
		})
	}
	if !s.enc.gate.Request(now) {
		return out
	}
	s.enc.ignores.Store(s.enc.gate.Ignored())
	switch {
	case s.track.PLI:
		p.counts.Requests++
		out = append(out, &rtcp.PictureLossIndication{SenderSSRC: p.cfg.SSRC, MediaSSRC: s.ssrc})
	case s.track.FIR:
		p.counts.Requests++
		s.fir++
		out = append(out, &rtcp.FullIntraRequest{
			SenderSSRC: p.cfg.SSRC, MediaSSRC: s.ssrc,
			FIR: []rtcp.FIREntry{{SSRC: s.ssrc, SequenceNumber: s.fir}},
		})
	}
	return out
}
