package clustertest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the figures of docs/simulation.md and its drawings anew")

// small is played with the other tests, large by `make sim`.
func small() Config {
	return Config{
		Seed: 1, Nodes: 100, Subscribers: 20_000, Streams: 200, Links: 16, Sessions: 500, Zipf: 1, Spread: 10, Crowded: 0.1,
		Arrival: 20 * time.Second, Lost: 0.1,
	}
}

func large() Config {
	return Config{
		Seed: 1, Nodes: 1000, Subscribers: 1_000_000, Streams: 2000, Links: 16, Sessions: 2000, Zipf: 1, Spread: 10, Crowded: 0.1,
		Arrival: time.Minute, Lost: 0.1,
	}
}

func wantNone(t *testing.T, r *Report) {
	t.Helper()
	for _, fault := range r.Faults() {
		t.Errorf("seed %d: %s", r.Config.Seed, fault)
	}
}

func TestHundredNodes(t *testing.T) {
	for seed := range uint64(3) {
		cfg := small()
		cfg.Seed = seed + 1
		wantNone(t, Run(cfg))
	}
}

// TestNarrowTrees: two links a node make depth, and many nodes that are full.
func TestNarrowTrees(t *testing.T) {
	cfg := small()
	cfg.Links = 2
	r := Run(cfg)
	if r.Origin != 2 || r.FanOut != 2 || r.Depth < 5 || r.Unlinked > 0 || r.StillDark > 0 {
		t.Errorf("an origin feeds %d, a node %d, depth %d; %d without a link, %d after the loss", r.Origin, r.FanOut, r.Depth, r.Unlinked, r.StillDark)
	}
}

// TestNarrowTreesOfAThousand: they are deep, and still nobody is left out.
func TestNarrowTreesOfAThousand(t *testing.T) {
	r := Run(Config{
		Seed: 1, Nodes: 1000, Subscribers: 20_000, Streams: 1, Links: 2, Sessions: 500, Zipf: 1, Spread: 10,
		Arrival: 20 * time.Second, Lost: 0.1,
	})
	if r.FanOut != 2 || r.Depth > 14 || r.HealedDepth > 14 || r.Unlinked > 0 || r.StillDark > 0 {
		t.Errorf("a node feeds %d, depth %d, then %d; %d without a link, %d after the loss", r.FanOut, r.Depth, r.HealedDepth, r.Unlinked, r.StillDark)
	}
}

// TestThousandNodes plays the large one; SIM must be set, `make sim` does.
func TestThousandNodes(t *testing.T) {
	if os.Getenv("SIM") == "" {
		t.Skip("SIM is not set")
	}
	begun := time.Now()
	a, b := Run(small()), Run(large())
	wantNone(t, a)
	wantNone(t, b)
	t.Logf("in %v:\n%s", time.Since(begun).Round(time.Second), table(a, b))
	if *update {
		write(t, a, b)
	}
}

const (
	page  = "../../docs/simulation.md"
	begin = "<!-- figures -->\n"
	end   = "<!-- end of figures -->\n"
)

// write puts the figures into the page.
func write(t *testing.T, a, b *Report) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("%s has no place for figures", page)
	}
	for name, content := range map[string]string{
		page:                                     before + begin + table(a, b) + end + after,
		"../../docs/images/simulation-depth.svg": b.depths().svg(),
		"../../docs/images/simulation-healing.svg": b.healing().svg(),
	} {
		if err := os.WriteFile(filepath.FromSlash(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlantedFaults: the checks find what they are there for.
func TestPlantedFaults(t *testing.T) {
	for planted, want := range map[fault]string{
		ignoreLinks: "a node feeds",
		lookUpEach:  "look-ups for",
	} {
		cfg := small()
		cfg.fault = planted
		if got := strings.Join(Run(cfg).Faults(), "\n"); !strings.Contains(got, want) {
			t.Errorf("fault %d: found %q, want %q", planted, got, want)
		}
	}
}

// TestOneSeedIsOneRun: the same seed has the same figures.
func TestOneSeedIsOneRun(t *testing.T) {
	cfg := small()
	cfg.Subscribers = 5000
	if a, b := table(Run(cfg)), table(Run(cfg)); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}
