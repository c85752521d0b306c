package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/whippet-media/whippet/forwarder"
)

func TestJoinCatchesUpFromTheLastKeyframe(t *testing.T) {
	p := newPublisher()
	now := start
	feed(t, p, &now, 0, 300) // 10 s, one keyframe at the start
	s := newSubscriber()
	s.SetPublisher(p)
	var out forwarder.Output
	joined := now
	var got []forwarder.OutPacket
	i := 300
	for now.Sub(joined) < 2*time.Second {
		out.Reset()
		s.Pull(now, &out)
		got = append(got, out.Packets...)
		now = now.Add(5 * time.Millisecond)
		for start.Add(time.Duration(i) * 33333 * time.Microsecond).Before(now) {
			p.HandleRTP(now, packet(t, 7, upVideo, uint16(65000+i), uint32(i*3000), true, vp8Frame(false)))
			i++
		}
	}
	for i := 1; i < len(got); i++ {
		if got[i].Seq != got[i-1].Seq+1 {
			t.Fatalf("packet %d: seq %d after %d", i, got[i].Seq, got[i-1].Seq)
		}
		if d := int32(got[i].Timestamp - got[i-1].Timestamp); d < 90 {
			t.Fatalf("packet %d: timestamp rises by %d", i, d)
		}
	}
	if len(got) < 355 {
		t.Errorf("only %d packets", len(got))
	}
	if span := int32(got[len(got)-1].Timestamp - got[0].Timestamp); span < 90*1900 || span > 90*2050 {
		t.Errorf("timestamps span %d ms", span/90)
	}
}

func TestPullDoesNotAllocate(t *testing.T) {
	p := newPublisher()
	s := newSubscriber()
	s.SetPublisher(p)
	now := start
	seq := uint16(0)
	var out forwarder.Output
	key := packet(t, 7, upVideo, 0, 0, true, vp8Frame(true))
	p.HandleRTP(now, key)
	s.Pull(now, &out)
	packets := make([][]byte, 6000)
	for i := range packets {
		packets[i] = packet(t, 7, upVideo, uint16(i+1), uint32(i+1)*3000, true, vp8Frame(false))
	}
	next := 0
	push := func() {
		now = now.Add(time.Millisecond)
		p.HandleRTP(now, packets[next])
		next++
		seq++
	}
	for range 2000 {
		push()
		out.Reset()
		s.Pull(now, &out)
	}
	buf := make([]byte, 1600)
	for range 1000 {
		push()
	}
	total := 0
	if a := testing.AllocsPerRun(20, func() {
		out.Reset()
		s.Pull(now, &out)
		for i := range out.Packets {
			n, _ := out.Packets[i].MarshalTo(buf)
			total += n
		}
	}); a > 0 {
		t.Errorf("%v allocations per pull", a)
	}
	if total < 100_000 {
		t.Errorf("only %d bytes pulled", total)
	}
}

// A catch-up that gets no feedback waits at its window, then gives up: live from
// the next keyframe.
func TestCatchUpIsBoundedByFeedback(t *testing.T) {
	p := newPublisher()
	now := start
	for i := range 300 {
		for part := range 10 {
			frame := vp8Frame(i == 0)
			if part > 0 {
				frame[0] = 0
			}
			p.HandleRTP(now, packet(t, 7, upVideo, uint16(10*i+part), uint32(i*3000), part == 9, frame))
		}
		now = now.Add(33333 * time.Microsecond)
	}
	s := newSubscriber()
	s.SetPublisher(p)
	sent := 0
	var last forwarder.OutPacket
	for range 1000 {
		out := pull(s, now)
		if sent += len(out.Packets); len(out.Packets) > 0 {
			last = out.Packets[len(out.Packets)-1]
		}
		if len(out.RTCP) > 0 {
			t.Fatal("a sender report before the catch-up ended")
		}
		now = now.Add(time.Millisecond)
	}
	if sent != forwarder.CatchUpWindow {
		t.Errorf("%d packets ahead of feedback, want %d", sent, forwarder.CatchUpWindow)
	}
	rr, err := (&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 2, LastSequenceNumber: uint32(last.Seq)}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var out forwarder.Output
	s.HandleRTCP(now, rr, &out)
	if out = pull(s, now); len(out.Packets) == 0 {
		t.Error("feedback does not open the window")
	}
	for range 4000 {
		pull(s, now)
		now = now.Add(time.Millisecond)
	}
	if c := s.Track(2).Counts(); c.Skips != 1 {
		t.Errorf("%d skips after a stall of %v", c.Skips, forwarder.CatchUpStall)
	}
}

