package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// What arrived before a link became far narrower is no estimate for it: a queue is not others' for
// that little is sent, if a probe just showed that nobody else is there.
func TestAProbeShowsWhetherOthersAreThere(t *testing.T) {
	const most, acked, before = 3e6, 215e3, 230e3
	for name, test := range map[string]struct {
		sent, arrived float64
		later         time.Duration
		want          float64
		cuts          int
	}{
		"no more arrives":       {320e3, 228e3, time.Second, before, 2},
		"others yield":          {320e3, 290e3, time.Second, 0.15 * most, 0},
		"it was hardly a probe": {260e3, 228e3, time.Second, 0.15 * most, 0},
		"long ago":              {320e3, 228e3, 16 * time.Second, 0.15 * most, 0},
	} {
		got, cuts := forwarder.Regain(most, acked, before, test.sent, test.arrived, test.later)
		if got != test.want || cuts != test.cuts {
			t.Errorf("%s: %.0f, %d decreases; want %.0f, %d", name, got, cuts, test.want, test.cuts)
		}
	}
}
