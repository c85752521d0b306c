package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

func simulcastTrack(ssrcs ...uint32) forwarder.PublisherTrack {
	return forwarder.PublisherTrack{
		Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{96: vp8}, Repair: map[uint8]uint8{97: 96},
		SSRCs: ssrcs, RIDs: []string{"0", "1", "2"}, NACK: true, PLI: true,
		Extensions: map[uint8]codec.Extension{1: codec.MID, 2: codec.RID, 3: codec.RepairedRID},
	}
}

func audioTrack() forwarder.PublisherTrack {
	return forwarder.PublisherTrack{
		Kind: codec.Audio, MID: "0", Formats: map[uint8]codec.Format{111: opus},
		Extensions: map[uint8]codec.Extension{1: codec.MID},
	}
}

// from makes a packet with header extensions by id.
func from(t testing.TB, ssrc uint32, pt uint8, seq uint16, ext map[uint8]string, payload []byte) []byte {
	t.Helper()
	h := rtp.Header{Version: 2, SSRC: ssrc, PayloadType: pt, SequenceNumber: seq, Timestamp: uint32(seq) * 3000, Marker: true}
	for id, v := range ext {
		if err := h.SetExtension(id, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// W108, W109: encodings are told apart by RID in the header extension only;
// undeclared RIDs are ignored; SSRC lines are not needed.
func TestEncodingsByRID(t *testing.T) {
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audioTrack(), simulcastTrack()}})
	if p.HandleRTP(start, from(t, 10, 96, 1, nil, vp8Frame(true))) {
		t.Error("a packet without a RID was taken")
	}
	if !p.HandleRTP(start, from(t, 10, 96, 2, map[uint8]string{1: "1", 2: "2"}, vp8Frame(true))) {
		t.Fatal("a late encoding alone was not taken")
	}
	if !p.HandleRTP(start, from(t, 10, 96, 3, nil, vp8Frame(false))) {
		t.Error("a known SSRC needs its RID again")
	}
	if p.HandleRTP(start, from(t, 11, 96, 1, map[uint8]string{1: "1", 2: "zz"}, vp8Frame(true))) {
		t.Error("an undeclared RID was taken")
	}
	if !p.HandleRTP(start, from(t, 12, 96, 1, map[uint8]string{1: "1", 2: "0"}, vp8Frame(true))) {
		t.Error("the next encoding was not taken")
	}
	all := p.Encodings(codec.Video)
	if len(all) != 2 || all[0].RID() != "2" || all[1].RID() != "0" {
		t.Fatalf("encodings %v", all)
	}
	// the same RID under another SSRC takes the place
	p.HandleRTP(start, from(t, 13, 96, 1, map[uint8]string{1: "1", 2: "2"}, vp8Frame(true)))
	if got := p.Encodings(codec.Video); len(got) != 2 || !all[0].Ended() {
		t.Errorf("%d encodings, the first ended: %v", len(got), all[0].Ended())
	}
}

func TestRetransmissionsFillHoles(t *testing.T) {
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audioTrack(), simulcastTrack()}})
	rid := map[uint8]string{1: "1", 2: "0"}
	p.HandleRTP(start, from(t, 10, 96, 1, rid, vp8Frame(true)))
	p.HandleRTP(start, from(t, 10, 96, 3, rid, vp8Frame(false)))
	repair := from(t, 20, 97, 900, map[uint8]string{1: "1", 3: "0"}, append([]byte{0, 2}, vp8Frame(false)...))
	if !p.HandleRTP(start, repair) {
		t.Fatal("the repair was not taken")
	}
	h := p.Encodings(codec.Video)[0].History()
	if got := h.At(2); h.Head() != 3 || got == nil || got.Seq != 1<<16+2 {
		t.Errorf("history: head %d, %v", h.Head(), got)
	}
	if p.HandleRTP(start, repair) {
		t.Error("a duplicate was taken")
	}
	if p.HandleRTP(start, from(t, 20, 97, 901, nil, nil)) {
		t.Error("a probe was taken")
	}
	if c := p.Counts(); c.Repaired != 1 || c.Duplicates != 1 || c.Packets != 3 {
		t.Errorf("%+v", c)
	}
}

// Payload types tell sections apart where nothing else does (FFmpeg has no
// extensions, an offer need not have SSRC lines).
func TestSectionsByPayloadType(t *testing.T) {
	p := newPublisher()
	if !p.HandleRTP(start, packet(t, 1, upAudio, 1, 0, false, []byte{1})) || !p.HandleRTP(start, packet(t, 2, upVideo, 1, 0, true, vp8Frame(true))) {
		t.Fatal("not taken")
	}
	if p.HandleRTP(start, packet(t, 3, 50, 1, 0, true, vp8Frame(true))) {
		t.Error("an unknown payload type was taken")
	}
	if p.Best(codec.Audio) == nil || p.Best(codec.Video) == nil {
		t.Error("an encoding is missing")
	}
}

func TestStreamsOfAPublisherAreBounded(t *testing.T) {
	p := newPublisher()
	taken := 0
	for ssrc := range uint32(1000) {
		if p.HandleRTP(start, packet(t, ssrc+1, upVideo, 1, 0, true, vp8Frame(true))) {
			taken++
		}
	}
	if taken != forwarder.MaxStreams || p.Counts().Unknown != uint64(1000-taken) {
		t.Errorf("%d SSRCs taken, %+v", taken, p.Counts())
	}
}

