package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A 90 kHz timestamp is half way round after 6.6 h; a segment may last longer.
func TestASegmentOutlastsTheTimestamps(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	var last uint32
	for i := range 8 * 3600 {
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(i), uint32(i*90000), true, vp8Frame(i == 0)))
		if i == 2 { // a join in the past, with a catch-up
			s = newSubscriber()
			s.SetPublisher(p)
		}
		got := pull(s, now).Packets
		if i > 10 && (len(got) != 1 || got[0].Timestamp-last != 90000) {
			t.Fatalf("frame %d: %d packets", i, len(got))
		}
		if len(got) > 0 {
			last = got[len(got)-1].Timestamp
		}
		now = now.Add(time.Second)
	}
}

// Half a day between two publishers must not make timestamps step back.
func TestTimestampsRiseOverAnyPause(t *testing.T) {
	s, now := newSubscriber(), start
	var last uint32
	for i, pause := range []time.Duration{0, time.Second, 7 * time.Hour, 12 * time.Hour, 40 * time.Hour} {
		now = now.Add(pause)
		p := newPublisher()
		s.SetPublisher(p)
		feed(t, p, &now, 0, 1)
		got := pull(s, now).Packets
		if len(got) != 1 {
			t.Fatalf("publisher %d: %d packets", i, len(got))
		}
		if step := int32(got[0].Timestamp - last); i > 0 && step <= 0 {
			t.Errorf("after %v the timestamp moves by %d", pause, step)
		}
		last = got[0].Timestamp
		p.End()
		pull(s, now)
		if s.Track(codec.Video).Encoding() != nil {
			t.Error("an ended encoding's history is held on to")
		}
	}
}

// The history of a quiet encoding forgets within the reach of late packets: what
// comes again from there must not be sent again under its number.
func TestARepetitionOutOfReachIsNotSent(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	sent := map[uint16]bool{}
	push := func(i int) {
		p.HandleRTP(now, packet(t, 5, upAudio, uint16(i), uint32(i*960), false, []byte{1, 2}))
		for _, o := range pull(s, now).Packets {
			if sent[o.Seq] {
				t.Fatalf("number %d is sent twice", o.Seq)
			}
			sent[o.Seq] = true
		}
		now = now.Add(20 * time.Millisecond)
	}
	for i := range 700 {
		if i != 690 {
			push(i)
		}
	}
	push(100)
	push(650)
	push(690)             // late, but never sent
	if len(sent) != 699 { // audio begins with the packet after the first
		t.Errorf("%d packets sent, want 699", len(sent))
	}
}

// The packet a keyframe is known by was lost and is repaired when other frames
// have come: it is a keyframe all the same.
func TestARepairedKeyframeCounts(t *testing.T) {
	p, s := newPublisher(), newSubscriber()
	s.SetPublisher(p)
	part := vp8Frame(false)
	part[0] = 0
	key := vp8Frame(true)
	p.HandleRTP(start, packet(t, 7, upVideo, 1, 0, true, vp8Frame(false)))
	p.HandleRTP(start, packet(t, 7, upVideo, 3, 3000, false, part))
	p.HandleRTP(start, packet(t, 7, upVideo, 4, 3000, true, part))
	p.HandleRTP(start, packet(t, 7, upVideo, 5, 6000, true, vp8Frame(false)))
	if n := len(pull(s, start).Packets); n != 0 {
		t.Fatalf("%d packets before a keyframe is known", n)
	}
	p.HandleRTP(start, packet(t, 7, upVideo, 2, 3000, false, key))
	var seqs []uint64
	pulled := append(pull(s, start).Packets, pull(s, start.Add(time.Second)).Packets...)
	for _, o := range pulled {
		seqs = append(seqs, o.Packet.Seq-1<<16)
	}
	if len(seqs) != 4 || seqs[0] != 3 || seqs[3] != 2 {
		t.Errorf("sent %d, want 3 4 5 2", seqs)
	}
}

// A publisher whose timestamps step back goes on, and its keyframes still count.
func TestTimestampsThatStepBack(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	feed(t, p, &now, 0, 60)
	for range 20 {
		pull(s, now)
		now = now.Add(50 * time.Millisecond)
	}
	for i := range 30 {
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(65060+i), uint32(i*3000)-90_000_000, true, vp8Frame(i == 10)))
		if n := len(pull(s, now).Packets); n != 1 {
			t.Fatalf("frame %d after the step: %d packets", i, n)
		}
		now = now.Add(33 * time.Millisecond)
	}
	back := uint32(90_000_000)
	if k := p.Best(codec.Video).Keyframe(); k.Timestamp != 30000-back {
		t.Errorf("the keyframe after the step is not known: %+v", k)
	}
}

