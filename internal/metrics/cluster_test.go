package metrics_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/relay/tree"
)

// TestDepthsAreBounded: there is a series for each depth that a tree may have; what would be deeper
// counts with the deepest.
func TestDepthsAreBounded(t *testing.T) {
	depths := map[int]int{}
	for d := 1; d <= tree.MaxDepth+4; d++ {
		depths[d] = d
	}
	got := scrape(t, metrics.Snapshot{Cluster: &metrics.Cluster{Depths: depths}})
	if n := strings.Count(got, "\nwhippet_links_by_depth{"); n != tree.MaxDepth {
		t.Errorf("%d series, want %d", n, tree.MaxDepth)
	}
	for _, want := range []string{`{depth="15"} 15`, `{depth="16"} 90`} { // 16 to 20
		if !strings.Contains(got, "\nwhippet_links_by_depth"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}
