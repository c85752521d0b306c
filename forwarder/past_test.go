package forwarder_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// plainSubscriber takes resends without RTX: they must be bit-identical.
func plainSubscriber(formats ...forwarder.SubscriberFormat) *forwarder.Subscriber {
	return forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: 4, Tracks: []forwarder.SubscriberTrack{{
		Kind: codec.Video, SSRC: 2, NACK: true, CNAME: "c", Formats: formats,
		Extensions: map[codec.Extension]uint8{codec.TransportCC: 5},
	}}})
}

// wires collects what a subscriber is sent, by number.
type wires map[uint16][]byte

func (w wires) take(t testing.TB, packets []forwarder.OutPacket) {
	t.Helper()
	for i := range packets {
		if w[packets[i].Seq] != nil {
			t.Fatalf("number %d carries two packets", packets[i].Seq)
		}
		w[packets[i].Seq] = wire(t, &packets[i])
	}
}

// wantAgain asks for all that was sent and wants the same bytes again.
func (w wires) wantAgain(t *testing.T, s *forwarder.Subscriber, now time.Time) {
	t.Helper()
	for seq, want := range w {
		got := nack(t, s, now, 2, seq)
		if len(got) != 1 || !bytes.Equal(wire(t, &got[0]), want) {
			t.Errorf("number %d: %d resends, not what was sent", seq, len(got))
		}
	}
}

// Resends are what was sent after the encoding changed, in what its packets look
// like and in where they come from.
func TestResendsOverSwitches(t *testing.T) {
	s := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100})
	now, sent := start, wires{}
	for i := range 3 { // publishers of one name
		p := newPublisher()
		s.SetPublisher(p)
		feed(t, p, &now, 0, 4) // the first ones in a catch-up
		sent.take(t, pull(s, now).Packets)
		feed(t, p, &now, 4, 4)
		sent.take(t, pull(s, now).Packets)
		if i < 2 {
			p.End()
		}
	}
	if len(sent) != 3*8 {
		t.Fatalf("%d packets were sent", len(sent))
	}
	sent.wantAgain(t, s, now)
}

// The parameter sets that were supplied to a keyframe can be asked for again, as
// can the keyframe of a still that has left the history.
func TestResendsOfAStillAndItsParameters(t *testing.T) {
	h264 := codec.Format{Name: codec.H264, Mode: 1}
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, Formats: map[uint8]codec.Format{upVideo: h264},
		ParameterSets: map[uint8][][]byte{upVideo: {{0x67, 0x42, 0x00, 0x1f, 0xe9, 0x01, 0x40, 0x7b, 0x20}, {0x68, 0xce, 0x3c, 0x80}}},
	}}})
	now := start
	for i := range 500 { // 16 s since the keyframe: it has left the history
		nal := byte(0x61)
		if i < 3 {
			nal = 0x65
		}
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(i), uint32(max(i, 2))*3000, i >= 2, []byte{nal, 0x88, byte(i), 9}))
		now = now.Add(33 * time.Millisecond)
	}
	s := plainSubscriber(forwarder.SubscriberFormat{Format: h264, PT: 100})
	s.SetPublisher(p)
	sent := wires{}
	sent.take(t, pull(s, now).Packets)
	if len(sent) != 4 || p.Best(codec.Video).History().BySeq(1<<16) != nil {
		t.Fatalf("%d packets of a still with parameters", len(sent))
	}
	sent.wantAgain(t, s, now)
}

// A packet of a catch-up is sent again with the catch-up's timestamp even when the
// segment has long forgotten that it caught up.
func TestResendAfterTheCatchUpIsForgotten(t *testing.T) {
	p, now := newPublisher(), start
	feed(t, p, &now, 0, 30)
	s := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100})
	s.SetPublisher(p)
	sent := wires{}
	at := now
	for range 100 {
		at = at.Add(time.Millisecond)
		sent.take(t, pull(s, at).Packets)
	}
	if len(sent) != 30 {
		t.Fatalf("%d packets were sent", len(sent))
	}
	now = now.Add(time.Minute) // nothing comes, so the history keeps them
	s.Pull(now, &forwarder.Output{})
	sent.wantAgain(t, s, now)
}

