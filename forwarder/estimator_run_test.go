package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// TestAPictureTellsOfANarrowLink: the packets of a picture that come one behind the other, far
// slower than the estimate, tell that the network became another one, well before the queue is
// full and a loss is heard of. What they came at is what it carries.
func TestAPictureTellsOfANarrowLink(t *testing.T) {
	for _, capacity := range []int64{240_000, 600_000, 1_000_000} {
		for phase := range 8 {
			capped := 8*time.Second + time.Duration(phase)*17*ms
			e, p := onPath(over(func(c *link.Config) {
				c.Capacity = []link.Step{{Bitrate: 20_000_000}, {At: capped, Bitrate: capacity}}
			}))
			src := &constant{bitrate: 1_500_000, want: 1_500_000}
			p.run(src, capped, nil)
			if s := e.State(); s.Estimate < 1_500_000 {
				t.Fatalf("before the cap: %v", s)
			}
			for e.Estimate() > capacity && p.now < capped+time.Second {
				p.run(src, ms, nil)
			}
			s := e.State()
			if took := p.now - capped; took > 350*ms {
				t.Errorf("%d kbit/s: known after %v: %v", capacity/1000, took, s)
			}
			if s.Estimate < capacity*8/10 {
				t.Errorf("%d kbit/s are taken for %v", capacity/1000, s)
			}
		}
	}
}

// TestABusyRunIsOfOneSpeed: who comes at uneven speeds, because of jitter or since others use the
// bottleneck too, tells of no capacity.
func TestABusyRunIsOfOneSpeed(t *testing.T) {
	for name, change := range map[string]func(*link.Config){
		"jitter":            func(c *link.Config) { c.Jitter = 80 * ms },
		"jitter, reordered": func(c *link.Config) { c.Jitter, c.Reorder = 80*ms, true },
		"pauses": func(c *link.Config) {
			for i := range 20 {
				at := time.Duration(5000+500*i) * ms
				c.Delay = append(c.Delay, link.Shift{At: at, Delay: 120 * ms}, link.Shift{At: at + 30*ms, Delay: 20 * ms})
			}
		},
	} {
		e, p := onPath(over(change))
		least := int64(1 << 40)
		p.run(&constant{bitrate: 1_500_000, want: 1_500_000}, 5*time.Second, nil)
		p.each = func() { least = min(least, e.Estimate()) }
		p.run(&constant{bitrate: 1_500_000, want: 1_500_000, frame: p.now}, 10*time.Second, nil)
		if least < 1_000_000 {
			t.Errorf("%s: %d kbit/s were believed", name, least/1000)
		}
	}
}
