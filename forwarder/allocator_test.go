package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// chooser drives an allocator with three rungs in steps of 100 ms.
type chooser struct {
	a        *forwarder.Allocator
	now      time.Time
	rung     int
	switches int
}

func newChooser() *chooser {
	return &chooser{a: forwarder.NewAllocator(200_000, 600_000, 2_000_000), now: start, rung: -2}
}

// run lets a limit hold for a while and returns when the rung changed first.
func (c *chooser) run(limit int64, d time.Duration) (changed time.Duration) {
	changed = -1
	for t := time.Duration(0); t < d; t += 100 * time.Millisecond {
		rung, _ := c.a.Choose(c.now, limit)
		if rung != c.rung && c.rung != -2 {
			if c.switches++; changed < 0 {
				changed = t
			}
		}
		c.rung, c.now = rung, c.now.Add(100*time.Millisecond)
	}
	return changed
}

func (c *chooser) want(t *testing.T, rung int) {
	t.Helper()
	if c.rung != rung {
		t.Errorf("on rung %d, want %d", c.rung, rung)
	}
}

func TestAllocatorBeginsWithWhatFits(t *testing.T) {
	for limit, want := range map[int64]int{100_000: 0, 250_000: 0, 700_000: 1, 2_100_000: 2, forwarder.NoLimit: 1} {
		c := newChooser()
		c.run(limit, 100*time.Millisecond)
		c.want(t, want)
	}
}

func TestAllocatorStepsDown(t *testing.T) {
	c := newChooser()
	c.run(forwarder.NoLimit, time.Second)
	c.want(t, 2)
	if at := c.run(1_900_000, 2*time.Second); at != forwarder.StepDownHold {
		t.Errorf("a little too much: after %v", at)
	}
	c.want(t, 1)
	c = newChooser()
	c.run(forwarder.NoLimit, time.Second)
	if at := c.run(250_000, time.Second); at != 0 {
		t.Errorf("far too much: after %v", at)
	}
	c.want(t, 0)
}

func TestAllocatorStepsUpWithRoomToSpare(t *testing.T) {
	c := newChooser()
	c.run(700_000, time.Second)
	c.run(2_100_000, 5*time.Second)
	c.want(t, 1)
	if at := c.run(2_300_000, 5*time.Second); at != forwarder.StepUpHold {
		t.Errorf("after %v", at)
	}
	c.want(t, 2)
}

// What is sent already stays while the limit is low for a moment only; a better rung waits until
// it fits with room left even where its pictures are large.
func TestAllocatorKeepsWhatLasts(t *testing.T) {
	c := newChooser()
	c.run(forwarder.NoLimit, time.Second)
	for range 20 {
		if rung, _ := c.a.ChooseOf(c.now, 1_700_000, 2_000_000, 1_500_000); rung != 2 {
			t.Fatalf("rung %d, though what is sent lasts", rung)
		}
		c.now = c.now.Add(100 * time.Millisecond)
	}
	if rung, _ := c.a.ChooseOf(c.now, 1_500_000, 1_600_000, 1_300_000); rung != 1 {
		t.Errorf("rung %d, though far less lasts", rung)
	}
	c = newChooser()
	c.run(700_000, time.Second)
	c.a.Most(2, 2_400_000)
	if at := c.run(2_500_000, 5*time.Second); at >= 0 {
		t.Error("a rung that takes more at times than there is with room to spare")
	}
	if at := c.run(2_700_000, 5*time.Second); at != forwarder.StepUpHold {
		t.Errorf("after %v", at)
	}
}

// A rung that takes a little too much at times is no reason to leave it, one that takes far too
// much is.
func TestAllocatorBearsLargePictures(t *testing.T) {
	for takes, want := range map[int64]int{2_200_000: 2, 2_600_000: 1} {
		c := newChooser()
		c.run(2_100_000, time.Second)
		c.a.Takes(2, takes)
		c.run(2_100_000, 5*time.Second)
		c.want(t, want)
	}
}

// What was too much is the least there is once what is below it vanished: it is no more reason to
// stay there.
func TestAllocatorLeavesTheLeastThereIs(t *testing.T) {
	c := newChooser()
	c.run(700_000, time.Second)
	c.want(t, 1)
	c.run(580_000, forwarder.StepDownHold/2)
	c.a.Vanish()
	c.run(580_000, time.Second)
	c.want(t, 0)
	c.run(2_400_000, forwarder.StepUpHold+100*time.Millisecond)
	c.want(t, 1)
}

// A line that seems to carry more as long as less is sent must not be tried again and
// again.
func TestAllocatorDoesNotSwing(t *testing.T) {
	c := newChooser()
	for range 3000 {
		limit := int64(2_400_000)
		if c.rung == 2 {
			limit = 1_000_000
		}
		c.run(limit, 100*time.Millisecond)
	}
	if c.switches > 2*10 {
		t.Errorf("%d switches in five minutes", c.switches)
	}
	if c.switches < 4 {
		t.Errorf("%d switches: it was never tried again", c.switches)
	}
}

