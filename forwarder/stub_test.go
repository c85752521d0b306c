package forwarder_test

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestStubsAreNotSent: of a packet that came over a link as a stub nothing is sent to a subscriber:
// its number closes, or where it was passed over already an empty packet has it.
func TestStubsAreNotSent(t *testing.T) {
	g := newLongGroup(t)
	g.frame(start, true)
	d := g.up.Describe()
	for name, test := range map[string]struct {
		order []int // of the packets; the third one is a stub
		want  []int // offsets of the numbers
		empty int   // which of these is empty; -1: none
	}{
		"in order": {[]int{0, 1, 2, 3}, []int{0, 1, 2}, -1},
		"late":     {[]int{0, 1, 3, 2}, []int{0, 1, 3, 2}, 3},
	} {
		edge := forwarder.NewPublisher(d.PublisherConfig())
		s := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100})
		s.SetPublisher(edge)
		var got []forwarder.OutPacket
		for _, i := range test.order {
			h := rtp.Header{
				Version: 2, Marker: true, PayloadType: d.Tracks[0].Encodings[0].PT, SSRC: d.Tracks[0].Encodings[0].SSRC,
				SequenceNumber: uint16(1000 + i), Timestamp: uint32(3000 * i),
			}
			payload := append(vp8Frame(i == 0), make([]byte, 100)...)
			if i == 2 {
				value := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(nil, codec.LayerBit(0, 0)), uint16(len(payload)))
				if err := h.SetExtension(forwarder.LinkTravelsID, value); err != nil {
					t.Fatal(err)
				}
				payload = payload[:forwarder.StubBytes]
			}
			b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			edge.HandleRTP(start, b)
			got = append(got, pull(s, start).Packets...)
		}
		if len(got) != len(test.want) {
			t.Fatalf("%s: %d packets, want %d", name, len(got), len(test.want))
		}
		for i, p := range got {
			if int(p.Seq-got[0].Seq) != test.want[i] || p.Empty != (i == test.empty) {
				t.Errorf("%s: packet %d has the number of %d, empty %v", name, i, p.Seq-got[0].Seq, p.Empty)
			}
		}
	}
}
