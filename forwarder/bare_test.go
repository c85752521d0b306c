package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestWhoAsksForAKeyframeGetsItsParameterSets: of a publisher that sends them once, or in
// its description only, a subscriber that lost them would decode nothing for ever.
func TestWhoAsksForAKeyframeGetsItsParameterSets(t *testing.T) {
	h264 := codec.Format{Name: codec.H264, Mode: 1}
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, PLI: true, Formats: map[uint8]codec.Format{upVideo: h264},
		ParameterSets: map[uint8][][]byte{upVideo: {{0x67, 0x42, 0x00, 0x1f, 0xe9, 0x01, 0x40, 0x7b, 0x20}, {0x68, 0xce, 0x3c, 0x80}}},
	}}})
	s, now, seq := plainSubscriber(forwarder.SubscriberFormat{Format: h264, PT: 100}), start, uint16(0)
	s.SetPublisher(p)
	sent := wires{}
	var last uint16
	// frame sends a frame of a packet or two and tells whether parameter sets were supplied.
	frame := func(key bool, marker bool) bool {
		nal := byte(0x61)
		if key {
			nal = 0x65
		}
		seq++
		now = now.Add(33 * time.Millisecond)
		h := rtp.Header{Version: 2, SSRC: 7, PayloadType: upVideo, SequenceNumber: seq, Timestamp: uint32(seq) * 3000, Marker: marker}
		b, err := (&rtp.Packet{Header: h, Payload: []byte{nal, 0x88, byte(seq), 9}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p.HandleRTP(now, b)
		out := pull(s, now)
		sent.take(t, out.Packets)
		supplied := false
		for i, o := range out.Packets {
			supplied = supplied || o.Packet.Seq == 0
			if len(sent) > len(out.Packets) && o.Seq != last+1 && marker {
				t.Errorf("packet %d: number %d after %d", i, o.Seq, last)
			}
			last = o.Seq
		}
		return supplied
	}
	if !frame(true, true) {
		t.Fatal("the first keyframe has none")
	}
	if frame(false, true) || frame(true, true) {
		t.Error("supplied to who asked for nothing")
	}
	requestKeyframe(t, p, s, now)
	if frame(false, true) || !frame(true, true) {
		t.Error("the keyframe that was asked for has none")
	}
	if frame(false, true) || frame(true, true) {
		t.Error("the next one has them again")
	}
	sent.wantAgain(t, s, now)
}
