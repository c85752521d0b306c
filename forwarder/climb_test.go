package forwarder_test

import (
	"testing"
	"time"
)

// TestWhoStepsUpByItselfWaitsForOthersKeyframes: a track that goes up to another encoding by
// itself asks for a keyframe of it no sooner than three seconds after the last one, so that
// many who do so one after the other do not make the encoder send one each. Who selects that
// encoding asks at once.
func TestWhoStepsUpByItselfWaitsForOthersKeyframes(t *testing.T) {
	for _, test := range []struct {
		age     time.Duration // of the last keyframe
		selects string        // a RID
		want    time.Duration // until the next is asked for; 0: at once
	}{
		{time.Second, "", 2 * time.Second},
		{2 * time.Second, "", time.Second},
		{4 * time.Second, "", 0},
		{time.Second, "1", 0},
		{4 * time.Second, "1", 0},
	} {
		c := began(t, "0")
		c.frame(1, true)
		c.pass(test.age, 0, 1)
		c.clear()
		c.choose(test.selects)
		asked := c.now
		for c.wishes == 0 && c.now.Sub(asked) < 10*time.Second {
			if c.on() == 1 {
				t.Fatalf("%+v: went up to an old keyframe", test)
			}
			c.pass(30*time.Millisecond, 0, 1)
		}
		if d := c.now.Sub(asked) - test.want; d < 0 || d > 60*time.Millisecond {
			t.Errorf("%+v: asked after %v", test, c.now.Sub(asked))
		}
		c.frame(1, true)
		c.pass(30*time.Millisecond, 0, 1)
		if c.on() != 1 {
			t.Errorf("%+v: not on the better encoding after its keyframe", test)
		}
	}
}

// TestAKeyframeOfOthersServesWhoStepsUp: one that somebody else asked for meanwhile will do.
func TestAKeyframeOfOthersServesWhoStepsUp(t *testing.T) {
	c := began(t, "0")
	c.frame(1, true)
	c.pass(time.Second, 0, 1)
	c.clear()
	c.choose("")
	c.pass(time.Second, 0, 1)
	c.frame(1, true)
	c.pass(30*time.Millisecond, 0, 1)
	if c.on() != 1 || c.wishes > 0 {
		t.Errorf("on encoding %d, asked %d times", c.on(), c.wishes)
	}
}
