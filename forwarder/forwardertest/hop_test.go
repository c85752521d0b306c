package forwardertest

import (
	"fmt"
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

// TestLinkedSwitches selects layers at random behind one link and two, of which only what
// somebody wants travels. WHIPPET_LINK_SEEDS is how many seeds it takes of each.
func TestLinkedSwitches(t *testing.T) {
	seeds := 2
	if n, err := strconv.Atoi(os.Getenv("WHIPPET_LINK_SEEDS")); err == nil {
		seeds = n
	}
	for name, o := range layered() {
		for links := 1; links <= 2; links++ {
			for _, loss := range []float64{0, 0.02} {
				t.Run(fmt.Sprint(name, " over ", links, " losing ", loss), func(t *testing.T) {
					t.Parallel()
					o := linked(o, links, loss)
					o.Select, o.Calm = time.Second, 10*time.Second
					for seed := range uint64(seeds) {
						w := New(seed, o)
						w.Run(30 * time.Second)
						if err := w.Err(); err != nil {
							t.Errorf("seed %d: %v", seed, err)
						}
					}
				})
			}
		}
	}
}
