package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A ladder sends VP9 of two spatial and two temporal layers (L2T2), of which each picture
// of layer 1 needs that of layer 0 only, to one subscriber.
type ladder struct {
	p       *forwarder.Publisher
	s       *forwarder.Subscriber
	now     time.Time
	picture int
	seq     uint16
	apart   bool // the upper spatial layer needs the lower one at keyframes only (L2T1_KEY), and there is one temporal layer
	gone    bool // the upper spatial layer is not sent
	asked   bool // for a keyframe, since the last one
	wishes  int
	sent    [2][2]int // packets, by spatial and temporal layer
}

func newLadder() *ladder {
	vp9 := codec.Format{Name: codec.VP9}
	l := &ladder{p: publisherOf(0, vp9), now: start}
	l.s = plainSubscriber(forwarder.SubscriberFormat{Format: vp9, PT: downVideo})
	l.s.SetPublisher(l.p)
	return l
}

// payload is a layer frame of the picture in one packet, in non-flexible mode (RFC 9628
// §4.2).
func (l *ladder) payload(spatial, temporal int, key bool) []byte {
	first, inter := byte(0xac), byte(0) // I, L, B, E
	if !key {
		first |= 0x40 // P
		if l.apart {
			first |= 0x01 // Z
		}
	}
	if key && spatial == 0 {
		first |= 0x02 // V
	}
	if spatial > 0 && (key || !l.apart) {
		inter = 1
	}
	b := []byte{first, 0x80 | byte(l.picture>>8), byte(l.picture), byte(temporal)<<5 | 0x10 | byte(spatial)<<1 | inter, byte(l.picture / 2)}
	switch {
	case !key || spatial > 0:
	case l.gone:
		b = append(b, 0x10, 0x01, 0x40, 0x00, 0xb4) // 320x180
	default:
		b = append(b, 0x30, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68) // and 640x360
	}
	header := byte(0x86)
	if key {
		header = 0x82
	}
	b = append(b, header, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x16, 0x70)
	return append(b, make([]byte, 200*(1+3*spatial))...)
}

// run sends pictures for a while; a keyframe comes where one was asked for, if the
// encoder listens.
func (l *ladder) run(t *testing.T, pictures int, listens bool) {
	t.Helper()
	l.wishes, l.sent = 0, [2][2]int{}
	for range pictures {
		key := l.picture == 0 || listens && l.asked && l.picture%2 == 0
		if key {
			l.asked = false
		}
		temporal, top := l.picture%2, 1
		if l.apart {
			temporal = 0
		}
		if l.gone {
			top = 0
		}
		for spatial := range top + 1 {
			b := l.payload(spatial, temporal, key)
			l.p.HandleRTP(l.now, packet(t, 7, upVideo, l.seq, uint32(l.picture*3000), spatial == top, b))
			l.seq++
		}
		l.picture++
		l.pull()
		l.now = l.now.Add(33 * time.Millisecond)
	}
}

func (l *ladder) pull() {
	out := pull(l.s, l.now)
	l.wishes += len(out.Wishes)
	l.asked = l.asked || len(out.Wishes) > 0
	for i := range out.Packets {
		if p := out.Packets[i].Packet; len(p.Payload) > 0 {
			l.sent[p.Layering.Spatial][p.Layering.Temporal]++
		}
	}
}

// TestKeyframesAreAskedForOnlyWhereNeeded: a keyframe costs all subscribers of an encoding
// a burst. Who stays where it is, or steps between temporal layers, needs none; who steps
// to a lower spatial layer asks for one, as the larger one's last picture may never be
// whole; who steps up waits for one.
func TestKeyframesAreAskedForOnlyWhereNeeded(t *testing.T) {
	l, zero := newLadder(), uint8(0)
	l.run(t, 60, true) // to begin with
	for _, step := range []struct {
		name      string
		selection forwarder.Selection
		wishes    bool
		sent      [2][2]bool
	}{
		{"nothing changes", forwarder.Selection{}, false, [2][2]bool{{true, true}, {true, true}}},
		{"temporal layer down", forwarder.Selection{MaxTemporal: &zero}, false, [2][2]bool{{true, false}, {true, false}}},
		{"temporal layer up", forwarder.Selection{}, false, [2][2]bool{{true, true}, {true, true}}},
		{"spatial layer down", forwarder.Selection{MaxSpatial: &zero}, true, [2][2]bool{{true, true}, {false, false}}},
		{"spatial layer up", forwarder.Selection{}, true, [2][2]bool{{true, true}, {true, true}}},
	} {
		l.s.Select(step.selection)
		l.run(t, 10, true)
		asked := l.wishes > 0
		l.run(t, 60, true)
		if asked != step.wishes || l.wishes > 0 {
			t.Errorf("%s: a keyframe asked for: %v, then %d times", step.name, asked, l.wishes)
		}
		for s := range l.sent {
			for u, n := range l.sent[s] {
				if n > 0 != step.sent[s][u] || n > 0 && n < 25 {
					t.Errorf("%s: %d packets of layer %d/%d in 60 pictures", step.name, n, s, u)
				}
			}
		}
	}
}

// TestSpatialLayersWaitForAKeyframe: without one, who wants a higher spatial layer stays
// on the one it has, whole.
func TestSpatialLayersWaitForAKeyframe(t *testing.T) {
	l, zero := newLadder(), uint8(0)
	l.run(t, 30, true)
	l.s.Select(forwarder.Selection{MaxSpatial: &zero})
	l.run(t, 30, true)
	l.s.Select(forwarder.Selection{})
	l.run(t, 60, false)
	if l.sent != [2][2]int{{30, 30}, {}} || l.wishes == 0 {
		t.Errorf("without a keyframe: %v packets, asked %d times", l.sent, l.wishes)
	}
	l.run(t, 60, true)
	if l.sent[1][0] < 28 || l.sent[1][1] < 28 {
		t.Errorf("with a keyframe: %v packets", l.sent)
	}
}

// TestALayerThatEndedIsLeftAtAKeyframe: the upper layer is no longer sent, and who is on it
// has nothing of the lower one to go on with. A picture that is late is no reason to ask.
func TestALayerThatEndedIsLeftAtAKeyframe(t *testing.T) {
	l := newLadder()
	l.apart = true
	l.run(t, 60, true)
	if l.wishes > 1 || l.sent[1][0] < 58 || l.sent[0][0] > 2 {
		t.Fatalf("before: %v packets, asked %d times", l.sent, l.wishes)
	}
	l.gone = true
	l.run(t, 3, true) // the third tells that the second has nothing more
	if l.wishes > 0 {
		t.Error("a keyframe was asked for after one picture without the layer")
	}
	l.run(t, 3, true)
	if l.wishes == 0 {
		t.Error("no keyframe was asked for")
	}
	l.run(t, 60, true)
	if l.wishes > 0 || l.sent[0][0] != 60 {
		t.Errorf("after the keyframe: %v packets, asked %d times", l.sent, l.wishes)
	}
}

// TestVideoWithoutLayersAsksForNoKeyframe once it runs.
func TestVideoWithoutLayersAsksForNoKeyframe(t *testing.T) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	wishes := 0
	for i := range 90 {
		feed(t, p, &now, i, 1)
		wishes += len(pull(s, now).Wishes)
	}
	if wishes > 0 {
		t.Errorf("asked %d times", wishes)
	}
}
