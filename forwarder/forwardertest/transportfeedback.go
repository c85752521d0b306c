package forwardertest

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
)

// An arrival is a packet's transport-wide number and when it came.
type arrival struct {
	number uint16
	at     time.Time
}

// Units of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
const (
	referenceUnit = 64 * time.Millisecond
	deltaUnit     = 250 * time.Microsecond

	// mostMissing bounds how many numbers in a row feedback tells as missing.
	mostMissing = 2000

	// feedbackHeader is what feedback takes before chunks and deltas, in bytes.
	feedbackHeader = 20
)

// transportFeedback adds what arrived since the last one.
func (s *subscriber) transportFeedback(packets []rtcp.Packet) []rtcp.Packet {
	all := s.arrived
	s.arrived = nil
	if len(all) == 0 {
		return packets
	}
	some := all[0].number
	slices.SortStableFunc(all, func(a, b arrival) int { return int(int16(a.number-some)) - int(int16(b.number-some)) })
	f := &rtcp.TransportLayerCC{
		MediaSSRC: 2000, BaseSequenceNumber: all[0].number, FbPktCount: s.reports,
		Header: rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback},
	}
	s.reports++
	fillFeedback(f, all)
	return append(packets, f)
}

// fillFeedback writes arrivals, which are sorted by number, into f.
func fillFeedback(f *rtcp.TransportLayerCC, all []arrival) {
	epoch := time.Unix(0, 0)
	reference := all[0].at.Sub(epoch) / referenceUnit
	f.ReferenceTime = uint32(reference) & 0xffffff
	last, next, size := epoch.Add(reference*referenceUnit), all[0].number, feedbackHeader
	for _, a := range all {
		missing := a.number - next
		if missing > mostMissing {
			continue // a repetition
		}
		if missing > 0 {
			f.PacketChunks = append(f.PacketChunks, run(rtcp.TypeTCCPacketNotReceived, missing))
		}
		delta := int64(a.at.Sub(last) / deltaUnit)
		symbol, bytes := uint16(rtcp.TypeTCCPacketReceivedLargeDelta), 2
		if delta >= 0 && delta < 1<<8 {
			symbol, bytes = rtcp.TypeTCCPacketReceivedSmallDelta, 1
		}
		f.PacketChunks = append(f.PacketChunks, run(symbol, 1))
		f.RecvDeltas = append(f.RecvDeltas, &rtcp.RecvDelta{Type: symbol, Delta: delta * int64(deltaUnit/time.Microsecond)})
		last, next, size = last.Add(time.Duration(delta)*deltaUnit), a.number+1, size+bytes
	}
	size += 2 * len(f.PacketChunks)
	f.PacketStatusCount = next - f.BaseSequenceNumber
	f.Header.Length, f.Header.Padding = uint16((size+3)/4-1), size%4 != 0
}

// run is a number of packets of one status.
func run(symbol, n uint16) rtcp.PacketStatusChunk {
	return &rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: symbol, RunLength: n}
}
