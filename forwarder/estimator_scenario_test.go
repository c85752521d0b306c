package forwarder_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

const ms = time.Millisecond

type scenario struct {
	name string
	cfg  link.Config
	d    time.Duration
}

func delay(d time.Duration) []link.Shift { return []link.Shift{{Delay: d}} }

func steady(rate int64) []link.Step { return []link.Step{{Bitrate: rate}} }

func scenarios() []scenario {
	minute := time.Minute
	base := link.Config{Delay: delay(25 * ms), Back: 25 * ms}
	with := func(f func(c *link.Config)) link.Config {
		c := base
		f(&c)
		return c
	}
	var saw []link.Step
	for i := range 12 {
		saw = append(saw, link.Step{At: time.Duration(i) * 5 * time.Second, Bitrate: []int64{3_000_000, 2_200_000, 1_400_000, 700_000}[i%4]})
	}
	var stalls, walk []link.Step
	for i := range 40 {
		at := time.Duration(i) * 1500 * ms
		stalls = append(stalls, link.Step{At: at, Bitrate: 20_000_000}, link.Step{At: at + 1350*ms, Bitrate: 1000})
	}
	rate := 2e6
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 120 {
		rate = max(400e3, min(5e6, rate*math.Exp(0.25*rnd.NormFloat64())))
		walk = append(walk, link.Step{At: time.Duration(i) * 500 * ms, Bitrate: int64(rate)})
	}
	return []scenario{
		{"stalls", with(func(c *link.Config) { c.Capacity = stalls }), minute},
		{"walk", with(func(c *link.Config) { c.Capacity = walk; c.Queue = 500 * ms }), minute},
		{"outage", with(func(c *link.Config) {
			c.Capacity = []link.Step{{At: 0, Bitrate: 4_000_000}, {At: 20 * time.Second, Bitrate: 100}, {At: 23 * time.Second, Bitrate: 4_000_000}}
		}), minute},
		{"steady 1.6M 5min", with(func(c *link.Config) { c.Capacity = steady(1_600_000) }), 5 * minute},
		{"steady 1.7M 5min", with(func(c *link.Config) { c.Capacity = steady(1_700_000) }), 5 * minute},
		{"steady 1.8M 5min", with(func(c *link.Config) { c.Capacity = steady(1_800_000) }), 5 * minute},
		{"steady 640k 5min", with(func(c *link.Config) { c.Capacity = steady(640_000) }), 5 * minute},
		{"bucket 1.2M 5min", with(func(c *link.Config) { c.Capacity = steady(1_200_000); c.Bucket = 16_000; c.Queue = 100 * ms }), 5 * minute},
		{"loss 5% burst 5min", with(func(c *link.Config) {
			c.Loss = 0.03
			c.Bursts = link.Bursts{Every: 10 * time.Second, Length: 500 * ms, Loss: 0.6}
		}), 5 * minute},
		{"jitter 20 1.2M 5min", with(func(c *link.Config) { c.Capacity = steady(1_200_000); c.Jitter = 20 * ms }), 5 * minute},
		{"steady 250k", with(func(c *link.Config) { c.Capacity = steady(250_000) }), minute},
		{"steady 500k", with(func(c *link.Config) { c.Capacity = steady(500_000) }), minute},
		{"steady 600k", with(func(c *link.Config) { c.Capacity = steady(600_000) }), minute},
		{"steady 1M", with(func(c *link.Config) { c.Capacity = steady(1_000_000) }), minute},
		{"steady 2M", with(func(c *link.Config) { c.Capacity = steady(2_000_000) }), minute},
		{"steady 4M", with(func(c *link.Config) { c.Capacity = steady(4_000_000) }), minute},
		{"steady 40M", with(func(c *link.Config) { c.Capacity = steady(40_000_000) }), minute},
		{"unlimited", base, minute},
		{"step 4-1-4", with(func(c *link.Config) {
			c.Capacity = []link.Step{{At: 0, Bitrate: 4_000_000}, {At: 20 * time.Second, Bitrate: 1_000_000}, {At: 40 * time.Second, Bitrate: 4_000_000}}
		}), minute},
		{"saw-tooth", with(func(c *link.Config) { c.Capacity = saw }), minute},
		{"loss 2%", with(func(c *link.Config) { c.Loss = 0.02 }), minute},
		{"loss 10%", with(func(c *link.Config) { c.Loss = 0.10 }), minute},
		{"loss 2% of 2M", with(func(c *link.Config) { c.Loss = 0.02; c.Capacity = steady(2_000_000) }), minute},
		{"loss 10% of 2M", with(func(c *link.Config) { c.Loss = 0.1; c.Capacity = steady(2_000_000) }), minute},
		{"bursts", with(func(c *link.Config) { c.Bursts = link.Bursts{Every: 5 * time.Second, Length: 200 * ms, Loss: 0.5} }), minute},
		{"short queue 1M", with(func(c *link.Config) { c.Capacity = steady(1_000_000); c.Queue = 25 * ms }), minute},
		{"short queue 4-1", with(func(c *link.Config) {
			c.Capacity = []link.Step{{At: 0, Bitrate: 4_000_000}, {At: 20 * time.Second, Bitrate: 1_000_000}}
			c.Queue = 25 * ms
		}), minute},
		{"rtt 200 2M", with(func(c *link.Config) {
			c.Delay = delay(100 * ms)
			c.Back = 100 * ms
			c.Capacity = steady(2_000_000)
		}), minute},
		{"jitter 50 2M", with(func(c *link.Config) { c.Jitter = 50 * ms; c.Capacity = steady(2_000_000) }), minute},
		{"jitter 50 reorder 2M", with(func(c *link.Config) {
			c.Jitter = 50 * ms
			c.Reorder = true
			c.Capacity = steady(2_000_000)
		}), minute},
		{"jitter 50", with(func(c *link.Config) { c.Jitter = 50 * ms; c.Reorder = true }), minute},
		{"bufferbloat 1M", with(func(c *link.Config) { c.Capacity = steady(1_000_000); c.Queue = 2 * time.Second }), minute},
		{"bufferbloat 4-1", with(func(c *link.Config) {
			c.Capacity = []link.Step{{At: 0, Bitrate: 4_000_000}, {At: 20 * time.Second, Bitrate: 1_000_000}}
			c.Queue = 2 * time.Second
		}), minute},
		{"route +80", with(func(c *link.Config) {
			c.Delay = []link.Shift{{At: 0, Delay: 25 * ms}, {At: 20 * time.Second, Delay: 105 * ms}, {At: 40 * time.Second, Delay: 25 * ms}}
			c.Capacity = steady(4_000_000)
		}), minute},
		{"bucket 1.2M", with(func(c *link.Config) { c.Capacity = steady(1_200_000); c.Bucket = 16_000; c.Queue = 100 * ms }), minute},
		{"greedy 4M", with(func(c *link.Config) {
			c.Capacity = steady(4_000_000)
			c.Others = []link.Traffic{{Start: 10 * time.Second}}
		}), minute},
		{"greedy 4M bloat", with(func(c *link.Config) {
			c.Capacity = steady(4_000_000)
			c.Queue = time.Second
			c.Others = []link.Traffic{{Start: 10 * time.Second}}
		}), minute},
		{"greedy 4M short", with(func(c *link.Config) {
			c.Capacity = steady(4_000_000)
			c.Queue = 60 * ms
			c.Others = []link.Traffic{{Start: 10 * time.Second}}
		}), minute},
		{"other 2M of 3M", with(func(c *link.Config) {
			c.Capacity = steady(3_000_000)
			c.Others = []link.Traffic{{Start: 20 * time.Second, End: 40 * time.Second, Bitrate: 2_000_000}}
		}), minute},
		{"skew", with(func(c *link.Config) { c.Capacity = steady(2_000_000) }), minute},
		{"feedback loss", with(func(c *link.Config) { c.Capacity = steady(2_000_000); c.BackLoss = 0.2 }), minute},
	}
}

