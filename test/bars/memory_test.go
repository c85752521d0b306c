//go:build bars

package bars

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// memory measures what each of 200 subscribers of one stream costs in resident memory. They run
// in another process. The node of the other figures is not used: it has seen too much.
func (b *bench) memory(t *testing.T) {
	const subscribers = 200
	node := harness.StartNode(t, harness.Binary(t, harness.Build{}))
	publish(t, node.WHIP("memory"), longInterval)
	playing(t, node, 1) // what the first subscriber brings into being is not per subscriber
	time.Sleep(settle)
	before := harness.Memory(t, node.Process)
	playing(t, node, subscribers)
	time.Sleep(settle)
	after := harness.Memory(t, node.Process)
	b.add(t, bar{
		Name: "resident memory per subscriber, of 200", Unit: "KB",
		Samples: []float64{float64(after-before) / subscribers / 1000}, Quantile: 1, Limit: 300,
	})
}

// settle is longer than the history of one keyframe interval and a few garbage collections.
const settle = longInterval + 5*time.Second

// playing starts subscribers in a process of their own and waits until all receive video.
func playing(t *testing.T, node *harness.Node, subscribers int) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "crowd")
	build := exec.Command("go", "build", "-o", binary, "./test/bars/crowd")
	build.Dir = harness.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	crowd := harness.Start(t, harness.Command{Path: binary, Args: []string{node.WHEP("memory"), strconv.Itoa(subscribers)}})
	if line, ok := crowd.Line(time.Minute); !ok || line != "playing" {
		t.Fatalf("not all of %d subscribers play: %q\n%s", subscribers, line, crowd.Log())
	}
}
