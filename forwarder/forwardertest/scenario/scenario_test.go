package scenario

import (
	"fmt"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

func TestExplore(t *testing.T) {
	for _, rate := range []int64{0, 500_000, 1_000_000, 2_000_000, 4_000_000} {
		s := Scenario{Name: fmt.Sprint(rate), Length: time.Minute, Link: link.Config{Seed: 1, Delay: []link.Shift{{Delay: 25 * time.Millisecond}}, Back: 25 * time.Millisecond}}
		if rate > 0 {
			s.Link.Capacity = []link.Step{{Bitrate: rate}}
		}
		r := Play(s)
		fmt.Printf("%+v\n", r.Score())
	}
}
