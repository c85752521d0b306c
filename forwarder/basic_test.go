package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

var (
	opus = codec.Format{Name: codec.Opus}
	vp8  = codec.Format{Name: codec.VP8}
)

const (
	upAudio, upVideo     = 111, 96
	downAudio, downVideo = 63, 100
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newPublisher() *forwarder.Publisher {
	return forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Audio, MID: "0", Formats: map[uint8]codec.Format{upAudio: opus}},
		{Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{upVideo: vp8}, NACK: true, PLI: true},
	}})
}

func newSubscriber() *forwarder.Subscriber {
	return forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: 1, Tracks: []forwarder.SubscriberTrack{
		{Kind: codec.Video, SSRC: 2, RTXSSRC: 3, NACK: true, Formats: []forwarder.SubscriberFormat{{Format: vp8, PT: downVideo, RTX: 101}}},
		{Kind: codec.Audio, SSRC: 1, Formats: []forwarder.SubscriberFormat{{Format: opus, PT: downAudio}}},
	}})
}

// vp8Packet makes a packet of n bytes; first marks the first of a frame.
func packet(t testing.TB, ssrc uint32, pt uint8, seq uint16, ts uint32, marker bool, payload []byte) []byte {
	t.Helper()
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SSRC: ssrc, PayloadType: pt, SequenceNumber: seq, Timestamp: ts, Marker: marker}, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vp8Frame(key bool) []byte {
	frame := []byte{0x10, 0x01, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0, 0}
	if key {
		frame[1] = 0
	}
	return append(frame, make([]byte, 400)...)
}

func TestJoinCatchesUpFromTheLastKeyframe(t *testing.T) {
	p := newPublisher()
	now := start
	for i := range 300 { // 10 s, one keyframe at the start
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(65000+i), uint32(i*3000), true, vp8Frame(i == 0)))
		now = now.Add(33333 * time.Microsecond)
	}
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
	t.Logf("%d packets, first %d last %d", len(got), got[0].Timestamp, got[len(got)-1].Timestamp)
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
	var w forwarder.PacketWriter
	for range 1000 {
		push()
	}
	total := 0
	if a := testing.AllocsPerRun(20, func() {
		out.Reset()
		s.Pull(now, &out)
		for i := range out.Packets {
			h, b := w.Fill(&out.Packets[i])
			total += len(b) + int(h.SequenceNumber&1)
		}
	}); a > 0 {
		t.Errorf("%v allocations per pull", a)
	}
	if total < 100_000 {
		t.Errorf("only %d bytes pulled", total)
	}
}
