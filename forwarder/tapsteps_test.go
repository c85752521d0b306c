package forwarder

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A tapped is a publisher of video in pictures of one packet, a keyframe first, and a tap of it.
type tapped struct {
	*Tap
	t   *testing.T
	up  *Publisher
	now time.Time
	out Output
	seq uint16
}

const tappedPayload = 413

func newTapped(t *testing.T, packets int) *tapped {
	t.Helper()
	up := NewPublisher(PublisherConfig{Tracks: []PublisherTrack{
		{Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{96: {Name: codec.VP8}}, NACK: true, PLI: true},
	}})
	x := &tapped{t: t, up: up, now: time.Unix(1000, 0), Tap: NewTap(up, TapConfig{SSRC: 9})}
	x.send(packets)
	return x
}

// send lets packets come at once.
func (x *tapped) send(n int) {
	x.t.Helper()
	for range n {
		frame := append([]byte{0x10, 1, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0, 0}, make([]byte, tappedPayload-13)...)
		if x.seq == 0 {
			frame[1] = 0
		}
		h := rtp.Header{Version: 2, SSRC: 7, PayloadType: 96, SequenceNumber: 100 + x.seq, Timestamp: uint32(x.seq) * 900, Marker: true}
		b, err := (&rtp.Packet{Header: h, Payload: frame}).Marshal()
		if err != nil {
			x.t.Fatal(err)
		}
		if !x.up.HandleRTP(x.now, b) {
			x.t.Fatalf("%+v", x.up.Counts())
		}
		x.seq++
	}
}

// pull takes what leaves now, in as many steps as it takes, and returns how many packets that are.
func (x *tapped) pull() (packets int) {
	for x.out.More = true; x.out.More; {
		x.out.Reset()
		x.Pull(x.now, &x.out)
		packets += len(x.out.Packets)
		for i := range x.out.Packets {
			if !x.out.Packets[i].FirstPayload {
				x.t.Error("a packet does not count as sent the first time")
			}
		}
	}
	return packets
}

// answer is what leaves for an RTCP packet.
func (x *tapped) answer(kind, format uint8, words ...uint32) *Output {
	b := appendHeader(nil, format, kind, 1+len(words))
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	x.out.Reset()
	x.HandleRTCP(x.now, b, &x.out)
	return &x.out
}

// TestThePastIsPaced, and what is fresh is not.
func TestThePastIsPaced(t *testing.T) {
	x := newTapped(t, 500)
	if n := x.pull(); n != 500 || x.counts.Packets != 500 || x.counts.Bytes != 500*tappedPayload {
		t.Errorf("%d fresh packets leave at once: %+v", n, x.counts)
	}
	x = newTapped(t, 2000)
	x.now = x.now.Add(linkFresh)
	if n := x.pull(); n != 2000 {
		t.Errorf("%d packets that are just fresh leave at once", n)
	}
	x = newTapped(t, 2000)
	x.now = x.now.Add(time.Second)
	sent := x.pull()
	const whole = 2000 * (tappedPayload + packetOverhead) * 8
	if most := float64(linkPace) * pacerTime.Seconds() * 2; float64(sent)*whole/2000 > most {
		t.Errorf("%d of 2000 packets leave at once", sent)
	}
	begun := x.now
	for sent < 2000 {
		if !x.out.Deadline.After(x.now) || x.out.Deadline.After(x.now.Add(time.Millisecond)) {
			t.Fatalf("after %d packets it goes on at %v, it is %v", sent, x.out.Deadline, x.now)
		}
		x.now = x.out.Deadline
		sent += x.pull()
	}
	took, want := x.now.Sub(begun), time.Duration(float64(whole)/linkPace*float64(time.Second))
	if took < want/2 || took > want {
		t.Errorf("it takes %v, want up to %v", took, want)
	}
}

// TestATapEndsWithItsPublisher, once it has begun, and for good.
func TestATapEndsWithItsPublisher(t *testing.T) {
	x := newTapped(t, 0)
	x.pull()
	if x.Misfit() {
		t.Error("it ends before anything came")
	}
	x = newTapped(t, 3)
	x.SetPublisher(x.up)
	x.up.End()
	x.SetPublisher(nil)
	x.SetPublisher(x.up)
	if x.Misfit() {
		t.Error("it ends before it has begun")
	}
	x.pull()
	if !x.Misfit() {
		t.Error("it does not end")
	}
}