// A backlog that cannot be caught up in time is not sent: the keyframe alone is
// shown, and the next one follows on it without a gap.
func TestAStillWhereCatchingUpTakesTooLong(t *testing.T) {
	p := newPublisher()
	now := start
	seq := uint16(0)
	frame := func(key bool, i int) {
		for part := range 300 { // 36 Mbit/s
			f := vp8Frame(key)
			if part > 0 {
				f[0] = 0
			}
			p.HandleRTP(now, packet(t, 7, upVideo, seq, uint32(i*3000), part == 299, append(f, make([]byte, 100)...)))
			seq++
		}
		now = now.Add(33333 * time.Microsecond)
	}
	for i := range 90 {
		frame(i == 0, i)
	}
	s := newSubscriber()
	s.SetPublisher(p)
	var got []forwarder.OutPacket
	for range 20 {
		got = append(got, pull(s, now).Packets...)
	}
	if len(got) != 300 || !got[299].Marker() {
		t.Fatalf("%d packets of a still, want 300", len(got))
	}
	frame(false, 90)
	if n := len(pull(s, now).Packets); n != 0 {
		t.Errorf("%d packets between the still and the next keyframe", n)
	}
	frame(true, 91)
	for range 20 {
		got = append(got, pull(s, now).Packets...)
	}
	if len(got) != 600 {
		t.Fatalf("%d packets, want a still and a keyframe", len(got))
	}
	for i := 1; i < len(got); i++ {
		if got[i].Seq != got[i-1].Seq+1 {
			t.Fatalf("packet %d: %d after %d", i, got[i].Seq, got[i-1].Seq)
		}
	}
	if d := int32(got[300].Timestamp - got[299].Timestamp); d < 90 || d > 90*100 {
		t.Errorf("the next keyframe comes %d ms after the still", d/90)
	}
}

// An encoder that ignores requests cannot help a subscriber that lost its way:
// the last keyframe can, once.
func TestAKeyframeRequestRestartsWhereTheEncoderIgnoresThem(t *testing.T) {
	p := newPublisher()
	s := newSubscriber()
	s.SetPublisher(p)
	now := start
	request := func() int { return requestKeyframe(t, p, s, now) }
	feed(t, p, &now, 0, 30)
	pull(s, now)
	feed(t, p, &now, 30, 120)
	pull(s, now)
	for i := range 3 {
		if request() != 1 {
			t.Fatal("no wish")
		}
		feed(t, p, &now, 150+30*i, 30)
		pull(s, now)
	}
	if request() != 0 || s.Track(2).Counts().Restarts != 1 {
		t.Fatalf("no restart: %+v", s.Track(2).Counts())
	}
	now = now.Add(2 * time.Second)
	if request() != 1 || s.Track(2).Counts().Restarts != 1 {
		t.Error("a second restart from the same keyframe")
	}
}

