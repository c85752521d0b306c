package forwarder

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/pion/rtcp"
)

// one is what a packet of a compound says, as the core reads it.
type one struct {
	kind, format uint8
	blocks       []reportBlock
	seqs         []uint16
	ssrcs        []uint32
	rate         int64
	base, count  uint16
	arrived      []uint16 // transport-wide numbers
}

// ours reads a packet with the core's reader; false: it is malformed.
func ours(b []byte) (one, bool) {
	r := rtcpReader{rest: b}
	if !r.next() || len(r.rest) > 0 {
		return one{}, false
	}
	o := one{kind: r.kind}
	switch {
	case r.kind == rtcpRR || r.kind == rtcpSR:
		for b := r.blocks(); len(b) > 0; b = b[reportBytes:] {
			o.blocks = append(o.blocks, readBlock(b))
		}
	case r.is(rtcpRTPFB, formatNACK):
		o.format, o.ssrcs = r.count, []uint32{r.media()}
		for b := r.fci(); len(b) > 0; b = b[pairBytes:] {
			pair := readPair(b)
			for more := true; more; {
				var seq uint16
				seq, more = pair.take()
				o.seqs = append(o.seqs, seq)
			}
		}
	case r.is(rtcpRTPFB, formatTCC):
		o.format = r.count
		o.base, o.count = r.transportRange()
		for i := range o.count {
			if r.transportReceived(o.base + i) {
				o.arrived = append(o.arrived, o.base+i)
			}
		}
	case r.is(rtcpPSFB, formatPLI):
		o.format, o.ssrcs = r.count, []uint32{r.media()}
	case r.is(rtcpPSFB, formatFIR):
		o.format = r.count
		for b := r.fci(); len(b) > 0; b = b[firBytes:] {
			o.ssrcs = append(o.ssrcs, binary.BigEndian.Uint32(b))
		}
	case r.is(rtcpPSFB, formatREMB):
		o.format = r.count
		o.rate, _ = r.remb()
	case r.kind == rtcpBye:
		for b := r.body[:4*int(r.count)]; len(b) > 0; b = b[4:] {
			o.ssrcs = append(o.ssrcs, binary.BigEndian.Uint32(b))
		}
	}
	return o, true
}

// theirs is the same as pion reads it; known is false where that says nothing of
// ours: padding, and what the core skips or reads less strictly.
func theirs(b []byte) (o one, ok, known bool) {
	packets, err := rtcp.Unmarshal(b)
	kind, format := b[1], b[0]&0x1f
	if b[0]&0x20 != 0 {
		return one{}, false, false
	}
	if err != nil {
		strict := kind == rtcpSR || kind == rtcpRR || kind == rtcpRTPFB && format == formatNACK ||
			kind == rtcpPSFB && (format == formatPLI || format == formatFIR)
		return one{}, false, strict
	}
	o.kind = kind
	switch p := packets[0].(type) {
	case *rtcp.SenderReport:
		o.blocks = blocksOf(p.Reports)
	case *rtcp.ReceiverReport:
		o.blocks = blocksOf(p.Reports)
	case *rtcp.TransportLayerNack:
		o.format, o.ssrcs = format, []uint32{p.MediaSSRC}
		for i := range p.Nacks {
			o.seqs = append(o.seqs, p.Nacks[i].PacketList()...)
		}
	case *rtcp.TransportLayerCC:
		o.format, o.base, o.count = format, p.BaseSequenceNumber, p.PacketStatusCount
		o.arrived = arrived(p)
	case *rtcp.PictureLossIndication:
		o.format, o.ssrcs = format, []uint32{p.MediaSSRC}
	case *rtcp.FullIntraRequest:
		o.format = format
		for _, e := range p.FIR {
			o.ssrcs = append(o.ssrcs, e.SSRC)
		}
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		o.format, o.rate = format, int64(min(float64(p.Bitrate), 1<<62))
	case *rtcp.Goodbye:
		o.ssrcs = append(o.ssrcs, p.Sources...)
	}
	return o, true, true
}