// TestALinkWithoutAWordEndsAfterAWhile counts from the first step.
func TestALinkWithoutAWordEndsAfterAWhile(t *testing.T) {
	x := newTapped(t, 1)
	x.now = x.now.Add(time.Hour)
	x.pull()
	for after, silent := range map[time.Duration]bool{linkSilence: false, linkSilence + 1: true} {
		x.Pull(x.now.Add(after), &x.out)
		if x.Misfit() != silent {
			t.Errorf("after %v it has ended: %v", after, !silent)
		}
	}
	x.now = x.now.Add(linkSilence + 1)
	x.answer(rtcpRR, 0, 1)
	if x.pull(); x.Misfit() {
		t.Error("it ends though its far end says something")
	}
}

// TestWhatALinkIsAsked: what was sent again, keyframes, layers; and nothing of what it does not know.
func TestWhatALinkIsAsked(t *testing.T) {
	x := newTapped(t, 20)
	e := x.up.Best(codec.Video)
	if n := len(x.answer(rtcpRTPFB, formatNACK, 1, e.id, 105<<16).Packets); n != 0 {
		t.Errorf("%d packets again of what was not begun", n)
	}
	x.pull()
	x.send(1)
	for what, c := range map[string]struct {
		ssrc, pairs        uint32
		packets, forgotten int
	}{
		"one":             {e.id, 105 << 16, 1, 0},
		"three":           {e.id, 105<<16 | 3, 3, 0},
		"not sent yet":    {e.id, 120 << 16, 0, 1},
		"never there":     {e.id, 99 << 16, 0, 1},
		"not an encoding": {e.id + 1, 105 << 16, 0, 0},
	} {
		before := x.Counts()
		n := len(x.answer(rtcpRTPFB, formatNACK, 1, c.ssrc, c.pairs).Packets)
		after := x.Counts()
		if n != c.packets || int(after.Resent-before.Resent) != c.packets || int(after.Forgotten-before.Forgotten) != c.forgotten {
			t.Errorf("%s: %d packets, %+v after %+v", what, n, after, before)
		}
	}
	if n := len(x.answer(rtcpPSFB, formatPLI, 1, e.id).Wishes); n != 1 {
		t.Errorf("%d wishes", n)
	}
	if n := len(x.answer(rtcpPSFB, formatPLI, 1, e.id+1).Wishes); n != 0 {
		t.Errorf("%d wishes for what is no encoding", n)
	}
	if w := x.answer(rtcpPSFB, formatFIR, 1, 0, e.id+1, 0, e.id, 1<<24).Wishes; len(w) != 1 || w[0] != e {
		t.Errorf("wishes %v", w)
	}
	const name = 'W'<<24 | 'H'<<16 | 'P'<<8 | 'T'
	x.answer(rtcpApp, linkLayers, 1, name, e.id, 3)
	if s := x.stream(e.id); s.want != 3 || s.asleep {
		t.Errorf("layers %x are wanted, asleep %v", s.want, s.asleep)
	}
	x.answer(rtcpApp, linkUnwanted, 1, name, e.id)
	if s := x.stream(e.id); s.want != 3 || !s.asleep {
		t.Errorf("layers %x are wanted, asleep %v", s.want, s.asleep)
	}
	x.answer(rtcpApp, 16, 1, name, e.id)
	if s := x.stream(e.id); s.want != 3 || !s.asleep {
		t.Errorf("after what it does not know layers %x are wanted, asleep %v", s.want, s.asleep)
	}
	if n := x.Counts().Malformed; n != 0 {
		t.Errorf("%d malformed", n)
	}
	x.HandleRTCP(x.now, nil, &x.out)
	x.HandleRTCP(x.now, []byte{2 << 6, rtcpRR, 0, 1, 0, 0, 0, 1, 0}, &x.out)
	if n := x.Counts().Malformed; n != 2 {
		t.Errorf("%d malformed, want 2", n)
	}
}

// TestOneAnswerIsBounded however much is asked for.
func TestOneAnswerIsBounded(t *testing.T) {
	x := newTapped(t, maxAnswer+100)
	x.pull()
	words := []uint32{1, x.up.Best(codec.Video).id}
	for i := range uint32(maxAnswer+100) / 17 {
		words = append(words, (100+17*i)<<16|0xffff)
	}
	if n := len(x.answer(rtcpRTPFB, formatNACK, words...).Packets); n != maxAnswer {
		t.Errorf("%d packets again, want %d", n, maxAnswer)
	}
}