func TestExplore(t *testing.T) {
	want := os.Getenv("SCENARIO")
	for _, kind := range []string{"layered", "elastic"} {
		for _, s := range scenarios() {
			if want != "" && want != kind+"/"+s.name {
				if !strings.HasPrefix(kind+"/"+s.name, want) {
					continue
				}
			}
			seed := uint64(1)
			if v := os.Getenv("SEED"); v != "" {
				fmt.Sscan(v, &seed)
			}
			s.cfg.Seed = seed
			est := forwarder.NewEstimator(forwarder.EstimatorConfig{})
			p := newPath(est, s.cfg)
			if s.name == "skew" {
				p.recv.Drift = 300e-6
			}
			if os.Getenv("TRACE") != "" {
				p.trace = func(p *path) {
					if p.now%(100*ms) == 0 {
						fmt.Printf("%5.1f cap %5dk q %4d ms  %v\n", p.now.Seconds(), p.link.Capacity(p.now)/1000, p.link.Queued(p.now)/ms, est.State())
					}
				}
			}
			var src source = newLayered()
			if kind == "elastic" {
				src = &elastic{most: 3_500_000, rate: 300_000}
			}
			p.run(src, s.d, nil)
			t.Logf("%-8s %-22s %v", kind, s.name, p)
		}
	}
}