// A step up that lasted until the network got far narrower was right: the next is not made later
// for it. One that was too much from the start was not.
func TestAllocatorForgivesAnotherNetwork(t *testing.T) {
	for lasts, forgives := range map[time.Duration]bool{forwarder.StepHeld - 500*time.Millisecond: false, forwarder.StepHeld: true} {
		c := newChooser()
		c.run(2_400_000, time.Second)
		for cap := range 4 {
			c.run(250_000, 3*time.Second)
			c.want(t, 0)
			took := c.run(2_400_000, forwarder.StepUpHold+100*time.Millisecond)
			if forgiven := took == forwarder.StepUpHold; cap > 0 && forgiven != forgives {
				t.Errorf("steps up last %v: after cap %d the next after %v", lasts, cap, took)
			}
			for c.rung != 2 {
				c.run(2_400_000, 100*time.Millisecond)
			}
			c.run(2_400_000, lasts-100*time.Millisecond)
		}
	}
}

func TestAllocatorPausesVideo(t *testing.T) {
	c := newChooser()
	c.run(250_000, time.Second)
	c.run(170_000, 5*time.Second)
	c.want(t, 0) // a little too much is tried
	if at := c.run(120_000, 5*time.Second); at != forwarder.StarveHold {
		t.Errorf("paused after %v", at)
	}
	c = newChooser()
	c.run(250_000, time.Second)
	if at := c.run(90_000, 5*time.Second); at != forwarder.StarveShort {
		t.Errorf("far too much: paused after %v", at)
	}
	c.want(t, -1)
	c.run(205_000, 5*time.Second)
	c.want(t, -1)
	c.run(230_000, time.Second)
	c.want(t, 0)
}

// Where three times as much is sent as there is, sound is lost with it: not even the
// short wait is made.
func TestAllocatorPausesAtOnceInAFlood(t *testing.T) {
	for sends, want := range map[int64]int{260_000: 0, 280_000: -1} {
		c := newChooser()
		c.run(250_000, time.Second)
		if rung, _ := c.a.ChooseSending(c.now, 90_000, sends); rung != want {
			t.Errorf("90 kbit/s beside sound, %d sent: rung %d, want %d", sends, rung, want)
		}
	}
	for sends, want := range map[int64]bool{1_700_000: false, 1_900_000: true} {
		c := newChooser()
		if got := c.a.Squeeze(c.now, sends, 600_000, 600_000); got != want {
			t.Errorf("600 kbit/s beside sound, %d sent: squeezed %v at once", sends, got)
		}
		c.now = c.now.Add(forwarder.SqueezeHold)
		if !c.a.Squeeze(c.now, sends, 600_000, 600_000) {
			t.Errorf("600 kbit/s beside sound, %d sent: not squeezed after %v", sends, forwarder.SqueezeHold)
		}
	}
}

func TestAllocatorSaysWhatItWants(t *testing.T) {
	for limit, want := range map[int64]int64{250_000: 2_000_000, 700_000: 2_000_000, 3_000_000: 0} {
		c := newChooser()
		_, got := c.a.Choose(c.now, limit)
		if got < want-want/10 || got > want {
			t.Errorf("with %d it wants %d, want about %d", limit, got, want)
		}
	}
}

// Where nothing can be probed, what may fit is tried, and tried less often in vain.
func TestAllocatorTriesWithoutProbes(t *testing.T) {
	c := newChooser()
	c.a.Blind()
	c.run(250_000, time.Second)
	c.want(t, 0)
	if at := c.run(250_000, time.Minute); at > forwarder.TryInterval {
		t.Errorf("first tried after %v", at)
	}
	tries := c.switches
	c.run(250_000, 5*time.Minute)
	if c.switches < tries+4 || c.switches > tries+16 {
		t.Errorf("%d switches in five minutes in vain", c.switches-tries)
	}
	c = newChooser()
	c.a.Blind()
	c.run(100_000, 5*time.Second)
	c.want(t, -1)
	if at := c.run(100_000, 20*time.Second); at < 0 {
		t.Error("a pause does not end")
	}
}

// More pictures of the same size that were just given up come back only with an eighth more to spare:
// a link that is nearly full with them carries them for a while, and then does not.
func TestAllocatorLeavesWhatBarelyFits(t *testing.T) {
	back := func(limit int64) time.Duration {
		c := newChooser()
		c.a.Layered()
		c.run(2_500_000, 10*time.Second)
		c.run(1_500_000, time.Second)
		c.want(t, 1)
		return c.run(limit, 2*time.Minute)
	}
	if at := back(2_300_000); at < 50*time.Second || at > 70*time.Second {
		t.Errorf("what barely fits comes back after %v", at)
	}
	if at := back(2_700_000); at < 0 || at > 10*time.Second {
		t.Errorf("what fits with much to spare comes back after %v", at)
	}
}
