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
		{Kind: codec.Video, SSRC: 2, RTXSSRC: 3, NACK: true, CNAME: "c", Formats: []forwarder.SubscriberFormat{{Format: vp8, PT: downVideo, RTX: 101}}},
		{Kind: codec.Audio, SSRC: 1, CNAME: "c", Formats: []forwarder.SubscriberFormat{{Format: opus, PT: downAudio}}},
	}})
}

// packet makes an RTP packet as a publisher sends it.
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

// feed pushes n frames of one packet each, a keyframe first.
func feed(t testing.TB, p *forwarder.Publisher, now *time.Time, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if !p.HandleRTP(*now, packet(t, 7, upVideo, uint16(65000+i), uint32(i*3000), true, vp8Frame(i == 0))) {
			t.Fatalf("frame %d was not taken: %+v", i, p.Counts())
		}
		*now = now.Add(33333 * time.Microsecond)
	}
}

// pull returns what a subscriber gets now.
func pull(s *forwarder.Subscriber, now time.Time) forwarder.Output {
	var out forwarder.Output
	s.Pull(now, &out)
	return out
}