// What an encoding that ended left can be asked for a while; then nothing of the
// session holds it any more.
func TestAnEndedEncodingIsLetGo(t *testing.T) {
	p, s, now := newPublisher(), plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100}), start
	s.SetPublisher(p)
	sent := wires{}
	for i := range 5 {
		feed(t, p, &now, i, 1)
		sent.take(t, pull(s, now).Packets)
	}
	gone := make(chan struct{})
	runtime.AddCleanup(p.Best(codec.Video), func(struct{}) { close(gone) }, struct{}{})
	p.End()
	s.SetPublisher(nil)
	p = nil
	out := pull(s, now)
	sent.wantAgain(t, s, now)
	if at := out.Deadline; !at.Equal(now.Add(forwarder.HistoryKeep)) {
		t.Fatalf("deadline %v, want %v", at.Sub(now), forwarder.HistoryKeep)
	}
	now = out.Deadline
	pull(s, now)
	for seq := range sent {
		if n := len(nack(t, s, now, 2, seq)); n != 0 {
			t.Errorf("%d resends of what is forgotten", n)
		}
	}
	if c := s.Track(codec.Video).Counts(); c.ResendForgotten != uint64(len(sent)) {
		t.Errorf("%d forgotten", c.ResendForgotten)
	}
	out = forwarder.Output{}
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(time.Millisecond): // cleanups run in a goroutine of their own
		}
	}
	t.Error("the encoding is still held")
	runtime.KeepAlive(s)
}

// A number stands for one packet: a publisher that sends another one under a
// number the history no longer finds is not believed.
func TestANumberStandsForOnePacket(t *testing.T) {
	for name, again := range map[string][]uint16{
		"evicted":                 {1, 2, 3},
		"covered by a later one":  {1, 257}, // 256 further, the same place in the index
		"covered and higher late": {257, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, now := newPublisher(), plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100}), start
			s.SetPublisher(p)
			push := func(seq uint16, mark byte) bool {
				h := rtp.Header{Version: 2, SSRC: 7, PayloadType: upVideo, SequenceNumber: seq, Timestamp: uint32(seq) * 3000, Marker: true}
				b, err := (&rtp.Packet{Header: h, Payload: append(vp8Frame(true), mark)}).Marshal()
				if err != nil {
					t.Fatal(err)
				}
				return p.HandleRTP(now, b)
			}
			sent := wires{}
			for _, seq := range again {
				if !push(seq, 1) {
					t.Fatalf("%d is not taken", seq)
				}
				sent.take(t, pull(s, now).Packets)
				if name == "evicted" {
					now = now.Add(forwarder.HistoryAge + 1)
				}
			}
			for _, seq := range again {
				if push(seq, 2) {
					t.Errorf("another packet is taken under number %d", seq)
				}
			}
			for seq, want := range sent {
				for _, o := range nack(t, s, now, 2, seq) {
					if !bytes.Equal(wire(t, &o), want) {
						t.Errorf("number %d was sent again with other bytes", seq)
					}
				}
			}
		})
	}
}

// Segments that follow on each other faster than a subscriber can ask are not all
// kept.
func TestPastSegmentsAreBounded(t *testing.T) {
	s, now := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100}), start
	var seqs []uint16
	for range 3 * forwarder.PastMappings { // a publisher each
		p := newPublisher()
		s.SetPublisher(p)
		feed(t, p, &now, 0, 1)
		for _, o := range pull(s, now).Packets {
			seqs = append(seqs, o.Seq)
		}
		p.End()
	}
	again := 0
	for _, seq := range seqs {
		again += len(nack(t, s, now, 2, seq))
	}
	most := forwarder.PastMappings + 1 // and the one it is on
	if c := s.Track(codec.Video).Counts(); again != most || c.ResendForgotten != uint64(len(seqs)-again) {
		t.Errorf("%d resends of %d packets, %d forgotten", again, len(seqs), c.ResendForgotten)
	}
}
