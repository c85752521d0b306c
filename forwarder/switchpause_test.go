package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// interrupted returns a pair whose subscriber was on encoding "1" for a while and gets nothing
// now: after a pause, or because its queue is full.
func interrupted(t *testing.T, how string) *pair {
	c := began(t, "1")
	c.pass(5*time.Second, 0, 1)
	if how == "pause" {
		c.s.SetCap(1)
		c.pass(3*time.Second, 0, 1)
		c.s.SetCap(0)
	} else {
		c.s.Blocked(&forwarder.OutPacket{SSRC: 2}, &forwarder.Output{})
	}
	c.clear()
	return c
}

// TestAfterAnInterruptionNothingOfThePast comes of another encoding either: it goes on with one
// at a keyframe that comes now. One that came before the pause was wanted then.
func TestAfterAnInterruptionNothingOfThePast(t *testing.T) {
	for _, how := range []string{"pause", "full queue"} {
		c := interrupted(t, how)
		c.choose("0")
		c.pass(600*time.Millisecond, 0, 1)
		c.want(how+": before a keyframe", 0, 0)
		if c.wishes == 0 {
			t.Errorf("%s: no keyframe is asked for", how)
		}
		c.frame(1, true)
		c.want(how+": a keyframe of what is too much", 0, 0)
		c.frame(0, true)
		c.want(how+": its keyframe", 1, 0)
	}
}

// TestAnInterruptionEndsWithWhatIsLess where that has the first keyframe: something better can
// still follow.
func TestAnInterruptionEndsWithWhatIsLess(t *testing.T) {
	c := began(t, "0")
	c.s.Blocked(&forwarder.OutPacket{SSRC: 2}, &forwarder.Output{})
	c.choose("1")
	c.pass(100*time.Millisecond, 0, 1)
	c.want("before a keyframe", 0, 0)
	c.frame(0, true)
	c.want("a keyframe of what it was on", 1, 0)
}

// TestAWishBeforeAPauseIsNoneAfterIt: the keyframe that answered it is past.
func TestAWishBeforeAPauseIsNoneAfterIt(t *testing.T) {
	c := began(t, "1")
	c.pass(time.Second, 0, 1)
	c.choose("0")
	c.pass(100*time.Millisecond, 0, 1)
	c.s.SetCap(1)
	c.pass(time.Second, 0, 1)
	c.frame(0, true)
	c.pass(5*time.Second, 0, 1)
	c.clear()
	c.s.SetCap(0)
	c.pass(600*time.Millisecond, 0, 1)
	c.want("the end of the pause", 0, 0)
	c.frame(0, true)
	c.want("a keyframe", 1, 0)
}

// TestAnInterruptionEndsAtOnceWhereNothingElseComes: what it was on has vanished meanwhile.
func TestAnInterruptionEndsAtOnceWhereNothingElseComes(t *testing.T) {
	c := interrupted(t, "pause")
	c.s.SetCap(1)
	c.pass(forwarder.ActiveWindow+100*time.Millisecond, 0)
	c.clear()
	c.s.SetCap(0)
	c.pass(200*time.Millisecond, 0)
	if c.on() != 0 {
		t.Errorf("on encoding %d, asked %d times", c.on(), c.wishes)
	}
}

// squeezed returns a pair whose subscriber was sent so much more of encoding "1" than there is
// that it stopped at once, amid a frame, until there is a keyframe of "0".
func squeezed(t *testing.T) *pair {
	c := newPair(t)
	c.more[1] = 800
	c.frame(0, true)
	c.frame(1, true)
	c.pass(3*time.Second, 0, 1)
	if c.on() != 1 {
		t.Fatalf("on encoding %d", c.on())
	}
	c.send(1, false, true, false)
	c.s.SetCap(105_000)
	c.pull()
	c.clear()
	c.pass(10 * time.Millisecond)
	c.send(1, false, false, true)
	c.want("squeezed", 0, 0)
	return c
}

// TestASqueezedTrackGoesToItsTargetAtOnce: it has no frame to finish.
func TestASqueezedTrackGoesToItsTargetAtOnce(t *testing.T) {
	c := squeezed(t)
	c.frame(0, true)
	c.want("the target's keyframe", 1, 0)
}

// TestASqueezedTrackGoesOnWithItsTargetOnly: what it was on is too much, a keyframe of it
// most of all.
func TestASqueezedTrackGoesOnWithItsTargetOnly(t *testing.T) {
	c := squeezed(t)
	c.frame(1, true)
	c.pass(100*time.Millisecond, 1)
	c.want("a keyframe of what it is on", 0, 0)
	c.frame(0, true)
	c.want("the target's", 1, 0)
}

// TestWhoWaitsWhileAPauseBeginsAsksForNothing: a keyframe would be the last that the network carries.
func TestWhoWaitsWhileAPauseBeginsAsksForNothing(t *testing.T) {
	c := interrupted(t, "full queue")
	c.s.SetCap(1)
	c.pass(3*time.Second, 0, 1)
	c.clear()
	c.pass(3*time.Second, 0, 1)
	c.frame(1, true)
	c.frame(0, true)
	c.pass(time.Second, 0, 1)
	c.want("paused", 0, 0)
	if c.wishes > 0 {
		t.Errorf("asked %d times", c.wishes)
	}
	c.s.SetCap(0)
	c.pass(100*time.Millisecond, 0, 1)
	c.want("after it", 0, 0)
	c.frame(1, true)
	c.want("the next keyframe", 1, 1)
}
