package client

import (
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
)

// Feedback counts RTCP messages of one direction.
type Feedback struct {
	NACKs       int64 // packets asked for again, not messages
	PLIs, FIRs  int64
	Reports     int64 // sender and receiver reports
	TransportCC int64
	REMBs       int64
	REMB        int64 // the last REMB's bitrate in bits per second, 0 before the first
	LossPercent int64 // of the last receiver report block, 0 to 100
}

// feedbackCounts is Feedback while it is being counted; safe for concurrent use.
type feedbackCounts struct {
	nacks, plis, firs, reports, transportCC, rembs, remb, loss atomic.Int64
}

func (c *feedbackCounts) snapshot() Feedback {
	return Feedback{
		NACKs: c.nacks.Load(), PLIs: c.plis.Load(), FIRs: c.firs.Load(), Reports: c.reports.Load(),
		TransportCC: c.transportCC.Load(), REMBs: c.rembs.Load(), REMB: c.remb.Load(), LossPercent: c.loss.Load(),
	}
}

func (c *feedbackCounts) add(packets []rtcp.Packet) {
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			for _, pair := range p.Nacks {
				c.nacks.Add(int64(len(pair.PacketList())))
			}
		case *rtcp.PictureLossIndication:
			c.plis.Add(1)
		case *rtcp.FullIntraRequest:
			c.firs.Add(1)
		case *rtcp.SenderReport:
			c.reports.Add(1)
		case *rtcp.ReceiverReport:
			c.reports.Add(1)
			for _, block := range p.Reports {
				c.loss.Store(int64(block.FractionLost) * 100 / 256)
			}
		case *rtcp.TransportLayerCC:
			c.transportCC.Add(1)
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			c.rembs.Add(1)
			c.remb.Store(int64(p.Bitrate))
		}
	}
}

// A tap is an interceptor that counts the RTCP this peer sends.
type tap struct {
	interceptor.NoOp
	sent feedbackCounts
}

// NewInterceptor hands out the tap itself: there is one per peer.
func (t *tap) NewInterceptor(string) (interceptor.Interceptor, error) { return t, nil }

// BindRTCPWriter counts what passes.
func (t *tap) BindRTCPWriter(writer interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, a interceptor.Attributes) (int, error) {
		t.sent.add(packets)
		return writer.Write(packets, a)
	})
}
