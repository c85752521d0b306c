package forwardertest

import (
	"fmt"
	"testing"
	"time"
)

// TestLinkedLayersPass: all layers go through a link to who wants all of them.
func TestLinkedLayersPass(t *testing.T) {
	for name, o := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := smooth(o)
			o.Linked, o.Link = true, Network{Delay: 5 * time.Millisecond}
			w := New(1, o)
			w.Run(10 * time.Second)
			w.checkEnd(time.Second)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLinkedSwitches selects layers at random behind a link, of which only what somebody
// wants travels.
func TestLinkedSwitches(t *testing.T) {
	var seeds []uint64
	for i := range uint64(100) { seeds = append(seeds, i) }
	for name, o := range layered() {
		for _, loss := range []float64{0, 0.02} {
			t.Run(fmt.Sprint(name, loss), func(t *testing.T) {
				t.Parallel()
				o := smooth(o)
				o.Select, o.Calm = time.Second, 10*time.Second
				o.Linked, o.Link = true, Network{Delay: 5 * time.Millisecond, Loss: loss}
				for _, seed := range seeds {
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
