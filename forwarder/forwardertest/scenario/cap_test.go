package scenario

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// leastRung is less than what the least layer and the sound take, in bits per second.
const leastRung = 100_000

// A cap of the session bounds what is sent in each second, whether the server chooses the layer
// or somebody does; and within it a choice by hand counts.
func TestACapBoundsWhatIsSent(t *testing.T) {
	top, base := uint8(2), uint8(0)
	for name, sel := range map[string]forwarder.Selection{
		"automatic":            {},
		"the largest by hand":  {RID: "f", Exact: true},
		"the middle by hand":   {RID: "h", Exact: true},
		"a temporal layer":     {Temporal: &top},
		"the largest's fewest": {RID: "f", Temporal: &base},
		"a size that is not":   {MaxWidth: 100}, // the least there is
	} {
		for _, limit := range []int64{300_000, 700_000, 1_200_000} {
			s := path(name, 30*time.Second)
			s.Cap, s.Select = limit, &sel
			r := Play(s)
			sum := 0
			for second, bytes := range r.bytes {
				if second >= 5 {
					sum += bytes
				}
				if second >= 5 && int64(bytes)*8 > limit*4/3 { // a keyframe may be in it
					t.Errorf("%s, %d kbit/s: %d in second %d", name, limit/1000, bytes*8/1000, second)
				}
			}
			if mean := int64(sum) * 8 / 25; mean > limit || mean < limit/3 && sel.MaxWidth == 0 || mean < leastRung {
				t.Errorf("%s, %d kbit/s: %d in the mean", name, limit/1000, mean/1000)
			}
		}
	}
}

// What a cap leaves out is not looked for by probes.
func TestNoProbesForWhatACapLeavesOut(t *testing.T) {
	s := path("cap", 40*time.Second)
	s.Cap = 900_000
	probes := 0
	for second, bytes := range Play(s).probes {
		if second >= 15 {
			probes += bytes
		}
	}
	if probes > 0 {
		t.Errorf("%d bytes of probes from 15 s on", probes)
	}
}
