package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// TestOthersBurstsPass: what somebody else sends at once fills the queue, and some of ours is lost.
// It is no other network, and what goes on being sent is believed again when it passed for a second.
func TestOthersBurstsPass(t *testing.T) {
	for _, length := range []time.Duration{20 * ms, 40 * ms, 80 * ms} {
		e, p := onPath(over(func(c *link.Config) {
			c.Capacity, c.Others = always(1_500_000), []link.Traffic{
				{Start: 10 * time.Second, End: 10*time.Second + length, Bitrate: 20_000_000},
				{Start: 10 * time.Second, End: 10*time.Second + 300*ms, Bitrate: 3_000_000},
			}
		}))
		p.run(&constant{bitrate: 600_000, want: 700_000}, 10*time.Second, nil)
		least := e.Estimate()
		p.each = func() { least = min(least, e.Estimate()) }
		p.run(&constant{bitrate: 600_000, frame: p.now}, 3*time.Second, nil)
		if got := e.Estimate(); got < 480_000 || least < 60_000 {
			t.Errorf("a burst of %v took the estimate to %d kbit/s, and it was %d after 3 s", length, least/1000, got/1000)
		}
	}
}

// TestTheStarvedAreNotStarvedFurther: who sends sound alone fills no queue, whoever does.
func TestTheStarvedAreNotStarvedFurther(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) {
		c.Capacity = always(1_000_000)
		for at := 10 * time.Second; at < 40*time.Second; at += 2 * time.Second {
			c.Others = append(c.Others, link.Traffic{Start: at, End: at + 150*ms, Bitrate: 3_000_000})
		}
	}))
	p.run(&constant{bitrate: 150_000, want: 170_000}, 10*time.Second, nil)
	e.Starved(true)
	least := e.Estimate()
	p.each = func() { least = min(least, e.Estimate()) }
	p.run(&constant{bitrate: 65_000, frame: p.now}, 30*time.Second, nil)
	if least < 52_000 {
		t.Errorf("beside bursts of others: %d kbit/s", least/1000)
	}
}

// TestTheStarvedProbeOn: however often what probes raised did not hold, a link that got better is
// found soon.
func TestTheStarvedProbeOn(t *testing.T) {
	for _, starved := range []bool{false, true} {
		e, p := onPath(over(func(c *link.Config) {
			c.Capacity = []link.Step{{Bitrate: 110_000}, {At: 20 * time.Second, Bitrate: 2_000_000}}
		}))
		p.run(&constant{bitrate: 100_000, want: 260_000}, 20*time.Second, nil)
		e.FailProbes()
		p.run(&constant{bitrate: 65_000, want: 260_000, frame: p.now}, 10*time.Second, func() { e.Starved(starved) })
		if got := e.Estimate(); got > 250_000 != starved {
			t.Errorf("starved %v, after 10 s: %v", starved, e.State())
		}
	}
}
