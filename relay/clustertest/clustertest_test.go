package clustertest

import (
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

func small() Config {
	return Config{
		Seed: 1, Nodes: 100, Subscribers: 20_000, Streams: 200, Links: 16, Sessions: 500, Zipf: 1, Spread: 10, Crowded: 0.1,
		Arrival: 20 * time.Second, Lost: 0.1,
	}
}

func large() Config {
	return Config{
		Seed: 1, Nodes: 1000, Subscribers: 1_000_000, Streams: 2000, Links: 16, Sessions: 2000, Zipf: 1, Spread: 10, Crowded: 0.1,
		Arrival: 60 * time.Second, Lost: 0.1,
	}
}

func TestX(t *testing.T) {
	f, _ := os.Create("/tmp/clustersim/prof")
	pprof.StartCPUProfile(f)
	r := Run(large())
	pprof.StopCPUProfile()
	r.Trees, r.Curve = nil, nil
	t.Logf("%+v", r)
}
