package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A pair sends two encodings of one track, "0" of 320 pixels' width and "1" of 640, a
// packet at a time, to one subscriber without estimate.
type pair struct {
	t      *testing.T
	p      *forwarder.Publisher
	s      *forwarder.Subscriber
	now    time.Time
	seq    [2]uint16
	ts     [2]uint32
	got    []forwarder.OutPacket // since the last clear
	wishes int                   // the same
	more   [2]int                // bytes of each encoding's packets beyond those of a small picture
}

func newPair(t *testing.T) *pair {
	c := &pair{t: t, now: start, s: newSubscriber()}
	c.p = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{simulcastTrack()}})
	c.s.SetPublisher(c.p)
	return c
}

// send sends a packet of a frame: the first of one begins it, a marker ends it.
func (c *pair) send(encoding int, key, first, marker bool) {
	c.t.Helper()
	frame := append(vp8Frame(key), make([]byte, c.more[encoding])...)
	frame[7], frame[8] = 0x40, byte(1+encoding)
	if !first {
		frame[0] = 0
	} else {
		c.ts[encoding] += 3000
	}
	c.seq[encoding]++
	h := rtp.Header{
		Version: 2, SSRC: uint32(10 + encoding), PayloadType: 96, SequenceNumber: c.seq[encoding],
		Timestamp: c.ts[encoding], Marker: marker,
	}
	for id, v := range map[uint8]string{1: "1", 2: string(rune('0' + encoding))} {
		if err := h.SetExtension(id, []byte(v)); err != nil {
			c.t.Fatal(err)
		}
	}
	b, err := (&rtp.Packet{Header: h, Payload: frame}).Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	c.p.HandleRTP(c.now, b)
	c.pull()
}

// frame sends a frame of one packet.
func (c *pair) frame(encoding int, key bool) { c.send(encoding, key, true, true) }

func (c *pair) pull() {
	out := pull(c.s, c.now)
	c.got = append(c.got, out.Packets...)
	c.wishes += len(out.Wishes)
}

// pass lets time pass, in steps of 10 ms, with frames of some encodings each 30 ms.
func (c *pair) pass(d time.Duration, encodings ...int) {
	for i := range int(d / (10 * time.Millisecond)) {
		c.now = c.now.Add(10 * time.Millisecond)
		for _, e := range encodings {
			if i%3 == 2 {
				c.frame(e, false)
			}
		}
		c.pull()
	}
}

func (c *pair) clear() { c.got, c.wishes = nil, 0 }

// on returns which encoding the last packet was of, -1 if there is none.
func (c *pair) on() int {
	for i := len(c.got) - 1; i >= 0; i-- {
		if p := c.got[i].Packet; len(p.Payload) > 8 {
			for _, e := range c.p.Encodings(codec.Video) {
				if p == e.History().BySeq(p.Seq) {
					return int(e.RID()[0] - '0')
				}
			}
		}
	}
	return -1
}

func (c *pair) choose(rid string) { c.s.Select(forwarder.Selection{RID: rid}) }

func (c *pair) want(what string, packets, on int) {
	c.t.Helper()
	if len(c.got) != packets || packets > 0 && c.on() != on {
		c.t.Errorf("%s: %d packets, the last of encoding %d, want %d of %d", what, len(c.got), c.on(), packets, on)
	}
}

// began returns a pair whose subscriber is on an encoding that began a second ago.
func began(t *testing.T, rid string) *pair {
	c := newPair(t)
	c.choose(rid)
	c.frame(0, true)
	c.frame(1, true)
	c.pass(time.Second, 0, 1)
	c.clear()
	return c
}

// TestASwitchWaitsForTheEndOfAFrame: the frame going on is finished, but not waited for
// longer than a second, and what follows one that was not comes behind a gap.
func TestASwitchWaitsForTheEndOfAFrame(t *testing.T) {
	for _, ends := range []bool{true, false} {
		c := began(t, "0")
		c.send(0, false, true, false)
		c.choose("1")
		c.pass(10 * time.Millisecond)
		c.frame(1, true)
		c.want("amid a frame", 1, 0)
		if ends {
			c.send(0, false, false, true)
			c.pull()
			c.want("at its end", 3, 1)
			continue
		}
		c.pass(time.Second)
		c.want("before the patience ends", 1, 0)
		c.pass(10 * time.Millisecond)
		c.want("after a second", 2, 1)
		if gap := c.got[1].Seq - c.got[0].Seq; gap != 2 {
			t.Errorf("%d numbers behind an unfinished frame", gap)
		}
	}
}

