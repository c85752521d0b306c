package scenario

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// capturedSizes are those of a picture of noise as Chromium's encoders send it in three
// temporal layers: half of the bits in the lowest, a fifth in the next; keyframes are
// bounded by the encoder's buffer.
var capturedSizes = Sizes{Interval: time.Second / 15, Key: 4.5, Temporal: [3]float64{2, 0.8, 0.6}}

// Caps that the middle and the lowest of captured layers fit beside sound, and no cap.
const (
	capMiddle = 600_000
	capLowest = 240_000
	uncapped  = 200_000_000
)

// captured is a scenario of layers of the sizes that Chromium sends: of VP9 (L3T3_KEY),
// where each layer stands alone between keyframes, or of AV1 (L3T3), where each needs those
// below, but in VP9's packets. The link is capped from the top layer for the lowest and for the
// middle one, twice each.
func captured(name string, kind SVC) Scenario {
	s := path(name, 72*time.Second, func(c *link.Config) {
		c.Delay, c.Back = []link.Shift{{Delay: 2 * time.Millisecond}}, 2*time.Millisecond
		c.Capacity = append(c.Capacity, link.Step{Bitrate: uncapped})
		for i, rate := range [4]int64{capLowest, capMiddle, capLowest, capMiddle} {
			at := time.Duration(12+15*i) * time.Second
			c.Capacity = append(c.Capacity, link.Step{At: at, Bitrate: rate}, link.Step{At: at + 5*time.Second, Bitrate: uncapped})
		}
	})
	s.SVC, s.Sizes, s.Skips, s.Runs = kind, &capturedSizes, true, 8
	s.Encodings = []Encoding{{"", 240, 136, 100_000}, {"", 480, 272, 260_000}, {"", 960, 544, 880_000}}
	if kind == SVCFull {
		s.Encodings = []Encoding{{"", 256, 144, 100_000}, {"", 512, 288, 360_000}, {"", 1024, 576, 1_240_000}}
	}
	return s
}