// A keyframe request soon after the join may say that the first packet was lost,
// which no NACK can ask for: the first ones are sent again, a few times.
func TestAKeyframeRequestSoonAfterTheJoinRepeatsTheFirstPackets(t *testing.T) {
	p := newPublisher()
	s := newSubscriber()
	s.SetPublisher(p)
	now := start
	feed(t, p, &now, 0, 60)
	sent := pull(s, now).Packets
	pli, err := (&rtcp.PictureLossIndication{MediaSSRC: 2}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for i := range 10 {
		now = now.Add(200 * time.Millisecond)
		var out forwarder.Output
		s.HandleRTCP(now, pli, &out)
		if i == 0 && (len(out.Packets) == 0 || !out.Packets[0].Retransmit || out.Packets[0].OriginalSeq != sent[0].Seq) {
			t.Fatalf("the first packet is not sent again: %v", out.Packets)
		}
		if len(out.Wishes) != 1 {
			t.Error("the encoder is not asked")
		}
		total += len(out.Packets)
	}
	if most := forwarder.FirstPackets * forwarder.FirstResends; total == 0 || total > most {
		t.Errorf("%d packets sent again, want at most %d", total, most)
	}
}

// A subscriber that is known to have the first packet gets nothing twice: what else
// it misses it can ask for.
func TestTheFirstPacketsAreNotRepeatedOnceTheFirstHasCome(t *testing.T) {
	nackOf := func(n uint16) func(o *forwarder.OutPacket) rtcp.Packet {
		return func(o *forwarder.OutPacket) rtcp.Packet {
			return &rtcp.TransportLayerNack{MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: o.Seq + n}}}
		}
	}
	chunk := func(first int16, symbol uint16) func(o *forwarder.OutPacket) rtcp.Packet {
		return func(o *forwarder.OutPacket) rtcp.Packet {
			return &rtcp.TransportLayerCC{
				BaseSequenceNumber: o.TransportSeq + uint16(first), PacketStatusCount: 3,
				Header:       rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5},
				PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: symbol, RunLength: 3}},
				RecvDeltas:   []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta}, {Type: rtcp.TypeTCCPacketReceivedSmallDelta}},
			}
		}
	}
	for name, tt := range map[string]struct {
		feedback func(o *forwarder.OutPacket) rtcp.Packet
		again    bool
	}{
		"it came":           {chunk(-2, rtcp.TypeTCCPacketReceivedSmallDelta), false},
		"it did not":        {chunk(0, rtcp.TypeTCCPacketNotReceived), true},
		"later ones came":   {chunk(1, rtcp.TypeTCCPacketReceivedSmallDelta), true},
		"earlier ones came": {chunk(-3, rtcp.TypeTCCPacketReceivedSmallDelta), true},
		"it is asked for":   {nackOf(0), false},
		"the second is":     {nackOf(1), false},
		"the third is":      {nackOf(2), true},
		"a report block": {func(o *forwarder.OutPacket) rtcp.Packet {
			return &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 2, LastSequenceNumber: uint32(o.Seq)}}}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, now := newPublisher(), start
			s := forwarder.NewSubscriber(forwarder.SubscriberConfig{Tracks: browserTracks()})
			s.SetPublisher(p)
			feed(t, p, &now, 0, 30)
			first := pull(s, now).Packets[0]
			now = now.Add(100 * time.Millisecond)
			pull(s, now)
			b, err := tt.feedback(&first).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			s.HandleRTCP(now, b, &forwarder.Output{})
			var out forwarder.Output
			now = now.Add(time.Second)
			pli, _ := (&rtcp.PictureLossIndication{MediaSSRC: 2}).Marshal()
			s.HandleRTCP(now, pli, &out)
			if again := len(out.Packets) > 0; again != tt.again || s.Counts().Malformed > 0 {
				t.Errorf("%d packets are sent again, malformed %d", len(out.Packets), s.Counts().Malformed)
			}
		})
	}
}

// requestKeyframe sends the subscriber's request, passes the wishes it makes on
// to the publisher, and returns how many there are.
func requestKeyframe(t *testing.T, p *forwarder.Publisher, s *forwarder.Subscriber, now time.Time) int {
	t.Helper()
	b, err := (&rtcp.PictureLossIndication{MediaSSRC: 2}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var out forwarder.Output
	s.HandleRTCP(now, b, &out)
	for _, e := range out.Wishes {
		p.RequestKeyframe(e)
	}
	p.Tick(now, 0, nil)
	return len(out.Wishes)
}
