//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay/relaytest"
	"github.com/whippet-media/whippet/test/harness"
)

// Shares of what comes over a link while the top layer of three is wanted that come while a lower
// one is: of SVC for 150, 400 and 1500 kbit/s beside sound of some 50. What is left of the layers
// that nobody wants is about a twentieth of them.
const (
	mostForMiddle = 0.50
	mostForLowest = 0.30

	// untilNarrow is by when the far end's nodes have told that nobody wants a layer any more.
	untilNarrow = 4 * time.Second
)

// Layers of one encoding over a link: whoever watches at the edge gets the ones it chooses, and the
// others do not travel.
func TestLayersAcrossALink(t *testing.T) {
	for name, stream := range map[string]harness.Layered{"VP9": harness.SVC("VP9"), "AV1": harness.SVC("AV1")} {
		t.Run(name, func(t *testing.T) {
			if !everything() && name == "AV1" {
				t.Skip("two encoders in layers at a time want a quiet machine: make layers")
			}
			nodes := linkedNodes(t)
			w := harness.WatchAcross(t, nodes[0], nodes[1], "across", stream)
			wantCame(t, "the top layer at the start", w.After(t, func() {}, w.Shows(2), startsWithin, staysFor))
			followsSelection(t, w)
			all := linkRate(t, nodes[1], "across")
			for rank, most := range map[int]float64{0: mostForLowest, 1: mostForMiddle} {
				choose(t, w, w.Layer(rank), rank)
				time.Sleep(untilNarrow) // see there
				rate := linkRate(t, nodes[1], "across")
				t.Logf("layer %d wanted: %.0f kbit/s come over the link, %.0f with all layers", rank, rate/1000, all/1000)
				if rate > most*all {
					t.Errorf("%.0f %% of what comes with all layers, want %.0f at most", 100*rate/all, 100*most)
				}
			}
			wantOneSession(t, w)
		})
	}
}

// linkedNodes starts two nodes of a cluster.
func linkedNodes(t *testing.T) (nodes [2]*harness.Node) {
	t.Helper()
	redis, binary := relaytest.Redis(t), harness.Binary(t, harness.Build{Race: true})
	for i := range nodes {
		port := harness.FreePort(t)
		nodes[i] = harness.StartNodeAt(t, binary, port, "--redis", redis.URL(), "--cluster-secret", strings.Repeat("c", 32),
			"--node-id", fmt.Sprint("node-", i), "--node-url", fmt.Sprintf("http://127.0.0.1:%d", port), "--metrics-streams", "100")
	}
	return nodes
}

// linkRate returns the bits per second that come into a node for a stream, over some seconds from now.
func linkRate(t *testing.T, n *harness.Node, stream string) float64 {
	t.Helper()
	before, begun := n.BytesIn(t, stream), time.Now()
	time.Sleep(staysFor) // what is measured over
	return 8 * (n.BytesIn(t, stream) - before) / time.Since(begun).Seconds()
}
