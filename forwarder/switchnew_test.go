package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// newUnevenPair returns a pair whose encoding "0" takes 117 kbit/s, "1" 340.
func newUnevenPair(t *testing.T) *pair {
	c := newPair(t)
	c.more[1] = 800
	return c
}

// next lets another publisher take the place of the one there is.
func (c *pair) next() {
	c.p.End()
	next := newPair(c.t)
	c.p, c.seq, c.ts = next.p, next.seq, next.ts
	c.s.SetPublisher(c.p)
}

// wantOnly lets a while pass with frames of some encodings, and expects media of one alone.
func (c *pair) wantOnly(what string, on int, d time.Duration, encodings ...int) {
	c.t.Helper()
	for end := c.now.Add(d); c.now.Before(end); {
		c.clear()
		c.pass(30*time.Millisecond, encodings...)
		if is := c.on(); is != on {
			c.t.Errorf("%s: on encoding %d %v before the end", what, is, end.Sub(c.now))
			return
		}
	}
}

// TestAPauseOutlastsItsPublisher: what the next one sends does not fit either, though it is not
// known yet what it takes.
func TestAPauseOutlastsItsPublisher(t *testing.T) {
	c := newUnevenPair(t)
	c.frame(0, true)
	c.frame(1, true)
	c.pass(3*time.Second, 0, 1)
	c.s.SetCap(1)
	c.pass(time.Second, 0, 1)
	c.next()
	c.clear()
	c.pass(50 * time.Millisecond)
	c.frame(0, true)
	c.frame(1, true)
	c.pass(3*time.Second, 0, 1)
	c.want("the next publisher", 0, 0)
	c.s.SetCap(0)
	c.pull()
	if len(c.got) == 0 {
		t.Error("it does not begin without the cap")
	}
}

// TestACapHoldsFromTheStart of a publisher, whichever encoding comes first: what an encoding takes is
// not known at first, and then only roughly.
func TestACapHoldsFromTheStart(t *testing.T) {
	for _, first := range []int{0, 1} {
		for _, restart := range []bool{false, true} {
			c := newUnevenPair(t)
			c.s.SetCap(150_000)
			if restart {
				c.frame(0, true)
				c.pass(3*time.Second, 0)
				c.next()
			}
			c.frame(first, true)
			c.frame(1-first, true)
			c.pass(200*time.Millisecond, 0, 1)
			c.wantOnly("under a cap", 0, 3*time.Second, 0, 1)
		}
	}
}

// TestWhoJoinsAtTheBeginningGetsTheBest at once, where nothing is known of the network.
func TestWhoJoinsAtTheBeginningGetsTheBest(t *testing.T) {
	c := newUnevenPair(t)
	c.s.SetPublisher(nil)
	c.frame(0, true)
	c.frame(1, true)
	c.pass(50*time.Millisecond, 0, 1)
	c.s.Select(forwarder.Selection{MaxWidth: 4000})
	c.s.SetPublisher(c.p)
	c.pull()
	if c.on() != 1 {
		t.Errorf("on encoding %d", c.on())
	}
}

// TestWhoWaitedForAPublisherBeginsWithTheBest where nothing is known of the network: no keyframe is
// asked for.
func TestWhoWaitedForAPublisherBeginsWithTheBest(t *testing.T) {
	c := newUnevenPair(t)
	c.s = forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: 1, Tracks: []forwarder.SubscriberTrack{{
		Kind: codec.Video, SSRC: 2, RTXSSRC: 3, NACK: true, CNAME: "c", Extensions: map[codec.Extension]uint8{codec.TransportCC: 1},
		Formats: []forwarder.SubscriberFormat{{Format: vp8, PT: downVideo, RTX: 101}},
	}}})
	c.s.SetPublisher(c.p)
	c.pass(time.Second)
	c.frame(0, true)
	if c.on() != 0 {
		t.Error("it does not begin at once")
	}
	c.frame(1, true)
	c.pass(200*time.Millisecond, 0, 1)
	c.wantOnly("the best", 1, 3*time.Second, 0, 1)
	if c.wishes > 0 {
		t.Errorf("%d keyframes are asked for", c.wishes)
	}
}

// TestAnEncodingThatBeginsLaterIsTakenAtOnce with its first keyframe, where it fits amply; else it
// changes nothing.
func TestAnEncodingThatBeginsLaterIsTakenAtOnce(t *testing.T) {
	for limit, on := range map[int64]int{2_000_000: 1, 150_000: 0} {
		c := newUnevenPair(t)
		c.s.SetCap(limit)
		c.frame(0, true)
		c.pass(3*time.Second, 0)
		c.frame(1, true)
		c.clear()
		c.pass(250*time.Millisecond, 0, 1)
		if c.on() != on || c.wishes > 0 {
			t.Errorf("%d bit/s: on encoding %d, asked %d times", limit, c.on(), c.wishes)
		}
		c.wantOnly("later", on, 3*time.Second, 0, 1)
	}
}