// arrived are the numbers that feedback says came.
func arrived(p *rtcp.TransportLayerCC) (out []uint16) {
	var symbols []uint16
	for _, c := range p.PacketChunks {
		switch c := c.(type) {
		case *rtcp.RunLengthChunk:
			symbols = append(symbols, slices.Repeat([]uint16{c.PacketStatusSymbol}, int(c.RunLength))...)
		case *rtcp.StatusVectorChunk:
			symbols = append(symbols, c.SymbolList...)
		}
	}
	for i, s := range symbols[:min(len(symbols), int(p.PacketStatusCount))] {
		if s == rtcp.TypeTCCPacketReceivedSmallDelta || s == rtcp.TypeTCCPacketReceivedLargeDelta {
			out = append(out, p.BaseSequenceNumber+uint16(i))
		}
	}
	return out
}

func blocksOf(reports []rtcp.ReceptionReport) (out []reportBlock) {
	for _, r := range reports {
		out = append(out, reportBlock{
			r.SSRC, r.FractionLost, int32(r.TotalLost<<8) >> 8, r.LastSequenceNumber, r.Jitter, r.LastSenderReport, r.Delay,
		})
	}
	return out
}

// compareRTCP holds the reader against pion's, packet by packet.
func compareRTCP(t *testing.T, b []byte) {
	t.Helper()
	r := rtcpReader{rest: b}
	for r.next() { // it must end
		continue
	}
	for len(b) >= rtcpHeader {
		end := rtcpHeader + 4*int(binary.BigEndian.Uint16(b[2:]))
		if end > len(b) || b[0]>>6 != 2 {
			break
		}
		got, ok := ours(b[:end])
		want, wantOK, known := theirs(b[:end])
		if want.format == formatREMB && want.kind == rtcpPSFB && (got.rate == 0 || got.rate == math.MaxInt64) {
			want.rate = got.rate // pion reads mantissa 0 as 1 and does not saturate
		}
		if known && (ok != wantOK || !reflect.DeepEqual(got, want)) {
			t.Fatalf("%x: read as %+v (%v), want %+v (%v)", b[:end], got, ok, want, wantOK)
		}
		b = b[end:]
	}
	if (len(r.rest) == 0) != (len(b) == 0) && len(b) > 0 {
		t.Fatalf("%d bytes are left of a compound that ends with %x", len(r.rest), b)
	}
}

var rtcpSeeds = []rtcp.Packet{
	&rtcp.SenderReport{SSRC: 1, NTPTime: 1 << 50, RTPTime: 3, Reports: []rtcp.ReceptionReport{{SSRC: 2, TotalLost: 0xfffffe}}},
	&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2, FractionLost: 7, TotalLost: 9, LastSequenceNumber: 1 << 17, Jitter: 4, LastSenderReport: 5, Delay: 6}, {SSRC: 3}}},
	&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 65530, LostPackets: 0x8001}, {PacketID: 3}, {PacketID: 9, LostPackets: 0xffff}}},
	&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2},
	&rtcp.FullIntraRequest{SenderSSRC: 1, FIR: []rtcp.FIREntry{{SSRC: 2, SequenceNumber: 3}, {SSRC: 4}}},
	&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 2_500_000, SSRCs: []uint32{2}},
	&rtcp.Goodbye{Sources: []uint32{1, 2}, Reason: "done"},
	&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "c"}}}}},
	&rtcp.TransportLayerCC{
		BaseSequenceNumber: 65535, PacketStatusCount: 2,
		Header:       rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5},
		PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2}},
		RecvDeltas:   []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta}, {Type: rtcp.TypeTCCPacketReceivedSmallDelta}},
	},
	&rtcp.TransportLayerCC{
		BaseSequenceNumber: 65530, PacketStatusCount: 20,
		Header: rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 8},
		PacketChunks: []rtcp.PacketStatusChunk{
			&rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeOneBit, SymbolList: []uint16{1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1}},
			&rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit, SymbolList: []uint16{2, 0, 3, 1, 1, 0, 1}},
		},
		RecvDeltas: []*rtcp.RecvDelta{
			{Type: 1}, {Type: 1}, {Type: 1}, {Type: 1}, {Type: 1}, {Type: 2}, {Type: 1}, {Type: 1}, {Type: 1},
		},
	},
}

