package forwarder_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A longGroup publishes pictures of ten packets that follow on one keyframe.
type longGroup struct {
	t      *testing.T
	up     *forwarder.Publisher
	frames int
}

func newLongGroup(t *testing.T) *longGroup {
	return &longGroup{t: t, up: forwarder.NewPublisher(forwarder.PublisherConfig{ID: 7, Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{upVideo: vp8}, NACK: true, PLI: true},
	}})}
}

const partsOfLong = 10

// frame sends a picture.
func (g *longGroup) frame(now time.Time, key bool) {
	for part := range partsOfLong {
		f := append(vp8Frame(key), byte(part), byte(g.frames))
		if part > 0 {
			f[0] = 0
		}
		seq := uint16(100 + g.frames*partsOfLong + part)
		g.up.HandleRTP(now, packet(g.t, 7, upVideo, seq, uint32(g.frames*900), part == partsOfLong-1, f))
	}
	g.frames++
}

// since is the time after a keyframe and n pictures more, one each 10 ms.
func (g *longGroup) since(n int) time.Time {
	now := start
	g.frame(now, true)
	for range n {
		now = now.Add(10 * time.Millisecond)
		g.frame(now, false)
	}
	e := g.up.Best(codec.Video)
	if e == nil || e.History().At(e.Keyframe().Index) != nil {
		g.t.Fatal("the keyframe has not left the history")
	}
	return now
}

// every10 returns what sends a picture each 10 ms, a keyframe once it is asked for.
func (g *longGroup) every10(now *time.Time, key *bool) func() {
	next := *now
	return func() {
		if !now.Before(next) {
			next = next.Add(10 * time.Millisecond)
			g.frame(*now, *key)
			*key = false
		}
	}
}

// wantStill wants an edge to have the origin's keyframe as a still, and a subscriber of it to be
// sent that alone, until the next keyframe comes.
func wantStill(t *testing.T, h *hop, edge *forwarder.Publisher, more func(), key *bool) {
	t.Helper()
	at, origin := edge.Best(codec.Video), h.origin.Best(codec.Video)
	if at == nil || at.Keyframe() == nil {
		t.Fatal("the edge has no keyframe")
	}
	if a, o := at.Keyframe(), origin.Keyframe(); a.Seq != o.Seq || a.Timestamp != o.Timestamp || a.At.Sub(o.At).Abs() > 20*time.Millisecond {
		t.Errorf("the keyframe is %+v, want %+v", a, o)
	}
	s := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: 100})
	s.SetPublisher(edge)
	var got []forwarder.OutPacket
	take := func() {
		more()
		got = append(got, pull(s, h.now).Packets...)
	}
	h.run(100*time.Millisecond, take)
	if len(got) != partsOfLong || !got[partsOfLong-1].Marker() {
		t.Fatalf("%d packets of a still, want %d", len(got), partsOfLong)
	}
	for i, p := range got {
		if p.Packet.Payload[len(p.Packet.Payload)-2] != byte(i) || p.Packet.Payload[len(p.Packet.Payload)-1] != 0 {
			t.Errorf("packet %d of it is %x", i, p.Packet.Payload)
		}
	}
	*key = true
	h.run(100*time.Millisecond, take)
	if len(got) < 2*partsOfLong || got[partsOfLong].Packet.Layering.Entry != codec.AllLayers || got[partsOfLong].Seq != got[partsOfLong-1].Seq+1 {
		t.Fatalf("%d packets with the next keyframe", len(got))
	}
}

// TestLinkBeginsWithAStill: of a group of pictures that is longer than the history a link brings
// the keyframe, as a still, whatever is lost of it.
func TestLinkBeginsWithAStill(t *testing.T) {
	for name, frames := range map[string]int{"near": 1500, "numbers far apart": 5000} {
		for _, loss := range []float64{0, 0.3} {
			t.Run(name, func(t *testing.T) {
				g, key := newLongGroup(t), false
				now := g.since(frames)
				h := newHop(t, g.up, now)
				h.loss = loss
				more := g.every10(&h.now, &key)
				h.run(500*time.Millisecond, more)
				h.loss = 0
				h.run(500*time.Millisecond, more)
				if h.tap.Counts().Packets > 130*partsOfLong {
					t.Errorf("%+v", h.tap.Counts())
				}
				wantStill(t, h, h.edge, more, &key)
			})
		}
	}
}

// TestLinkBehindALinkBeginsWithAStill: the edge of an edge has it, too.
func TestLinkBehindALinkBeginsWithAStill(t *testing.T) {
	for _, loss := range []float64{0, 0.3} {
		g, key := newLongGroup(t), false
		h := newHop(t, g.up, g.since(1500))
		next := newHop(t, h.edge, h.now)
		h.loss, next.loss = loss, loss
		more := g.every10(&h.now, &key)
		both := func() {
			more()
			next.now = h.now
			next.run(time.Millisecond, nil)
		}
		h.run(500*time.Millisecond, both)
		h.loss, next.loss = 0, 0
		h.run(500*time.Millisecond, both)
		wantStill(t, h, next.edge, both, &key)
	}
}

// TestStillsThatAreNone: what a link says of stills is held against its bounds.
func TestStillsThatAreNone(t *testing.T) {
	g := newLongGroup(t)
	now := g.since(1500)
	d := g.up.Describe()
	part := func(index, total uint16, number uint64) []byte {
		b := binary.BigEndian.AppendUint16(nil, index)
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(b, total), number)
	}
	send := func(edge *forwarder.Publisher, value []byte) bool {
		h := rtp.Header{Version: 2, PayloadType: d.Tracks[0].Encodings[0].PT, SSRC: d.Tracks[0].Encodings[0].SSRC, SequenceNumber: 9}
		if err := h.SetExtension(forwarder.LinkStillID, value); err != nil {
			t.Fatal(err)
		}
		b, err := (&rtp.Packet{Header: h, Payload: vp8Frame(true)}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return edge.HandleRTP(now, b)
	}
	for name, value := range map[string][]byte{
		"beyond its end": part(3, 3, 1<<20), "of none": part(0, 0, 1<<20), "too many": part(0, 1001, 1<<20), "before the first number": part(2, 3, 1),
	} {
		edge := forwarder.NewPublisher(d.PublisherConfig())
		if send(edge, value) || edge.Counts().Malformed != 1 {
			t.Errorf("%s: %+v", name, edge.Counts())
		}
	}
	edge := forwarder.NewPublisher(d.PublisherConfig())
	if !send(edge, part(0, 2, 1<<20)) || send(edge, part(0, 2, 1<<20)) || edge.Counts().Duplicates != 1 {
		t.Errorf("twice: %+v", edge.Counts())
	}
	if !send(edge, part(1, 2, 1<<20+1)) || edge.Encodings(codec.Video)[0].Keyframe() == nil {
		t.Error("no still of two packets")
	}
	if send(edge, part(0, 2, 1<<20)) {
		t.Error("a still again")
	}
}
