package forwarder_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

func nack(t testing.TB, s *forwarder.Subscriber, now time.Time, ssrc uint32, seqs ...uint16) []forwarder.OutPacket {
	t.Helper()
	b, err := (&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var out forwarder.Output
	s.HandleRTCP(now, b, &out)
	return out.Packets
}

// wire is p as it goes out, held against pion's form of the same fields.
func wire(t testing.TB, p *forwarder.OutPacket) []byte {
	t.Helper()
	b := make([]byte, 2000)
	n, err := p.MarshalTo(b)
	if err != nil {
		t.Fatal(err)
	}
	if want := marshal(t, p); !bytes.Equal(b[:n], want) {
		t.Fatalf("written as %x, want %x", b[:n], want)
	}
	return b[:n]
}

func TestResendByRTX(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	feed(t, p, &now, 0, 10)
	sent := pull(s, now).Packets
	if len(sent) == 0 {
		t.Fatal("nothing sent")
	}
	got := nack(t, s, now, 2, sent[0].Seq)
	if len(got) != 1 {
		t.Fatalf("%d resends", len(got))
	}
	var first, again rtp.Packet
	if err := first.Unmarshal(wire(t, &sent[0])); err != nil {
		t.Fatal(err)
	}
	if err := again.Unmarshal(wire(t, &got[0])); err != nil {
		t.Fatal(err)
	}
	if again.SSRC != 3 || again.PayloadType != 101 || again.Timestamp != first.Timestamp || again.Marker != first.Marker {
		t.Errorf("resend %v of %v", again.Header, first.Header)
	}
	if want := append([]byte{byte(first.SequenceNumber >> 8), byte(first.SequenceNumber)}, first.Payload...); !bytes.Equal(again.Payload, want) {
		t.Error("the payload is not the original number and the original payload")
	}
	if n := len(nack(t, s, now.Add(5*time.Millisecond), 2, sent[0].Seq)); n != 0 {
		t.Errorf("%d resends within a round trip", n)
	}
	if n := len(nack(t, s, now.Add(time.Second), 2, sent[0].Seq)); n != 1 {
		t.Errorf("%d resends a second later", n)
	}
	if n := len(nack(t, s, now, 2, sent[0].Seq-1, 40000)); n != 0 {
		t.Errorf("%d resends of what was never sent", n)
	}
	if n := len(nack(t, s, now, 99, sent[0].Seq)); n != 0 {
		t.Errorf("%d resends of an SSRC that is not ours", n)
	}
}

func TestResendsAreBounded(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	feed(t, p, &now, 0, 1)
	seq := pull(s, now).Packets[0].Seq
	total := 0
	for range 100 {
		total += len(nack(t, s, now, 2, seq))
		now = now.Add(time.Second)
	}
	if total != forwarder.MaxResends {
		t.Errorf("%d resends, want %d", total, forwarder.MaxResends)
	}
	if c := s.Track(codec.Video).Counts(); c.ResendRefused != uint64(100-total) {
		t.Errorf("%d refused", c.ResendRefused)
	}
}

func TestResendWithoutRTXIsBitIdentical(t *testing.T) {
	now := start
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, Formats: map[uint8]codec.Format{upVideo: vp8},
		Extensions: map[uint8]codec.Extension{4: codec.VideoOrientation, 9: codec.TransportCC},
	}}})
	s := forwarder.NewSubscriber(forwarder.SubscriberConfig{Tracks: []forwarder.SubscriberTrack{{
		Kind: codec.Video, SSRC: 2, NACK: true, Formats: []forwarder.SubscriberFormat{{Format: vp8, PT: 100}},
		Extensions: map[codec.Extension]uint8{codec.VideoOrientation: 7, codec.TransportCC: 3},
	}}})
	s.SetPublisher(p)
	h := rtp.Header{Version: 2, PayloadType: upVideo, SSRC: 7, Marker: true}
	if err := h.SetExtension(4, []byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := h.SetExtension(9, []byte{0xab, 0xcd}); err != nil {
		t.Fatal(err)
	}
	b, err := (&rtp.Packet{Header: h, Payload: vp8Frame(true)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p.HandleRTP(now, b)
	sent := pull(s, now).Packets
	first := wire(t, &sent[0])
	feed(t, p, &now, 1, 5)
	pull(s, now)
	again := nack(t, s, now, 2, sent[0].Seq)
	if len(again) != 1 || !bytes.Equal(wire(t, &again[0]), first) {
		t.Error("the resend differs from what was sent")
	}
	var got rtp.Packet
	if err := got.Unmarshal(first); err != nil {
		t.Fatal(err)
	}
	// E25: values go on under the subscriber's ids; the publisher's transport-wide
	// number does not.
	if ids := got.GetExtensionIDs(); len(ids) != 2 || !bytes.Equal(got.GetExtension(7), []byte{1}) || bytes.Equal(got.GetExtension(3), []byte{0xab, 0xcd}) {
		t.Errorf("extensions %v: %x, %x", ids, got.GetExtension(7), got.GetExtension(3))
	}
}

// The sent map grows with the rate and stops at its bound.
func TestSentMapIsBounded(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	var seqs []uint16
	for i := range 2 * forwarder.SentVideoMax {
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(i), uint32(i*90), true, vp8Frame(i == 0)))
		for _, o := range pull(s, now).Packets {
			seqs = append(seqs, o.Seq)
		}
		now = now.Add(100 * time.Microsecond)
	}
	newest, oldest := seqs[len(seqs)-1], seqs[0]
	if len(nack(t, s, now, 2, newest-forwarder.SentVideoMax+1)) != 1 {
		t.Error("forgot a packet within the bound")
	}
	if len(nack(t, s, now, 2, oldest)) != 0 {
		t.Error("remembers a packet beyond the bound")
	}
}

func TestTwoByteExtensionHeaders(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 40)
	o := forwarder.OutPacket{
		IDs:    &forwarder.ExtensionIDs{codec.DependencyDescriptor: 5, codec.TransportCC: 1},
		Packet: &forwarder.Packet{Payload: []byte{1}, Ext: []forwarder.ExtensionValue{{Ext: codec.DependencyDescriptor, Data: long}, {Ext: codec.ColorSpace, Data: long}}},
	}
	var got rtp.Packet
	if err := got.Unmarshal(wire(t, &o)); err != nil {
		t.Fatal(err)
	}
	if got.ExtensionProfile != rtp.ExtensionProfileTwoByte || !bytes.Equal(got.GetExtension(5), long) || len(got.GetExtensionIDs()) != 2 {
		t.Errorf("profile %x, ids %v", got.ExtensionProfile, got.GetExtensionIDs())
	}
}