// FuzzRTCPReader: what the reader makes of any bytes is what pion makes of them,
// where both read them.
func FuzzRTCPReader(f *testing.F) {
	var all []byte
	for _, p := range rtcpSeeds {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		all = append(all, b...)
	}
	f.Add(all)
	f.Add([]byte{0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4})
	f.Fuzz(func(t *testing.T, b []byte) { compareRTCP(t, b) })
}

// TestRTCPReader reads changed packets of all kinds.
func TestRTCPReader(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, p := range rtcpSeeds {
		whole, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := ours(whole); !ok || got.kind != whole[1] {
			t.Errorf("%T is not read", p)
		}
		for range 3_000 {
			b := append([]byte{}, whole...)
			for range rnd.IntN(3) {
				b[rnd.IntN(len(b))] = byte(rnd.Uint32())
			}
			b[3] = byte(min(int(b[3]), len(b)/4-1))
			compareRTCP(t, b[:len(b)-rnd.IntN(2)*4])
		}
	}
}

func TestRTCPPadding(t *testing.T) {
	nack := []byte{0xa1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 0, 0, 0, 0, 4}
	if got, ok := ours(nack); !ok || !reflect.DeepEqual(got.seqs, []uint16{9}) {
		t.Errorf("padding is read as numbers: %v", got.seqs)
	}
	for _, pad := range []byte{0, 3, 8, 255} {
		nack[19] = pad
		if _, ok := ours(nack); ok {
			t.Errorf("padding of %d bytes is taken", pad)
		}
	}
}

// TestRTCPWriters: what the core writes is what pion writes.
func TestRTCPWriters(t *testing.T) {
	block := reportBlock{2, 3, 4, 5, 6, 7, 8}
	seqs := []uint16{65530, 65531, 65535, 0, 9, 10, 27, 500}
	for name, tt := range map[string]struct {
		got  []byte
		want rtcp.Packet
	}{
		"sender report": {appendSenderReport(nil, senderReport{1, 2 << 40, 3, 4, 5}), &rtcp.SenderReport{SSRC: 1, NTPTime: 2 << 40, RTPTime: 3, PacketCount: 4, OctetCount: 5}},
		"empty report":  {appendReceiverReport(nil, 1, 0), &rtcp.ReceiverReport{SSRC: 1}},
		"report":        {appendBlock(appendReceiverReport(nil, 1, 1), &block), &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2, FractionLost: 3, TotalLost: 4, LastSequenceNumber: 5, Jitter: 6, LastSenderReport: 7, Delay: 8}}}},
		"nack":          {appendNack(nil, 1, 2, seqs), &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)}},
		"pli":           {appendPLI(nil, 1, 2), &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}},
		"fir":           {appendFIR(nil, 1, 2, 3), &rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: 2, FIR: []rtcp.FIREntry{{SSRC: 2, SequenceNumber: 3}}}},
		"remb":          {append(appendREMB(nil, 1, 20_000_000, 1), 0, 0, 0, 9), &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 20_000_000, SSRCs: []uint32{9}}},
		"small remb":    {appendREMB(nil, 1, 1000, 0), &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1000}},
	} {
		want, err := tt.want.Marshal()
		if err != nil || !reflect.DeepEqual(tt.got, want) {
			t.Errorf("%s: %x, want %x (%v)", name, tt.got, want, err)
		}
	}
	for n := range 20 {
		cname := "abcdefghijklmnopqrstuvwxyz"[:n]
		want, err := (&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}}}}}).Marshal()
		if got := appendCNAME(nil, 1, cname); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %x, want %x (%v)", cname, got, want, err)
		}
	}
	if b := appendCNAME(nil, 1, string(make([]byte, 300))); len(b)%4 != 0 || b[9] != 255 {
		t.Errorf("a long name: %d bytes", len(b))
	}
}
