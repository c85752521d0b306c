package scenario

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// A keyframe leaves in 40 ms at most where nothing is known to be too much, and not at once: at a
// join, and after a choice by hand of a far larger picture.
func TestKeyframesArePaced(t *testing.T) {
	for _, top := range []int64{1_500_000, 6_000_000, 12_000_000} {
		s := path("keyframes", 15*time.Second)
		s.Encodings = Encodings()
		s.Encodings[2].Bitrate = top
		chosen := s
		s.Encodings = s.Encodings[2:]
		chosen.Choose = func(at time.Duration) *forwarder.Selection {
			switch at {
			case 0:
				return &forwarder.Selection{MaxHeight: 180}
			case 5 * time.Second:
				return &forwarder.Selection{RID: "f", Exact: true}
			}
			return nil
		}
		for name, s := range map[string]Scenario{"at a join": s, "by hand": chosen} {
			large := 0
			for _, k := range Play(s).keys {
				took := k.last - k.first
				if took > 41*time.Millisecond { // steps are of one
					t.Errorf("%s, top of %d kbit/s: %d bytes in %v, at %v", name, top/1000, k.bytes, took, k.first)
				}
				if int64(k.bytes)*8 < top/6 {
					continue
				}
				if large++; took < 5*time.Millisecond {
					t.Errorf("%s, top of %d kbit/s: %d bytes in %v, at %v: not paced", name, top/1000, k.bytes, took, k.first)
				}
			}
			if large == 0 {
				t.Errorf("%s, top of %d kbit/s: no keyframe of it", name, top/1000)
			}
		}
	}
}
