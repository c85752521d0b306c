package forwardertest

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// tickLater sees to it that the core's deadline is met.
func (p *publisher) tickLater() {
	at := p.up().Deadline()
	if !p.ticking.IsZero() && !at.Before(p.ticking) || p.up().Ended() {
		return
	}
	p.ticking = at
	p.w.after(max(0, at.Sub(p.w.now)), func() { p.tick(at) })
}

func (p *publisher) tick(at time.Time) {
	if p.ticking != at || p.up().Ended() {
		return
	}
	p.ticking = time.Time{}
	if b := p.up().Tick(p.w.now, 2*p.w.opt.Up.Delay, nil); len(b) > 0 {
		if !p.w.carry(Network{Loss: p.w.opt.Up.Loss, Delay: p.w.opt.Up.Delay}, func() { p.feedback(b) }) && asks(b) {
			p.unheard++
		}
	}
	p.tickLater()
}

// asks tells whether feedback asks for a keyframe.
func asks(b []byte) bool {
	packets, _ := rtcp.Unmarshal(b)
	for _, pkt := range packets {
		if _, ok := pkt.(*rtcp.PictureLossIndication); ok {
			return true
		}
	}
	return false
}

// feedback is what the publisher does about RTCP from us.
func (p *publisher) feedback(b []byte) {
	packets, err := rtcp.Unmarshal(p.w.opt.garble.upwards(b))
	if err != nil {
		p.w.fail("publisher %d got unreadable feedback: %v", p.id, err)
		return
	}
	for _, pkt := range packets {
		switch r := pkt.(type) {
		case *rtcp.PictureLossIndication:
			p.keyframe(r.MediaSSRC)
		case *rtcp.TransportLayerNack:
			p.nack(r)
		}
	}
}

func (p *publisher) keyframe(ssrc uint32) {
	for _, s := range p.streams {
		if s.ssrc == ssrc && !p.w.opt.IgnoreRequests {
			s.wantKey = true
		}
	}
}

func (p *publisher) nack(r *rtcp.TransportLayerNack) {
	if p.w.opt.IgnoreNacks || p.gone {
		return
	}
	for _, s := range p.streams {
		if s.ssrc != r.MediaSSRC {
			continue
		}
		for _, pair := range r.Nacks {
			for _, seq := range pair.PacketList() {
				s.repair(s.seq - 1 - uint32(uint16(s.seq-1)-seq))
			}
		}
	}
}

// repair retransmits as RFC 4588 says.
func (s *upstream) repair(seq uint32) {
	o, ok := s.sent[seq]
	if !ok {
		return
	}
	var p rtp.Packet
	if err := p.Unmarshal(o.wire); err != nil {
		panic(err)
	}
	h := p.Header
	h.PayloadType, h.SequenceNumber, h.SSRC = rtxPT, s.rtxSeq, s.rtxSSRC
	s.rtxSeq++
	if err := h.DelExtension(ridID); err != nil {
		panic(err)
	}
	setExtension(&h, rrdID, []byte(s.rid))
	b, err := (&rtp.Packet{Header: h, Payload: append([]byte{byte(seq >> 8), byte(seq)}, p.Payload...)}).Marshal()
	if err != nil {
		panic(err)
	}
	s.deliver(b, o)
}

func (s *upstream) senderReport() {
	p := s.pub
	if p.gone {
		return
	}
	p.w.after(time.Second, s.senderReport)
	if s.count == 0 {
		return
	}
	at := p.w.now.Add(p.clock)
	ntp := uint64(at.Unix()+2208988800)<<32 | uint64(at.Nanosecond())<<32/1e9
	b, err := (&rtcp.SenderReport{SSRC: s.ssrc, NTPTime: ntp, RTPTime: s.timestamp()}).Marshal()
	if err != nil {
		panic(err)
	}
	p.w.carry(Network{Loss: p.w.opt.Up.Loss, Delay: p.w.opt.Up.Delay}, func() {
		if !p.up().Ended() {
			p.up().HandleRTCP(p.w.now, b)
		}
	})
}
