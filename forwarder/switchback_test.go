package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestAPublisherWithoutMediaTakesNothingAway: until something of the next one comes the last one's media is
// sent.
func TestAPublisherWithoutMediaTakesNothingAway(t *testing.T) {
	c := began(t, "0")
	c.s.SetPublisher(newPair(t).p)
	c.frame(0, false)
	c.want("beside a publisher without media", 1, 0)
}

// TestAWishThatWasGivenUpIsNoneLater: a keyframe that came meanwhile is of the past.
func TestAWishThatWasGivenUpIsNoneLater(t *testing.T) {
	c := began(t, "0")
	c.choose("1")
	c.pass(100*time.Millisecond, 0, 1)
	c.choose("0")
	c.pass(100*time.Millisecond, 0, 1)
	c.frame(1, true)
	c.pass(2*time.Second, 0, 1)
	c.choose("1")
	c.clear()
	c.pass(600*time.Millisecond, 0, 1)
	if c.on() != 0 || c.wishes == 0 {
		t.Errorf("on encoding %d, asked %d times", c.on(), c.wishes)
	}
	c.frame(1, true)
	c.pass(30*time.Millisecond, 0, 1)
	if c.on() != 1 {
		t.Error("the next keyframe is not used")
	}
}

// TestAKeyframeRequestBetweenPublishers: who asked for a keyframe that never came is asked nothing while
// there is nothing.
func TestAKeyframeRequestBetweenPublishers(t *testing.T) {
	c := began(t, "0")
	requestKeyframe(t, c.p, c.s, c.now)
	c.p.End()
	next := newPair(t)
	c.p, c.seq, c.ts = next.p, next.seq, next.ts
	c.s.SetPublisher(c.p)
	c.pass(100 * time.Millisecond)
	if e := c.s.Track(codec.Video).Encoding(); e != nil {
		t.Errorf("on %v", e)
	}
	c.frame(0, true)
	c.pass(50 * time.Millisecond)
	c.want("its first frame", 1, 0)
}
