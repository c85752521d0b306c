package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// feedbackPacket is a compound as browsers send some 20 of each second: report
// blocks, transport-wide feedback and a NACK.
func feedbackPacket(t testing.TB, ssrc uint32, seqs ...uint16) []byte {
	t.Helper()
	packets := []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, LastSequenceNumber: uint32(seqs[0])}, {SSRC: 1}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{ssrc}},
		&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)},
		&rtcp.TransportLayerCC{
			BaseSequenceNumber: 1, PacketStatusCount: 2,
			Header:       rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5},
			PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2}},
			RecvDeltas:   []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta}, {Type: rtcp.TypeTCCPacketReceivedSmallDelta}},
		},
		&rtcp.PictureLossIndication{MediaSSRC: ssrc},
		&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: ssrc}}},
	}
	b, err := rtcp.Marshal(packets)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A subscriber's feedback costs no garbage, its answers included.
func TestFeedbackDoesNotAllocate(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	feed(t, p, &now, 0, 10)
	first := pull(s, now).Packets[0].Seq
	b := feedbackPacket(t, 2, first, first+1, first+5)
	out := forwarder.Output{Packets: make([]forwarder.OutPacket, 0, 64), Wishes: make([]*forwarder.Encoding, 0, 8)}
	answered := 0
	if n := testing.AllocsPerRun(9, func() {
		now = now.Add(time.Second)
		out.Reset()
		s.HandleRTCP(now, b, &out)
		answered += len(out.Packets)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c := s.Counts(); answered == 0 || c.Malformed != 0 || c.REMB != 1e6 || c.Nacks == 0 {
		t.Errorf("the feedback did not count: %+v, %d answers", c, answered)
	}
}

// Nor do packets to a subscriber with the sender reports between them.
func TestReportsDoNotAllocate(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	feed(t, p, &now, 0, 2)
	out := forwarder.Output{Packets: make([]forwarder.OutPacket, 0, 64), RTCP: make([]byte, 0, 512)}
	s.Pull(now, &out)
	feed(t, p, &now, 2, 300)
	at, packets, reports := now.Add(-10*time.Second), 0, 0
	if n := testing.AllocsPerRun(20, func() {
		at = at.Add(500 * time.Millisecond)
		out.Reset()
		s.Pull(at, &out)
		packets += len(out.Packets)
		reports += len(out.RTCP)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if packets < 250 || reports == 0 {
		t.Errorf("%d packets, %d bytes of reports", packets, reports)
	}
}

// What is asked of a publisher costs no garbage either, but what it is asked in.
func TestTickDoesNotAllocate(t *testing.T) {
	p, now := newPublisher(), start
	feed(t, p, &now, 0, 10)
	feed(t, p, &now, 20, 10) // with a hole
	out := make([]byte, 0, 4096)
	asked := 0
	if n := testing.AllocsPerRun(10, func() {
		now = now.Add(time.Second)
		p.RequestKeyframe(p.Best(codec.Video))
		out = p.Tick(now, 0, out[:0])
		asked += len(out)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c := p.Counts(); c.Nacks == 0 || c.Requests == 0 || asked == 0 {
		t.Errorf("nothing was asked: %+v", c)
	}
}

// A packet received costs its share of larger blocks and nothing else, header
// extensions included.
func TestHandleRTPDoesNotAllocate(t *testing.T) {
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, Formats: map[uint8]codec.Format{upVideo: vp8},
		Extensions: map[uint8]codec.Extension{4: codec.VideoOrientation, 9: codec.PlayoutDelay, 3: codec.TransportCC},
	}}})
	h := rtp.Header{Version: 2, PayloadType: upVideo, SSRC: 7, Marker: true}
	for id, value := range map[uint8][]byte{3: {1, 2}, 4: {1}, 9: {0, 0, 0}} {
		if err := h.SetExtension(id, value); err != nil {
			t.Fatal(err)
		}
	}
	b, err := (&rtp.Packet{Header: h, Payload: vp8Frame(false)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	now, seq := start, 0
	if n := testing.AllocsPerRun(5000, func() {
		seq++
		b[2], b[3] = byte(seq>>8), byte(seq)
		now = now.Add(time.Millisecond)
		p.HandleRTP(now, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c := p.Counts(); c.Packets != 5001 {
		t.Errorf("not taken: %+v", c)
	}
	if ext := p.Encodings(codec.Video)[0].History().At(0).Ext; len(ext) != 2 {
		t.Errorf("values kept: %v", ext)
	}
}