// TestASwitchUsesAYoungKeyframe: one of at most half a second before the wish will do; who
// finds an older one asks for another.
func TestASwitchUsesAYoungKeyframe(t *testing.T) {
	for age, at := range map[time.Duration]bool{400 * time.Millisecond: true, 500 * time.Millisecond: true, 510 * time.Millisecond: false, time.Second: false} {
		c := began(t, "0")
		c.frame(1, true)
		c.pass(age, 1)
		c.clear()
		c.choose("1")
		c.pull()
		if switched := c.on() == 1; switched != at || (c.wishes > 0) == at {
			t.Errorf("a keyframe of %v: switched %v, asked %d times", age, switched, c.wishes)
		}
		c.clear()
		c.frame(1, true)
		if !at && c.on() != 1 {
			t.Errorf("a keyframe of %v: the next one is not taken", age)
		}
	}
}

// TestWhoIsOnASilentEncodingGoesAtOnce: where nothing comes to show, the last keyframe of
// another encoding will do, however old; where there is none it stays, and goes on if the
// encoding comes back.
func TestWhoIsOnASilentEncodingGoesAtOnce(t *testing.T) {
	c := began(t, "0")
	c.frame(1, true)
	c.pass(100*time.Millisecond, 0, 1)
	c.send(0, false, true, false) // its last frame has no end
	c.clear()
	c.pass(forwarder.ActiveWindow, 1)
	c.want("while it is not known to be silent", 0, 0)
	c.choose("1")
	c.pass(10*time.Millisecond, 1)
	if c.on() != 1 || c.wishes > 0 {
		t.Errorf("on encoding %d, asked %d times", c.on(), c.wishes)
	}

	c = newPair(t)
	c.choose("0")
	c.frame(0, true)
	c.frame(1, false)
	c.pass(time.Second, 0, 1)
	c.choose("1")
	c.pass(forwarder.ActiveWindow+100*time.Millisecond, 1)
	c.clear()
	c.frame(0, false)
	c.want("back, without a keyframe of the other", 1, 0)
}

// TestARestartWaitsForTheEndOfAFrame: an encoder that ignores requests is not asked for
// ever: who asks begins again at the last keyframe, once the frame going on has ended, or
// a tenth of a second later.
func TestARestartWaitsForTheEndOfAFrame(t *testing.T) {
	for _, ends := range []bool{true, false} {
		c := newPair(t)
		c.frame(0, true)
		for range 3 {
			c.pass(time.Second, 0)
			requestKeyframe(t, c.p, c.s, c.now)
		}
		c.pass(time.Second, 0)
		c.send(0, false, true, false)
		c.clear()
		if requestKeyframe(t, c.p, c.s, c.now) != 0 {
			t.Fatal("the encoder is still asked")
		}
		c.pass(50 * time.Millisecond)
		c.want("amid a frame", 0, 0)
		if ends {
			c.send(0, false, false, true)
			c.pull()
		} else {
			c.pass(50 * time.Millisecond)
			c.want("after a tenth of a second", 0, 0)
			c.pass(10 * time.Millisecond)
		}
		c.pass(100 * time.Millisecond)
		again := 0
		for i := range c.got {
			if c.got[i].Packet.Layering.Flags&codec.LayerKeyframe != 0 {
				again++
			}
		}
		if again != 1 {
			t.Errorf("ends %v: %d keyframes sent again, restarts %d", ends, again, c.s.Track(codec.Video).Counts().Restarts)
		}
	}
}

