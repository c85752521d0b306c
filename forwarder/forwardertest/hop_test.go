package forwardertest

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// linked puts links between the publisher and the subscribers of a world.
func linked(o Options, links int, loss float64) Options {
	o = smooth(o)
	o.Links, o.Link = links, Network{Delay: 5 * time.Millisecond, Loss: loss}
	return o
}

// TestLinkedLayersPass: all layers go through a link to who wants all of them.
func TestLinkedLayersPass(t *testing.T) {
	for name, o := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(1, linked(o, 1, 0))
			w.Run(10 * time.Second)
			w.checkEnd(time.Second)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// linkedWorld runs a world whose subscribers select layers at random behind a link or two, of
// which only what somebody wants travels. Links may lose packets, subscribers come and go, and
// keyframes be rare.
func linkedWorld(name string, seed uint64) error {
	o := linked(layered()[name], 1+int(seed%2), []float64{0, 0.02}[seed/2%2])
	o.Select, o.Calm = time.Second, 10*time.Second
	if seed%3 == 1 {
		o.Rejoin, o.Interval, o.IgnoreRequests = 4*time.Second, 6*time.Second, true
		o.Calm = 0
	}
	w := New(seed, o)
	w.Run(30 * time.Second)
	return w.Err()
}

// TestLinkedSwitches does so with all kinds of layers. WHIPPET_LINK_SEEDS is with how many
// seeds.
func TestLinkedSwitches(t *testing.T) {
	seeds := 4
	if n, err := strconv.Atoi(os.Getenv("WHIPPET_LINK_SEEDS")); err == nil {
		seeds = n
	}
	for name := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				if err := linkedWorld(name, seed); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
}
