package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A tower sends VP8 of three temporal layers, 0 2 1 2, to one subscriber, a packet at a
// time: packets may be missing, and come late.
type tower struct {
	t       *testing.T
	p       *forwarder.Publisher
	s       *forwarder.Subscriber
	now     time.Time
	seq     uint16
	picture int
	last    uint32                         // timestamp
	sent    map[uint16]forwarder.OutPacket // by incoming number
}

func newTower(t *testing.T) *tower {
	w := &tower{t: t, p: publisherOf(0, vp8), now: start, sent: map[uint16]forwarder.OutPacket{}}
	w.s = plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: downVideo})
	w.s.SetPublisher(w.p)
	w.run(64) // the layers are known, and taken
	return w
}

// frame is a payload of a temporal layer (RFC 7741 §4.2); with up one may step up to the
// layer.
func (w *tower) frame(temporal int, begins, up bool) []byte {
	first, sync := byte(0x80), byte(0) // X
	if begins {
		first |= 0x10
	}
	if up {
		sync = 0x20
	}
	key := vp8Frame(w.picture == 0)
	return append([]byte{first, 0x20, byte(temporal)<<6 | sync}, key[1:]...)
}

// push sends a packet under a number.
func (w *tower) push(seq uint16, timestamp uint32, marker bool, payload []byte) {
	w.t.Helper()
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7, PayloadType: upVideo, SequenceNumber: seq, Timestamp: timestamp, Marker: marker}, Payload: payload}).Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	w.p.HandleRTP(w.now, b)
	out := pull(w.s, w.now)
	for _, o := range out.Packets {
		w.sent[uint16(o.Packet.Seq)] = o
	}
}

// step goes on to the next picture and returns its number and timestamp.
func (w *tower) step() (seq uint16, timestamp uint32) {
	w.picture++
	w.now = w.now.Add(33 * time.Millisecond)
	w.seq++
	w.last += 3000
	return w.seq, w.last
}

func (w *tower) temporal() int { return []int{0, 2, 1, 2}[w.picture%4] }

// run sends pictures of one packet, in which nobody may step up but by the first.
func (w *tower) run(pictures int) {
	for range pictures {
		payload := w.frame(w.temporal(), true, false)
		seq, ts := w.step()
		w.push(seq, ts, true, payload)
	}
}

// skip leaves out a picture of one packet that comes late, if at all.
func (w *tower) skip() (late func() uint16) {
	payload := w.frame(w.temporal(), true, false)
	seq, ts := w.step()
	return func() uint16 {
		w.push(seq, ts, true, payload)
		return seq
	}
}

func (w *tower) choose(temporal uint8) {
	w.s.Select(forwarder.Selection{MaxTemporal: &temporal})
}

// want tells what should have become of an incoming number: sent, sent empty or left out.
func (w *tower) want(what string, seq uint16, sent, empty bool) {
	w.t.Helper()
	o, ok := w.sent[seq]
	if ok != (sent || empty) || ok && o.Empty != empty {
		w.t.Errorf("%s: sent %v, empty %v, want %v, %v", what, ok, ok && o.Empty, sent, empty)
	}
}

// TestLatePacketsGoByTheLayerOfTheirPlace: what comes late is sent or left out as it would
// have been at its place, some changes of layer back.
func TestLatePacketsGoByTheLayerOfTheirPlace(t *testing.T) {
	w := newTower(t)
	w.run(1)
	top := w.skip() // of layer 2, as is sent
	w.run(2)
	w.choose(0)
	w.run(5)
	lowest := w.skip() // of layer 2, while layer 0 is sent
	w.run(2)
	w.choose(1)
	w.run(20)           // what is to be stepped up to is waited for
	seq, ts := w.step() // of layer 1, to step up to
	w.push(seq, ts, true, w.frame(1, true, true))
	w.want("where one may step up", seq, true, false)
	w.run(1)
	middle := w.skip() // of layer 0, which all get
	w.want("layer 2", top(), true, false)
	w.want("layer 2 of a place where layer 0 was sent", lowest(), false, true)
	w.want("layer 0", middle(), true, false)
}

// TestNobodyStepsUpUnlessAPictureSaysSo: who wants more pictures waits for one where it may
// step up, and who wants fewer does not.
func TestNobodyStepsUpUnlessAPictureSaysSo(t *testing.T) {
	w := newTower(t)
	w.choose(0)
	w.run(1)
	w.run(3)
	w.want("layer 2 after the step down", w.seq-2, false, false)
	w.want("layer 1 after the step down", w.seq-1, false, false)
	w.choose(2)
	w.run(40)
	for seq := w.seq - 7; seq <= w.seq; seq++ {
		w.want("without a picture to step up with", seq, (w.seq-seq)%4 == 3, false)
	}
}

