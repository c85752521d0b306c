package forwardertest

import (
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// TestDiagnosisOfScenarios: in whole simulations a publisher is told of the faults it
// was given, and of no other.
func TestDiagnosisOfScenarios(t *testing.T) {
	for name, want := range map[string][]string{
		"healthy":      nil,
		"healthy h264": nil,                        // its interval is 4 s, and it listens
		"video only":   {forwarder.FindingNoAudio}, // which it offered
		"restarts":     nil,
		"stalls":       nil,
		"deaf encoder": {forwarder.FindingLongInterval},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenarios()[name]
			for _, seed := range []uint64{1, 7, 4711} {
				w := New(seed, s.opt)
				seen := map[string]bool{}
				w.diagnose(seen)
				w.Run(2 * time.Minute)
				var codes []string
				for code := range seen {
					codes = append(codes, code)
				}
				slices.Sort(codes)
				if !slices.Equal(codes, want) {
					t.Errorf("seed %d: %v, want %v", seed, codes, want)
				}
			}
		})
	}
}

// diagnose notes each second what is found.
func (w *World) diagnose(seen map[string]bool) {
	w.after(time.Second, func() { w.diagnose(seen) })
	for _, f := range w.pub.core.Diagnose(w.now) {
		seen[f.Code] = true
	}
}