func TestACodecChangeInsideAnSSRCIsANewEncoding(t *testing.T) {
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, Formats: map[uint8]codec.Format{96: vp8, 98: {Name: codec.VP9}},
	}}})
	p.HandleRTP(start, packet(t, 1, 96, 1, 0, true, vp8Frame(true)))
	old := p.Best(codec.Video)
	p.HandleRTP(start, packet(t, 1, 98, 2, 3000, true, []byte{0x0c, 0, 0}))
	if e := p.Best(codec.Video); e == old || e.Format().Name != codec.VP9 || !old.Ended() {
		t.Errorf("best %v, old ended %v", e.Format(), old.Ended())
	}
}

// RFC 3550 A.1: a far jump is believed when the next packet follows on it.
func TestAJumpOfNumbers(t *testing.T) {
	p := newPublisher()
	push := func(seq uint16, key bool) bool {
		return p.HandleRTP(start, packet(t, 1, upVideo, seq, uint32(seq), true, vp8Frame(key)))
	}
	push(100, true)
	if push(30000, false) {
		t.Error("a stray packet was taken")
	}
	if !push(101, false) {
		t.Error("the stream does not go on after a stray packet")
	}
	push(40000, true)
	if !push(40001, true) || p.Best(codec.Video).History().Head() != 1 {
		t.Error("two packets in a row are not a new start")
	}
}

func TestMalformedPacketsAreCounted(t *testing.T) {
	p := newPublisher()
	good := packet(t, 1, upVideo, 1, 0, true, vp8Frame(true))
	padded := append([]byte(nil), good...)
	padded[0] |= 0x20
	padded[len(padded)-1] = 255
	padded = padded[:100]
	padded[99] = 200
	for _, b := range [][]byte{nil, {0x80}, good[:11], make([]byte, 3000), padded} {
		if p.HandleRTP(start, b) {
			t.Errorf("%d bytes were taken", len(b))
		}
	}
	if c := p.Counts(); c.Malformed != 5 || c.Packets != 0 {
		t.Errorf("%+v", c)
	}
	p.HandleRTCP(start, []byte{0x81, 200, 0, 1})
	if c := p.Counts(); c.Malformed != 6 {
		t.Errorf("%+v", c)
	}
}

func TestReportsAndRequestsToThePublisher(t *testing.T) {
	p := newPublisher()
	now := start
	for i := range 100 {
		if i%10 == 5 {
			continue
		}
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(i), uint32(i*900), true, vp8Frame(i == 0)))
		now = now.Add(10 * time.Millisecond)
	}
	p.RequestKeyframe(p.Best(codec.Video))
	packets, err := rtcp.Unmarshal(p.Tick(now, 0, nil))
	if err != nil {
		t.Fatal(err)
	}
	rr, ok := packets[0].(*rtcp.ReceiverReport)
	if !ok || len(rr.Reports) != 1 {
		t.Fatalf("%v", packets)
	}
	if r := rr.Reports[0]; r.SSRC != 7 || r.TotalLost != 10 || r.FractionLost < 24 || r.FractionLost > 27 || r.LastSequenceNumber != 99 {
		t.Errorf("report %+v", r)
	}
	var pli, nacks int
	for _, pkt := range packets {
		switch r := pkt.(type) {
		case *rtcp.PictureLossIndication:
			pli++
		case *rtcp.TransportLayerNack:
			for _, pair := range r.Nacks {
				nacks += len(pair.PacketList())
			}
		}
	}
	if pli != 1 || nacks != 10 {
		t.Errorf("%d keyframe requests, %d packets asked for", pli, nacks)
	}
}

// The best encoding is the largest picture, whatever the names (OBS: 0 is best).
func TestBestEncodingIsMeasured(t *testing.T) {
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{simulcastTrack()}})
	sized := func(width byte) []byte {
		f := vp8Frame(true)
		f[7], f[8] = width, 0
		return f
	}
	now := start
	seq := uint16(0)
	round := func(rids ...string) {
		for _, rid := range rids {
			width := map[string]byte{"0": 50, "1": 200, "2": 100}[rid]
			p.HandleRTP(now, from(t, uint32(rid[0]), 96, seq, map[uint8]string{1: "1", 2: rid}, sized(width)))
		}
		seq++
		now = now.Add(100 * time.Millisecond)
	}
	want := func(rid string) {
		t.Helper()
		if e := p.Best(codec.Video); e == nil || e.RID() != rid {
			t.Errorf("best is %v, want %s", e, rid)
		}
	}
	round("0")
	want("0")
	round("0", "2")
	want("2")
	round("0", "1", "2")
	want("1")
	for range 20 { // 1 vanishes
		round("0", "2")
	}
	want("2")
	round("0", "1", "2")
	want("1")
}

// E28: B-frames are sent before frames that are shown earlier; late and repaired
// packets are not.
func TestE28_BFramesAreCounted(t *testing.T) {
	p := newPublisher()
	for i, at := range []uint32{0, 3, 1, 2, 6, 4, 5} { // IPBB order
		p.HandleRTP(start, packet(t, 7, upVideo, uint16(i), at*3000, true, vp8Frame(i == 0)))
	}
	if n := p.Counts().Reordered; n != 2 {
		t.Errorf("%d frames out of order, want 2", n)
	}
	p = newPublisher()
	for _, i := range []uint16{0, 2, 1, 3, 5, 6, 4} {
		p.HandleRTP(start, packet(t, 7, upVideo, i, uint32(i)*3000, true, vp8Frame(i == 0)))
	}
	if n := p.Counts().Reordered; n != 0 {
		t.Errorf("%d late packets count as frames out of order", n)
	}
}