// TestLatePacketsGoWithTheirFrame: whether a late packet is sent is decided by what became
// of its frame, whatever it says itself.
func TestLatePacketsGoWithTheirFrame(t *testing.T) {
	const sent, empty = 1, 2
	type part struct {
		temporal  int
		timestamp uint32 // after the last picture's
		probe     bool
	}
	for _, test := range []struct {
		name  string
		parts []part // packets in order
		late  int    // which of them comes late
		want  int
	}{
		{"the end of a frame that was sent", []part{{0, 1, false}, {2, 1, false}, {0, 2, false}}, 1, sent},
		{"the beginning of the frame sent last", []part{{2, 1, false}, {0, 1, false}}, 0, sent},
		{"a frame of its own", []part{{0, 1, false}, {2, 2, false}, {0, 3, false}}, 1, empty},
		{"a needed frame of its own", []part{{0, 1, false}, {0, 2, false}, {0, 3, false}}, 1, sent},
		{"with probes of its time", []part{{0, 1, false}, {2, 2, false}, {0, 2, true}, {0, 3, false}}, 1, empty},
		{"the beginning of a frame that was dropped", []part{{0, 1, false}, {0, 2, false}, {2, 2, false}, {0, 3, false}}, 1, empty},
	} {
		w := newTower(t)
		w.choose(0)
		w.run(8) // layer 0 is sent
		base, ts := w.seq, w.last
		push := func(i int) {
			p := test.parts[i]
			payload := w.frame(p.temporal, i == 0 || test.parts[i-1].timestamp != p.timestamp, false)
			if p.probe {
				payload = nil
			}
			w.push(base+1+uint16(i), ts+p.timestamp*3000, false, payload)
		}
		for i := range test.parts {
			if i != test.late {
				push(i)
			}
		}
		push(test.late)
		w.want(test.name, base+1+uint16(test.late), test.want == sent, test.want == empty)
	}
}

// TestLatePacketsOfOneSpatialLayer: the frame of another spatial layer of the same picture
// does not tell whether a late packet is sent.
func TestLatePacketsOfOneSpatialLayer(t *testing.T) {
	l, zero := newLadder(), uint8(0)
	l.run(t, 60, true)
	l.s.Select(forwarder.Selection{MaxSpatial: &zero})
	l.run(t, 10, true)
	lower, upper := l.payload(0, 0, false), l.payload(1, 0, false)
	l.p.HandleRTP(l.now, packet(t, 7, upVideo, l.seq, uint32(l.picture*3000), false, lower))
	pull(l.s, l.now)
	l.p.HandleRTP(l.now, packet(t, 7, upVideo, l.seq+2, uint32(l.picture*3000+3000), false, lower))
	pull(l.s, l.now)
	l.p.HandleRTP(l.now, packet(t, 7, upVideo, l.seq+1, uint32(l.picture*3000), true, upper))
	out := pull(l.s, l.now)
	if len(out.Packets) != 1 || !out.Packets[0].Empty {
		t.Errorf("%d packets for the late one, which is not needed", len(out.Packets))
	}
}

// TestPictureIDsGoOnAtASwitch: behind the newest picture sent, over the wrap of ids and
// behind jumps of almost half of them.
func TestPictureIDsGoOnAtASwitch(t *testing.T) {
	for name, test := range map[string]struct {
		numbers []uint16 // of packets
		ids     []uint16 // of their pictures
		want    uint16   // of the keyframe that the next publisher begins with
	}{
		"the wrap":               {[]uint16{1, 2, 3, 4}, []uint16{0x7ffe, 0x7fff, 0, 1}, 2},
		"a jump":                 {[]uint16{1, 2}, []uint16{5, 0x3005}, 0x3006},
		"a late picture":         {[]uint16{1, 2, 4, 3}, []uint16{5, 6, 8, 7}, 9},
		"a late one at the wrap": {[]uint16{1, 2, 4, 3}, []uint16{0x7ffd, 0x7ffe, 0, 0x7fff}, 1},
		"just before the wrap":   {[]uint16{1, 2}, []uint16{0x7ffe, 0x7fff}, 0},
	} {
		s, now := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: downVideo}), start
		send := func(p *forwarder.Publisher, number, id uint16, key bool) uint16 {
			payload := append([]byte{0x90, 0x80, 0x80 | byte(id>>8), byte(id)}, vp8Frame(key)[1:]...)
			p.HandleRTP(now, packet(t, 7, upVideo, number, uint32(number)*3000, true, payload))
			now = now.Add(33 * time.Millisecond)
			out := pull(s, now)
			if len(out.Packets) != 1 {
				t.Fatalf("%s: %d packets", name, len(out.Packets))
			}
			var r rtp.Packet
			if err := r.Unmarshal(wire(t, &out.Packets[0])); err != nil {
				t.Fatal(err)
			}
			d, _ := codec.ParseVP8(r.Payload)
			return d.PictureID
		}
		p := publisherOf(0, vp8)
		s.SetPublisher(p)
		for i, id := range test.ids {
			if got := send(p, test.numbers[i], id, i == 0); got != id {
				t.Errorf("%s: picture %d became %d", name, id, got)
			}
		}
		p.End()
		next := publisherOf(0, vp8)
		s.SetPublisher(next)
		if got := send(next, 1, 1000, true); got != test.want {
			t.Errorf("%s: picture %d after the switch, want %d", name, got, test.want)
		}
	}
}
