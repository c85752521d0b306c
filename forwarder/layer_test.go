package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// described publishes two seconds of one-packet frames, each with a header extension.
func described(t *testing.T, p *forwarder.Publisher, now *time.Time, id uint8, value func(frame int) []byte) {
	t.Helper()
	for i := range 60 {
		h := rtp.Header{Version: 2, SSRC: 7, PayloadType: upVideo, SequenceNumber: uint16(i), Timestamp: uint32(i * 3000), Marker: true}
		if err := h.SetExtension(id, value(i)); err != nil {
			t.Fatal(err)
		}
		b, err := (&rtp.Packet{Header: h, Payload: vp8Frame(i == 0)}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p.HandleRTP(*now, b)
		*now = now.Add(33 * time.Millisecond)
	}
}

func publisherOf(ext codec.Extension, format codec.Format) *forwarder.Publisher {
	return forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{upVideo: format}, PLI: true,
		Extensions: map[uint8]codec.Extension{3: ext},
	}}})
}

// What the publisher aims at is told beside what it sends.
func TestTargetBitrates(t *testing.T) {
	p, now := publisherOf(codec.VideoLayers, vp8), start
	described(t, p, &now, 3, func(int) []byte { return []byte{0x01, 0x00, 0xf4, 0x03} }) // one layer, 500 kbit/s
	all := p.Best(codec.Video).Layers()
	if len(all) != 1 || all[0].TargetBitrate != 500_000 || all[0].Bitrate == 0 {
		t.Errorf("%+v", all)
	}
	p = publisherOf(codec.VideoLayers, vp8)
	described(t, p, &now, 3, func(int) []byte { return []byte{0xff} })
	if c := p.Counts(); c.Malformed != 60 {
		t.Errorf("%d malformed values", c.Malformed)
	}
}

// TestTargetBitratesOfSeveralEncodings: they go by the order of the RIDs in SDP, not by that in
// which encodings come.
func TestTargetBitratesOfSeveralEncodings(t *testing.T) {
	track := simulcastTrack()
	track.Extensions[4] = codec.VideoLayers
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{track}})
	now := start
	for i := range 60 {
		for _, rid := range []string{"2", "0", "1"} {
			stream := rid[0] - '0'
			// Three streams of one layer each, of 100, 500 and 1,500 kbit/s.
			value := []byte{stream<<6 | 2<<4 | 1, 0, 100, 0xf4, 3, 0xdc, 0x0b}
			h := rtp.Header{Version: 2, SSRC: 10 + uint32(stream), PayloadType: 96, SequenceNumber: uint16(i), Timestamp: uint32(i * 3000), Marker: true}
			for id, v := range map[uint8][]byte{1: []byte("1"), 2: []byte(rid), 4: value} {
				if err := h.SetExtension(id, v); err != nil {
					t.Fatal(err)
				}
			}
			b, err := (&rtp.Packet{Header: h, Payload: vp8Frame(i == 0)}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			p.HandleRTP(now, b)
		}
		now = now.Add(33 * time.Millisecond)
	}
	for _, e := range p.Encodings(codec.Video) {
		want := map[string]int64{"0": 100_000, "1": 500_000, "2": 1_500_000}[e.RID()]
		if all := e.Layers(); len(all) != 1 || all[0].TargetBitrate != want {
			t.Errorf("rid %s: %+v, want %d", e.RID(), all, want)
		}
	}
	if n := len(p.Encodings(codec.Video)); n != 3 {
		t.Errorf("%d encodings", n)
	}
}

// Frame marking tells temporal layers where nothing else does (H264).
func TestFrameMarkingTellsLayers(t *testing.T) {
	h264 := codec.Format{Name: codec.H264, Mode: 1}
	p, now := publisherOf(codec.FrameMarking, h264), start
	idr := append([]byte{0x65}, make([]byte, 300)...)
	for i := range 60 {
		payload, marking := append([]byte{0x41}, make([]byte, 300)...), byte(0xc0|i%2)
		if i == 0 {
			payload, marking = idr, 0xe0
		}
		h := rtp.Header{Version: 2, SSRC: 7, PayloadType: upVideo, SequenceNumber: uint16(i), Timestamp: uint32(i * 3000), Marker: true}
		if err := h.SetExtension(3, []byte{marking, 0, 0}); err != nil {
			t.Fatal(err)
		}
		b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p.HandleRTP(now, b)
		now = now.Add(33 * time.Millisecond)
	}
	all := p.Encodings(codec.Video)[0].Layers()
	if len(all) != 2 || all[1].Temporal != 1 || all[0].Bitrate >= all[1].Bitrate {
		t.Errorf("%+v", all)
	}
}

// A player without the Dependency Descriptor gets no spatial layers of AV1 but the lowest:
// nothing would tell it where their frames end.
func TestPlainPlayersGetOneSpatialLayerOfAV1(t *testing.T) {
	for _, test := range []struct {
		name      codec.Name
		described bool
		want      int
	}{{codec.AV1, false, 3}, {codec.AV1, true, 9}, {codec.VP9, false, 9}} {
		if got := forwarder.PlayableLayers(test.name, test.described); got != test.want {
			t.Errorf("%v, described %v: %d of nine layers, want %d", test.name, test.described, got, test.want)
		}
	}
}
