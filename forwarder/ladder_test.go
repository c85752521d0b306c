package forwarder_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder"
)

// TestBoundsHold: whatever else is wished for, and where nothing is within them, the least
// there is is sent and never more. A layer that is not there leaves the choice to the node.
func TestBoundsHold(t *testing.T) {
	zero, one, two := uint8(0), uint8(1), uint8(2)
	for _, c := range []struct {
		name string
		sel  forwarder.Selection
		want string
	}{
		{"nothing", forwarder.Selection{}, "a0 a1 m1 x1"},
		{"height", forwarder.Selection{MaxHeight: 400}, "a0 a1 m1"},
		{"width", forwarder.Selection{MaxWidth: 640}, "a0 a1 m1"},
		{"a height below all", forwarder.Selection{MaxHeight: 100}, "a0 a1"},
		{"a width below all", forwarder.Selection{MaxWidth: 1}, "a0 a1"},
		{"a height below all, few pictures", forwarder.Selection{MaxHeight: 100, MaxTemporal: &zero}, "a0"},
		{"few pictures", forwarder.Selection{MaxTemporal: &zero}, "a0 m0 x0"},
		{"spatial layers", forwarder.Selection{MaxSpatial: &zero}, "a0 a1 m1 x1"},
		{"a limit", forwarder.Selection{LimitHeight: 400}, "a0 a1 m1"},
		{"a limit below all", forwarder.Selection{LimitHeight: 100}, "a0 a1"},
		{"a limit and a wish above it", forwarder.Selection{LimitHeight: 400, MaxHeight: 720}, "a0 a1 m1"},
		{"a limit and an encoding above it", forwarder.Selection{LimitHeight: 400, Exact: true, RID: "x"}, "a0 a1 m1"},

		{"an encoding", forwarder.Selection{Exact: true, RID: "m"}, "m0 m1"},
		{"an encoding within bounds", forwarder.Selection{Exact: true, RID: "m", MaxHeight: 400}, "m0 m1"},
		{"an encoding with few pictures", forwarder.Selection{Exact: true, RID: "m", MaxTemporal: &zero}, "m0"},
		{"an encoding beyond bounds", forwarder.Selection{Exact: true, RID: "x", MaxHeight: 400}, "a0 a1 m1"},
		{"an encoding beyond what is", forwarder.Selection{Exact: true, RID: "x", MaxHeight: 100}, "a0 a1"},
		{"a temporal layer", forwarder.Selection{Exact: true, RID: "x", Temporal: &one}, "x1"},
		{"no such encoding", forwarder.Selection{Exact: true, RID: "z"}, "a0 a1 m1 x1"},
		{"no such encoding, within bounds", forwarder.Selection{Exact: true, RID: "z", MaxHeight: 400}, "a0 a1 m1"},
		{"no such spatial layer", forwarder.Selection{Exact: true, Spatial: &one}, "a0 a1 m1 x1"},
		{"no such temporal layer", forwarder.Selection{Exact: true, RID: "m", Temporal: &two}, "a0 a1 m1 x1"},
	} {
		if got := strings.Join(forwarder.Rungs(c.sel, 0), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := forwarder.Rungs(forwarder.Selection{MaxTemporal: &zero}, 1); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("where no layer is so low: %s", got)
	}
}
