package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// TestAnOldBacklogExplainsNoDelay: what was sent in vain seconds ago is not in a queue that
// grows now.
func TestAnOldBacklogExplainsNoDelay(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) {
		c.Capacity = []link.Step{{Bitrate: 4_000_000}, {At: 5 * time.Second, Bitrate: 600_000}, {At: 11 * time.Second, Bitrate: 240_000}}
	}))
	for _, sent := range []struct {
		until   time.Duration
		bitrate float64
	}{{7 * time.Second, 1_400_000}, {12 * time.Second, 350_000}} {
		p.run(&constant{bitrate: sent.bitrate, frame: p.now}, sent.until-p.now, nil)
	}
	if s := e.State(); s.Estimate > 300_000 {
		t.Errorf("a second after a link became one of 240 kbit/s: %v", s)
	}
}

// TestWhatFillsANarrowLinkIsNotLight: a queue is one's own on a link that carries a tenth of
// what it did, and just about what is sent until that is less.
func TestWhatFillsANarrowLinkIsNotLight(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) {
		c.Capacity = []link.Step{{Bitrate: 4_000_000}, {At: 6 * time.Second, Bitrate: 240_000}}
	}))
	p.run(&constant{bitrate: 2_500_000}, 6*time.Second, nil)
	p.run(&constant{bitrate: 350_000, frame: p.now}, 500*ms, nil)
	told := 0
	p.each = func() {
		if e.State().Contended {
			told++
		}
	}
	p.run(&constant{bitrate: 236_000, frame: p.now}, time.Second, nil)
	p.run(&constant{bitrate: 190_000, frame: p.now}, 4*time.Second, nil)
	if s := e.State(); told > 0 || s.Estimate > 300_000 {
		t.Errorf("on a link of 240 kbit/s, of others for %v of 5 s: %v", time.Duration(told)*ms, s)
	}
}

// TestEachCapIsForgotten: a line that was capped again and again is tried as soon as after the
// first time. What a probe had found was there: it did not fail.
func TestEachCapIsForgotten(t *testing.T) {
	steps := []link.Step{{Bitrate: 4_000_000}}
	for i := range 5 {
		at := time.Duration(10+14*i) * time.Second
		steps = append(steps, link.Step{At: at, Bitrate: []int64{400_000, 1_200_000}[i%2]}, link.Step{At: at + 4*time.Second, Bitrate: 4_000_000})
	}
	_, p := onPath(over(func(c *link.Config) { c.Capacity = steps }))
	src := newLayered()
	p.run(src, 10*time.Second, nil)
	for i := range 5 {
		p.run(src, 4*time.Second, nil)
		lifted := p.now
		for src.current != 2 && p.now < lifted+10*time.Second {
			p.run(src, 50*ms, nil)
		}
		if took := p.now - lifted; took > 7*time.Second {
			t.Errorf("cap %d: the top layer %v after it was lifted", i+1, took)
		}
		p.run(src, lifted+10*time.Second-p.now, nil)
	}
}
