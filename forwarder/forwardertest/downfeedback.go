package forwardertest

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// feedback is what a receiver tells us, some times a second.
func (s *subscriber) feedback() {
	if s.left {
		return
	}
	s.w.after(reportEvery, s.feedback)
	var packets []rtcp.Packet
	rr := &rtcp.ReceiverReport{SSRC: 9}
	for _, t := range s.tracks {
		if !t.decoder.started {
			continue
		}
		block := rtcp.ReceptionReport{SSRC: t.ssrc, LastSequenceNumber: uint32(t.decoder.highest)}
		if t.report != nil {
			block.LastSenderReport = uint32(t.report.NTPTime >> 16)
			block.Delay = uint32(s.w.now.Sub(t.sentAt) * (1 << 16) / time.Second)
		}
		rr.Reports = append(rr.Reports, block)
		if t.kind == codec.Video {
			packets = s.ask(t, packets)
		}
	}
	packets = append([]rtcp.Packet{rr}, packets...)
	packets = s.transportFeedback(packets)
	b, err := rtcp.Marshal(packets)
	if err != nil {
		panic(err)
	}
	s.w.carry(Network{Loss: s.w.opt.Down.Loss, Delay: s.w.opt.Down.Delay}, func() {
		if s.left {
			return
		}
		s.out.Reset()
		s.core.HandleRTCP(s.w.now, b, &s.out)
		s.emit()
		s.pull()
	})
}

func (s *subscriber) ask(t *downstream, packets []rtcp.Packet) []rtcp.Packet {
	if missing := t.decoder.missing(); len(missing) > 0 {
		packets = append(packets, &rtcp.TransportLayerNack{MediaSSRC: t.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(missing)})
	}
	if s.w.now.Sub(s.lastAt) > pliAfter && s.w.now.Sub(t.decoder.pli) > pliAfter {
		t.decoder.pli = s.w.now
		packets = append(packets, &rtcp.PictureLossIndication{MediaSSRC: t.ssrc})
	}
	return packets
}