// TestAPauseBeginsAtTheEndOfAFrame, and ends at a keyframe: one of at most half a second
// ago, else the next.
func TestAPauseBeginsAtTheEndOfAFrame(t *testing.T) {
	for age, at := range map[time.Duration]bool{500 * time.Millisecond: true, 510 * time.Millisecond: false} {
		c := began(t, "0")
		c.send(0, false, true, false)
		c.s.SetCap(1)
		c.pass(900 * time.Millisecond)
		if n := c.s.Track(codec.Video).Counts().Pauses; n != 0 {
			t.Errorf("paused %d times amid a frame", n)
		}
		c.send(0, false, false, true)
		c.pass(100*time.Millisecond, 0)
		if n := c.s.Track(codec.Video).Counts().Pauses; n != 1 {
			t.Errorf("paused %d times", n)
		}
		c.pass(time.Second, 0)
		c.frame(0, true)
		c.pass(age, 0)
		c.clear()
		c.s.SetCap(0)
		c.pull()
		if goesOn := len(c.got) > 0; goesOn != at {
			t.Errorf("a keyframe of %v: goes on %v, asked %d times", age, goesOn, c.wishes)
		}
	}
}

// TestAPauseWithoutMarkers: it begins though no frame shows its end, which costs a number.
func TestAPauseWithoutMarkers(t *testing.T) {
	c := began(t, "0")
	unmarked := func(d time.Duration) {
		for end := c.now.Add(d); c.now.Before(end); {
			c.send(0, false, true, false)
			c.pass(30 * time.Millisecond)
		}
	}
	unmarked(300 * time.Millisecond)
	c.s.SetCap(1)
	unmarked(1200 * time.Millisecond)
	last := c.got[len(c.got)-1].Seq
	c.clear()
	unmarked(5 * time.Second)
	c.want("paused", 0, -1)
	if n := c.s.Track(codec.Video).Counts().Pauses; n != 1 {
		t.Errorf("paused %d times", n)
	}
	c.s.SetCap(0)
	c.send(0, true, true, false)
	c.pass(30 * time.Millisecond)
	c.want("ended", 1, 0)
	if first := c.got[0].Seq; first != last+2 {
		t.Errorf("goes on with %d after %d, which ended no frame for certain", first, last)
	}
}

// TestWhoWantsWhatDoesNotTravelAsksForIt: an encoding that an origin tells of and does not
// send is wished for, and begun with when something of it comes.
func TestWhoWantsWhatDoesNotTravelAsksForIt(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	h.unwanted = map[string]bool{"hi": true}
	send := every20(s, &h.now)
	h.run(3*time.Second, send)
	sub, hi := newSubscriber(), h.encoding("hi")
	sub.Select(forwarder.Selection{RID: "hi"})
	sub.SetPublisher(h.edge)
	out := pull(sub, h.now)
	if len(out.Wishes) != 1 || out.Wishes[0] != hi || len(out.Packets) > 0 || sub.Track(codec.Video).Encoding() != nil {
		t.Errorf("wishes %v, %d packets", out.Wishes, len(out.Packets))
	}
	h.unwanted = nil
	h.edge.RequestKeyframe(hi)
	h.run(time.Second, send)
	pull(sub, h.now)
	if sub.Track(codec.Video).Encoding() != h.encoding("hi") {
		t.Error("it came, and is not sent")
	}
}

// TestWhoWaitsForAPublisherHoldsOnToNothing: who waits for a publisher holds on to
// nothing, and begins with what the next one sends.
func TestWhoWaitsForAPublisherHoldsOnToNothing(t *testing.T) {
	c := began(t, "0")
	c.frame(0, false)
	c.want("before", 1, 0)
	c.p.End()
	c.s.SetPublisher(nil)
	c.clear()
	c.pass(100 * time.Millisecond)
	c.want("after", 0, -1)
	if e := c.s.Track(codec.Video).Encoding(); e != nil {
		t.Errorf("still on %v", e)
	}
	next := newPair(t)
	c.p, c.seq, c.ts = next.p, next.seq, next.ts
	c.s.SetPublisher(c.p) // which has nothing yet
	c.pass(100 * time.Millisecond)
	c.want("a publisher with nothing", 0, -1)
	c.frame(0, true)
	c.pass(50 * time.Millisecond)
	c.want("its first frame", 1, 0)
}
