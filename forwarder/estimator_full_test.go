package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// unequal sends 15 pictures a second, of which each fourth takes half of the bits.
type unequal struct {
	bitrate, want float64
	next          time.Duration
	n             int
}

func (u *unequal) step(p *path) {
	p.est.Want(int64(u.want))
	if p.now >= u.next {
		u.next += time.Second / 15
		size := u.bitrate / 8 / 15 * [4]float64{2, 0.6, 0.8, 0.6}[u.n%4]
		u.n++
		sendFrame(p, int(size/(1+float64(wireHeaders)/wirePayload)))
	}
}

// TestALinkThatIsNearlyFullKeepsWhatItCarries: probes make queues on it, for which the estimate
// is lowered again and again below what is sent and fits. What it carries in the longer run is
// known all the same, and so is that it became narrower.
func TestALinkThatIsNearlyFullKeepsWhatItCarries(t *testing.T) {
	for capacity, sent := range map[int64]int64{180_000: 165_000, 240_000: 215_000} {
		narrower := capacity * 3 / 5
		e, p := onPath(over(func(c *link.Config) {
			c.Capacity = []link.Step{{Bitrate: capacity}, {At: 2 * time.Minute, Bitrate: narrower}}
		}))
		src := &unequal{bitrate: float64(sent), want: 1_500_000}
		p.run(src, 15*time.Second, nil)
		low, given := 0, 0
		p.each = func() {
			if e.Estimate() < sent {
				low++
			}
			if e.Lasting() < sent {
				given++
			}
		}
		p.run(src, 2*time.Minute-p.now, nil)
		if low < 1000 || given > 500 {
			t.Errorf("%d of %d kbit/s: for %v the estimate was less, for %v what lasts", sent/1000, capacity/1000, time.Duration(low)*ms, time.Duration(given)*ms)
		}
		p.each = nil
		p.run(src, 1500*ms, nil)
		if l := e.Lasting(); l > narrower {
			t.Errorf("1.5 s after the link became one of %d kbit/s %d last", narrower/1000, l/1000)
		}
	}
}

// TestProbesMakeNoQueueOfOthers: on a link that became narrow, what a probe leaves in its queue
// takes long to go; it is one's own, and nothing shows of more than there is.
func TestProbesMakeNoQueueOfOthers(t *testing.T) {
	for _, capacity := range []int64{150_000, 180_000, 240_000} {
		e, p := onPath(over(func(c *link.Config) {
			c.Capacity = []link.Step{{Bitrate: 4_000_000}, {At: 6 * time.Second, Bitrate: capacity}}
		}))
		p.run(&constant{bitrate: 1_000_000}, 6*time.Second, nil)
		src := &constant{bitrate: 0.8 * float64(capacity), want: 1_000_000, frame: p.now}
		p.run(src, 5*time.Second, nil)
		told, high := 0, 0
		p.each = func() {
			if e.State().Contended {
				told++
			}
			if e.Estimate() > capacity*6/5 {
				high++
			}
		}
		p.run(src, 2*time.Minute, nil)
		if told > 0 || high > 0 {
			t.Errorf("alone on a link of %d kbit/s: told of others for %v of two minutes, a fifth too much for %v", capacity/1000, time.Duration(told)*ms, time.Duration(high)*ms)
		}
	}
}

// TestLastingIsTheEstimateElse: where nothing was lowered of late.
func TestLastingIsTheEstimateElse(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Capacity = always(2_000_000) }))
	p.run(&constant{bitrate: 500_000, want: 1_000_000}, 20*time.Second, nil)
	if e.Lasting() != e.Estimate() {
		t.Errorf("%v, of which %d lasts", e.State(), e.Lasting())
	}
	if e := forwarder.NewEstimator(forwarder.EstimatorConfig{}); e.Lasting() != 0 {
		t.Errorf("%d before anything is known", e.Lasting())
	}
}