// Encoders begin with a keyframe; one that does not is asked, and once more if
// nothing comes of it. Nobody needs to watch.
func TestAFirstKeyframeIsAskedFor(t *testing.T) {
	p, now := newPublisher(), start
	asked := 0
	for i := range 60 {
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(i), uint32(i*3000), true, vp8Frame(false)))
		packets, _ := rtcp.Unmarshal(p.Tick(now, 0, nil))
		for _, pkt := range packets {
			if _, ok := pkt.(*rtcp.PictureLossIndication); ok {
				asked++
				if now.Sub(start) < forwarder.FirstKeyframe {
					t.Errorf("asked after %v", now.Sub(start))
				}
			}
		}
		now = now.Add(20 * time.Millisecond)
	}
	if asked != 2 {
		t.Errorf("asked %d times in 1.2 s, want 2", asked)
	}
}

// Wishes for another publisher's encoding are nobody's: two owners must not meet.
func TestAWishForAnothersEncodingIsPassedOver(t *testing.T) {
	one, two, now := newPublisher(), newPublisher(), start
	feed(t, one, &now, 0, 1)
	feed(t, two, &now, 0, 1)
	two.RequestKeyframe(one.Best(codec.Video))
	two.RequestKeyframe(nil)
	for _, p := range []*forwarder.Publisher{one, two} {
		packets, _ := rtcp.Unmarshal(p.Tick(now, 0, nil))
		for _, pkt := range packets {
			if _, ok := pkt.(*rtcp.PictureLossIndication); ok {
				t.Error("a request was made")
			}
		}
	}
}

// Retransmissions for a stream whose RID another SSRC took go to its successor,
// not into a history that is closed.
func TestRepairsAfterAnEncodingChangedItsSSRC(t *testing.T) {
	budget := forwarder.NewBudget(1 << 20)
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{simulcastTrack()}, Budget: budget})
	rid := map[uint8]string{1: "1", 2: "0"}
	repair := func(rtx, seq uint16) bool {
		return p.HandleRTP(start, from(t, 20, 97, rtx, map[uint8]string{1: "1", 3: "0"}, append([]byte{0, byte(seq)}, vp8Frame(false)...)))
	}
	p.HandleRTP(start, from(t, 10, 96, 1, rid, vp8Frame(true)))
	p.HandleRTP(start, from(t, 10, 96, 3, rid, vp8Frame(false)))
	if !repair(1, 2) {
		t.Fatal("not taken")
	}
	p.HandleRTP(start, from(t, 11, 96, 101, rid, vp8Frame(true)))
	p.HandleRTP(start, from(t, 11, 96, 103, rid, vp8Frame(false)))
	if !repair(2, 102) || p.Encodings(codec.Video)[0].History().Head() != 3 {
		t.Error("the successor was not repaired")
	}
	p.End()
	if p.HandleRTP(start, from(t, 11, 96, 104, rid, vp8Frame(false))) || budget.Used() != 0 {
		t.Errorf("%d bytes are in use after the end", budget.Used())
	}
}

// Packets without payload take a number and nothing else: they end no frame,
// begin none and are passed on empty.
func TestPaddingOnlyPackets(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	pad := packet(t, 7, upVideo, 2, 0, false, make([]byte, 200))
	pad[0] |= 0x20
	pad[len(pad)-1] = 200
	p.HandleRTP(now, packet(t, 7, upVideo, 1, 0, true, vp8Frame(true)))
	if !p.HandleRTP(now, pad) {
		t.Fatal("not taken")
	}
	p.HandleRTP(now, packet(t, 7, upVideo, 3, 3000, true, vp8Frame(true)))
	got := pull(s, now).Packets
	if len(got) != 1 || p.Best(codec.Video).Keyframe().Seq != 1<<16+3 {
		t.Fatalf("%d packets, keyframe %+v", len(got), p.Best(codec.Video).Keyframe())
	}
	pad[3] = 4
	p.HandleRTP(now, pad)
	if got := pull(s, now).Packets; len(got) != 1 || len(got[0].Packet.Payload) != 0 || got[0].Marker() {
		t.Errorf("%d packets for an empty one", len(got))
	}
}

// clocked is a publisher of one encoding with sender reports, and a subscriber's
// view of them.
type clocked struct {
	t   *testing.T
	pub *forwarder.Publisher
	sub *forwarder.Subscriber
}

func (c *clocked) report(now time.Time, ssrc uint32, ntp time.Time, ts uint32) {
	b, err := (&rtcp.SenderReport{SSRC: ssrc, NTPTime: forwarder.ToNTP(ntp), RTPTime: ts}).Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	c.pub.HandleRTCP(now, b)
}

// captured returns when the subscriber is told that timestamp ts was made.
func (c *clocked) captured(now time.Time, out uint32) time.Time {
	packets, _ := rtcp.Unmarshal(pull(c.sub, now).RTCP)
	for _, pkt := range packets {
		if r, ok := pkt.(*rtcp.SenderReport); ok {
			return forwarder.FromNTP(r.NTPTime).Add(time.Duration(int32(out-r.RTPTime)) * time.Second / 90000)
		}
	}
	c.t.Fatal("no sender report")
	return now
}

