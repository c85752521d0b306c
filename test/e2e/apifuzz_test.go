//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// fuzzedWithin is how long all requests of the fuzzer may take.
const fuzzedWithin = 4 * time.Minute

// fuzzRuns are the requests for each operation, and the seed they are made from; APIFUZZ=RUNS:SEED
// in the environment asks for others.
func fuzzRuns(t *testing.T) (runs, seed int) {
	t.Helper()
	text := os.Getenv("APIFUZZ")
	if text == "" {
		return 120, 1
	}
	first, second, _ := strings.Cut(text, ":")
	runs, err := strconv.Atoi(first)
	if err != nil {
		t.Fatalf("APIFUZZ=%s: %v", text, err)
	}
	seed, _ = strconv.Atoi(second) // absent: 0
	return runs, seed
}

// fuzzed is what came of it.
type fuzzed struct {
	Requests  int
	Statuses  map[string]int // by "operation status"
	Faults    []json.RawMessage
	Unreached []string // operations that never succeeded
}

// TestAPIFuzz: a fuzzer that knows openapi.yaml and nothing else gets no answer that is not
// described there, and reaches every operation.
func TestAPIFuzz(t *testing.T) {
	data := t.TempDir()
	l := newNode(t, harness.StartNode, "--auth", "token", "--data", data, "--max-request-rate", "0", "--max-failure-rate", "0")
	publish := l.mint(t, data, "publish", "--subject", "studio")
	l.whippet(t, "publish", "--token", publish, l.node.WHIP("closed"))
	l.whippet(t, "play", "--token", l.mint(t, data, "play"), l.node.WHEP("closed"))

	runs, seed := fuzzRuns(t)
	command, err := json.Marshal(map[string]any{
		"document": "openapi.yaml", "url": l.node.URL, "token": l.mint(t, data, "publish,play,admin", "--stream", "other"),
		"runs": runs, "seed": seed, "streams": []string{"closed", "other"},
		"bodies": map[string]any{
			"whip:application/sdp": []string{example(t, "whip-offer.sdp")}, "whep:application/sdp": []string{example(t, "whep-offer.sdp")},
			"application/trickle-ice-sdpfrag": []string{example(t, "trickle.sdpfrag"), example(t, "restart.sdpfrag")},
		},
		"few": map[string]int{"selfTest": 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, harness.Command{Path: "node", Args: []string{filepath.Join("test", "harness", "apifuzz.mjs"), string(command)}, Quiet: true})
	line, ok := p.Line(fuzzedWithin)
	if !ok {
		t.Fatalf("the fuzzer ended:\n%s", p.Log())
	}
	var f fuzzed
	if err := json.Unmarshal([]byte(line), &f); err != nil {
		t.Fatal(err)
	}
	for _, fault := range f.Faults {
		t.Errorf("%s", fault)
	}
	if len(f.Unreached) > 0 {
		t.Errorf("no request for %s succeeded: %v", strings.Join(f.Unreached, ", "), f.Statuses)
	}
	t.Logf("%d requests", f.Requests)
}
