package forwarder_test

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// linked is packet i of what a link carries, a keyframe if it is the first: a frame of its own, or a
// stub of that, where only the lowest layer travels.
func linked(t *testing.T, d *forwarder.Description, i int, stub bool) []byte {
	t.Helper()
	e := &d.Tracks[0].Encodings[0]
	h := rtp.Header{Version: 2, Marker: true, PayloadType: e.PT, SSRC: e.SSRC, SequenceNumber: uint16(1000 + i), Timestamp: uint32(3000 * i)}
	payload := append(vp8Frame(i == 0), make([]byte, 100)...)
	if stub {
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
	return b
}

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
			edge.HandleRTP(start, linked(t, &d, i, i == 2))
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

// TestAStubStaysOneOnTheNextLink: a stub that came while the next link's far end did not want the
// encoding crosses that as a stub, too, though higher numbers were sent there before.
func TestAStubStaysOneOnTheNextLink(t *testing.T) {
	g := newLongGroup(t)
	g.frame(start, true)
	d := g.up.Describe()
	node := forwarder.NewPublisher(d.PublisherConfig())
	ssrc := d.Tracks[0].Encodings[0].SSRC
	send := func(i int, stub bool) {
		node.HandleRTP(start, linked(t, &d, i, stub))
	}
	tap := forwarder.NewTap(node, forwarder.TapConfig{SSRC: 9})
	unwanted := func(ssrcs ...uint32) {
		b := []byte{2<<6 | 1, 204, 0, byte(2 + len(ssrcs)), 0, 0, 0, 1, 'W', 'H', 'P', 'T'}
		for _, s := range ssrcs {
			b = binary.BigEndian.AppendUint32(b, s)
		}
		tap.HandleRTCP(start, b, &forwarder.Output{})
	}
	for _, i := range []int{0, 2, 3} {
		send(i, false)
	}
	var out forwarder.Output
	tap.Pull(start, &out)
	unwanted(ssrc)
	send(1, true)
	unwanted()
	out.Reset()
	tap.Pull(start, &out)
	if len(out.Packets) != 4 {
		t.Fatalf("%d packets after the encoding is wanted again", len(out.Packets))
	}
	for i := range out.Packets {
		b := make([]byte, 1500)
		n, err := out.Packets[i].MarshalTo(b)
		if err != nil {
			t.Fatal(err)
		}
		var p rtp.Packet
		if err := p.Unmarshal(b[:n]); err != nil {
			t.Fatal(err)
		}
		if value, stub := p.GetExtension(forwarder.LinkTravelsID), p.SequenceNumber == 1001; (value != nil) != stub || stub && len(p.Payload) != forwarder.StubBytes {
			t.Errorf("%d: %d bytes, said of layers %x", p.SequenceNumber, len(p.Payload), value)
		}
	}
}