// The publisher's wall clock is set while it sends: its reports still count, as
// if it had not been.
func TestThePublishersClockIsSet(t *testing.T) {
	c := &clocked{t: t, pub: newPublisher(), sub: newSubscriber()}
	c.sub.SetPublisher(c.pub)
	now := start
	feed(t, c.pub, &now, 0, 1)
	out := pull(c.sub, now).Packets[0].Timestamp
	c.report(now, 7, now.Add(-time.Hour), 3000)
	feed(t, c.pub, &now, 1, 44)
	pull(c.sub, now)
	now = start.Add(1533333 * time.Microsecond)
	c.report(now, 7, now.Add(3*time.Hour), 3000+135000)
	now = now.Add(1500 * time.Millisecond)
	c.report(now, 7, now.Add(3*time.Hour), 3000+270000-9000) // its RTP clock lost 100 ms
	if d := c.captured(now, out+270000-9000).Sub(now); d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("media captured now is said to be of %v", d)
	}
}

// Two encodings, the first of which arrives 300 ms later: reports say what is
// simultaneous, so a switch does not move the picture in time.
func TestASwitchIsAlignedByReports(t *testing.T) {
	pub := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{simulcastTrack()}})
	sub := newSubscriber()
	sub.SetPublisher(pub)
	c := &clocked{t: t, pub: pub, sub: sub}
	now := start
	send := func(i int, rid string, ssrc uint32, first uint32, key bool, width byte) {
		frame := vp8Frame(key)
		frame[7], frame[8] = width, 0
		h := rtp.Header{Version: 2, SSRC: ssrc, PayloadType: 96, SequenceNumber: uint16(i), Timestamp: first + uint32(i)*9000, Marker: true}
		_ = h.SetExtension(1, []byte("1"))
		_ = h.SetExtension(2, []byte(rid))
		b, err := (&rtp.Packet{Header: h, Payload: frame}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		pub.HandleRTP(now, b)
		c.report(now, ssrc, start.Add(time.Duration(i)*100*time.Millisecond), first+uint32(i)*9000)
	}
	outs := map[uint32]uint32{}
	for i := range 30 { // frame i is captured at i·100 ms
		now = start.Add(time.Duration(i) * 100 * time.Millisecond)
		if i >= 3 && i < 20 {
			send(i-3, "0", 10, 1000, i == 3, 100)
		}
		if i >= 13 {
			send(i, "1", 11, 77_000_000, i == 13, 200)
		}
		for _, o := range pull(sub, now).Packets {
			if o.Packet.Timestamp >= 77_000_000 {
				outs[11] = o.Timestamp - (o.Packet.Timestamp - 77_000_000)
			} else {
				outs[10] = o.Timestamp - (o.Packet.Timestamp - 1000)
			}
		}
	}
	if d := int32(outs[11] - outs[10]); outs[11] == 0 || d < -90 || d > 90 {
		t.Errorf("the switch moves the picture by %d ms (%v)", d/90, outs)
	}
}

// Without reports from the publisher, the first sender report goes by arrival: what
// arrives now is of now.
func TestTheFirstReportGoesByArrival(t *testing.T) {
	c := &clocked{t: t, pub: newPublisher(), sub: newSubscriber()}
	c.sub.SetPublisher(c.pub)
	c.pub.HandleRTP(start, packet(t, 7, upVideo, 1, 5000, true, vp8Frame(true)))
	out := pull(c.sub, start)
	packets, _ := rtcp.Unmarshal(out.RTCP)
	if len(packets) == 0 || len(out.Packets) != 1 {
		t.Fatalf("%d packets, %d reports", len(out.Packets), len(packets))
	}
	if r, ok := packets[0].(*rtcp.SenderReport); !ok || r.RTPTime != out.Packets[0].Timestamp {
		t.Errorf("the report says %v, want timestamp %d now", packets[0], out.Packets[0].Timestamp)
	}
}

// Sound of another publisher whose packets come late begins after what was sent, whatever their
// timestamps say of when they were made.
func TestLateSoundDoesNotStepBack(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	var last uint32
	send := func(to *forwarder.Publisher, i int) (sent int) {
		to.HandleRTP(now, packet(t, 5, upAudio, uint16(i), uint32(i*960), false, []byte{1, 2}))
		for _, o := range pull(s, now).Packets {
			if step := int32(o.Timestamp - last); sent+i > 0 && step <= 0 {
				t.Errorf("the timestamp moves by %d", step)
			}
			last = o.Timestamp
			sent++
		}
		return sent
	}
	for i := range 3 {
		send(p, i)
		now = now.Add(20 * time.Millisecond)
	}
	other := newPublisher()
	send(other, 100)
	now = now.Add(25 * time.Millisecond)
	send(p, 4)
	s.SetPublisher(other)
	pull(s, now)
	now = now.Add(5 * time.Millisecond) // 10 ms late
	if send(other, 101) != 1 {
		t.Fatal("it is not sent")
	}
	now = now.Add(10 * time.Millisecond)
	send(other, 102)
}
