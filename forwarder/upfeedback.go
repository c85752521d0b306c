package forwarder

import (
	"encoding/binary"
	"time"
)

// HandleRTCP takes one RTCP packet or compound from the publisher, which it does
// not keep. From what cannot be read on, the compound is dropped and counted.
func (p *Publisher) HandleRTCP(now time.Time, b []byte) {
	r := rtcpReader{rest: b}
	for r.next() {
		switch r.kind {
		case rtcpSR:
			p.senderReport(now, r.body)
		case rtcpBye:
			p.goodbye(r.body[:4*int(r.count)])
		case rtcpApp:
			p.linkMessage(now, &r)
		}
	}
	if len(r.rest) > 0 || len(b) == 0 {
		p.counts.Malformed++
	}
}

// linkMessage takes what the origin says over a link.
func (p *Publisher) linkMessage(now time.Time, r *rtcpReader) {
	if !p.cfg.Relayed {
		return
	}
	if b, ok := r.linkMessage(linkAsleep); ok {
		p.asleep(now, b)
	} else if b, ok := r.linkMessage(linkWhole); ok {
		p.whole(now, b)
	} else if b, ok := r.linkMessage(linkFinding); ok {
		p.finding(b)
	}
}

func (p *Publisher) senderReport(now time.Time, info []byte) {
	ntp, timestamp := binary.BigEndian.Uint64(info[4:]), binary.BigEndian.Uint32(info[12:])
	s := p.ssrcs[binary.BigEndian.Uint32(info)]
	if s == nil || s.enc == nil || ntp == 0 {
		return
	}
	s.rec.senderReport(ntp, now)
	edge := s.enc.edge.Load()
	if edge == nil {
		return
	}
	c := &clockPoint{at: p.clock.local(ntp, now), timestamp: timestamp}
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
func (p *Publisher) goodbye(ssrcs []byte) {
	for ; len(ssrcs) > 0; ssrcs = ssrcs[4:] {
		if s := p.ssrcs[binary.BigEndian.Uint32(ssrcs)]; s != nil && s.enc != nil {
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
			if e.gate.Wished() {
				p.counts.Merged++
			}
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
// RTCP packet, and sets the next Deadline; histories of encodings that pause lose
// what nobody needs any more. rtt is the round trip to the publisher; 0 if unknown.
func (p *Publisher) Tick(now time.Time, rtt time.Duration, out []byte) []byte {
	c := compound{out, len(out), p.cfg.SSRC}
	deadline := now.Add(reportInterval)
	p.reports(now, &c)
	p.remb(now, &c)
	p.wants(now, &c)
	for _, s := range p.order {
		if s.enc == nil || s.repair {
			continue
		}
		s.enc.hist.Trim(now)
		p.ask(now, rtt, s, &c)
		if s.nack.pending() || s.still != nil && s.still.nack.pending() {
			deadline = earlier(deadline, now.Add(nackDelay))
		}
		if s.enc.gate.wished {
			deadline = earlier(deadline, s.enc.gate.next())
		}
	}
	deadline = earlier(deadline, p.nextReport)
	deadline = earlier(deadline, p.nextREMB)
	deadline = earlier(deadline, p.nextWants)
	if p.recorded && now.Before(p.nextFeedback) {
		deadline = earlier(deadline, p.nextFeedback)
	}
	p.deadline = deadline
	p.transportFeedback(now, &c)
	return c.b
}

// earlier returns the earlier of two deadlines; the zero b means none.
func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// A compound is one compound RTCP packet to the publisher: what b holds from
// start on.
type compound struct {
	b     []byte
	start int
	ssrc  uint32
}

// begin appends the receiver report that every compound packet must begin with
// (RFC 3550 §6.1), unless it has begun.
func (c *compound) begin() {
	if len(c.b) == c.start {
		c.b = appendReceiverReport(c.b, c.ssrc, 0)
	}
}

// maxBlocks fit a receiver report (RFC 3550 §6.4.2).
const maxBlocks = 31

// reports appends the receiver report, one block for each stream that has media.
// It is the first of the compound.
func (p *Publisher) reports(now time.Time, c *compound) {
	if now.Before(p.nextReport) {
		return
	}
	p.nextReport = now.Add(reportInterval)
	n := 0
	for _, s := range p.order {
		if s.rec.started && n < maxBlocks {
			n++
		}
	}
	if n == 0 {
		return
	}
	c.b = appendReceiverReport(c.b, c.ssrc, n)
	for _, s := range p.order {
		if s.rec.started && n > 0 {
			block := s.rec.report(s.ssrc, now)
			c.b = appendBlock(c.b, &block)
			n--
		}
	}
}

// transportFeedback appends what a browser needs to leave its start bitrate.
func (p *Publisher) transportFeedback(now time.Time, c *compound) {
	if !p.recorded || now.Before(p.nextFeedback) {
		return
	}
	p.recorded, p.nextFeedback = false, now.Add(feedbackInterval)
	c.begin()
	c.b = p.cfg.Recorder.AppendTo(c.b)
}

// remb appends the same for publishers that know only REMB.
func (p *Publisher) remb(now time.Time, c *compound) {
	if now.Before(p.nextREMB) {
		return
	}
	p.nextREMB = time.Time{} // none
	n := 0
	for _, s := range p.order {
		if s.takesREMB() {
			n++
		}
	}
	if n == 0 {
		return
	}
	p.nextREMB = now.Add(rembInterval)
	rate := p.cfg.MaxREMB
	if rate == 0 {
		rate = defaultREMB
	}
	c.begin()
	c.b = appendREMB(c.b, c.ssrc, rate, n)
	for _, s := range p.order {
		if s.takesREMB() {
			c.b = binary.BigEndian.AppendUint32(c.b, s.ssrc)
		}
	}
}

func (s *upStream) takesREMB() bool {
	return s.track.REMB && !s.track.TransportCC && s.enc != nil
}

// ask appends the NACK and the keyframe request for one stream, if due.
func (p *Publisher) ask(now time.Time, rtt time.Duration, s *upStream, c *compound) {
	p.asked = s.nack.due(now, rtt, p.asked[:0])
	if s.still != nil {
		p.asked = s.still.nack.due(now, rtt, p.asked)
	}
	if len(p.asked) > 0 {
		p.counts.Nacks += uint64(len(p.asked))
		c.begin()
		c.b = appendNack(c.b, c.ssrc, s.ssrc, p.asked)
	}
	if !s.enc.gate.Request(now) {
		return
	}
	s.enc.ignores.Store(s.enc.gate.Ignored())
	switch {
	case s.track.PLI:
		p.counts.Requests++
		c.begin()
		c.b = appendPLI(c.b, c.ssrc, s.ssrc)
	case s.track.FIR:
		p.counts.Requests++
		s.fir++
		c.begin()
		c.b = appendFIR(c.b, c.ssrc, s.ssrc, s.fir)
	}
}
