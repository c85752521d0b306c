package forwarder_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// A scenario is a path over time, and what an estimator must make of it.
type scenario struct {
	name   string
	cfg    link.Config
	length time.Duration // 0: a minute
	drift  float64       // of the receiver's clock
	want   promise
}

// A promise is the least that a row of the scoreboard must show, of layers and of an
// encoder that follows the estimate; 0: nothing is promised.
type promise struct {
	layers, elastic float64       // share of what fits
	settled         time.Duration // from the last change of the path until the right layer is sent for good
	queue           time.Duration // at the bottleneck, 95 % of the time, of layers
	switches        int           // of layers
}

// always is a capacity that does not change.
func always(bitrate int64) []link.Step { return []link.Step{{Bitrate: bitrate}} }

// steps are capacities of so long each.
func steps(each time.Duration, bitrates ...int64) []link.Step {
	var all []link.Step
	for i, b := range bitrates {
		all = append(all, link.Step{At: time.Duration(i) * each, Bitrate: b})
	}
	return all
}

// over returns a path of 25 ms each way, changed by f.
func over(f func(c *link.Config)) link.Config {
	c := link.Config{Delay: []link.Shift{{Delay: 25 * ms}}, Back: 25 * ms}
	f(&c)
	return c
}

func scenarios() []scenario {
	return append(append(plainPaths(), changingPaths()...), badPaths()...)
}

func plainPaths() []scenario {
	plain := func(bitrate int64) link.Config {
		return over(func(c *link.Config) { c.Capacity = always(bitrate) })
	}
	return []scenario{
		{name: "steady 250 kbit/s", cfg: plain(250_000), want: promise{layers: 0.95, elastic: 0.85, queue: 200 * ms}},
		{name: "steady 500 kbit/s", cfg: plain(500_000), want: promise{layers: 0.95, elastic: 0.85, settled: 3 * time.Second, queue: 60 * ms, switches: 2}},
		{name: "join at 600 kbit/s", cfg: plain(600_000), want: promise{layers: 0.95, elastic: 0.85, settled: 3 * time.Second, queue: 60 * ms, switches: 2}},
		{name: "steady 1 Mbit/s", cfg: plain(1_000_000), want: promise{layers: 0.9, elastic: 0.9, settled: 3 * time.Second, queue: 60 * ms, switches: 2}},
		{name: "steady 2 Mbit/s", cfg: plain(2_000_000), want: promise{layers: 0.9, elastic: 0.9, settled: 6 * time.Second, queue: 60 * ms, switches: 3}},
		{name: "steady 4 Mbit/s", cfg: plain(4_000_000), want: promise{layers: 0.9, elastic: 0.9, settled: 3 * time.Second, queue: 60 * ms, switches: 2}},
		{name: "no limit", cfg: over(func(*link.Config) {}), want: promise{layers: 0.9, elastic: 0.9, settled: 3 * time.Second, switches: 2}},
		{name: "just fits, 5 minutes", cfg: plain(640_000), length: 5 * time.Minute, want: promise{layers: 0.9, elastic: 0.9, queue: 150 * ms, switches: 6}},
		{name: "just does not, 5 minutes", cfg: plain(1_600_000), length: 5 * time.Minute, want: promise{layers: 0.9, elastic: 0.9, queue: 60 * ms, switches: 5}},
	}
}

func changingPaths() []scenario {
	stalls, walk := []link.Step(nil), []link.Step(nil)
	rnd, bitrate := rand.New(rand.NewPCG(1, 2)), 2e6
	for i := range 40 {
		at := time.Duration(i) * 1500 * ms
		stalls = append(stalls, link.Step{At: at, Bitrate: 20_000_000}, link.Step{At: at + 1350*ms, Bitrate: 1000})
	}
	for i := range 120 {
		bitrate = max(400e3, min(5e6, bitrate*math.Exp(0.25*rnd.NormFloat64())))
		walk = append(walk, link.Step{At: time.Duration(i) * 500 * ms, Bitrate: int64(bitrate)})
	}
	return []scenario{
		{
			name: "4, 1, 4 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity = steps(20*time.Second, 4_000_000, 1_000_000, 4_000_000) }),
			want: promise{layers: 0.85, elastic: 0.8, settled: 10 * time.Second, queue: 60 * ms, switches: 4},
		},
		{
			name: "4, 1 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity = steps(30*time.Second, 4_000_000, 1_000_000) }),
			want: promise{layers: 0.9, elastic: 0.85, settled: 3 * time.Second, queue: 150 * ms, switches: 3},
		},
		{
			name: "saw-tooth", cfg: over(func(c *link.Config) {
				c.Capacity = steps(5*time.Second, 3_000_000, 2_200_000, 1_400_000, 700_000, 3_000_000, 2_200_000, 1_400_000, 700_000, 3_000_000, 2_200_000, 1_400_000, 700_000)
			}),
			want: promise{layers: 0.7, elastic: 0.65, queue: 310 * ms, switches: 9},
		},
		{
			name: "random walk", cfg: over(func(c *link.Config) { c.Capacity, c.Queue = walk, 500*ms }),
			want: promise{layers: 0.7, elastic: 0.6, queue: 500 * ms, switches: 14},
		},
		{
			name: "stalls of 150 ms", cfg: over(func(c *link.Config) { c.Capacity = stalls }),
			want: promise{layers: 0.9, elastic: 0.9, switches: 3},
		},
		{
			name: "outage of 3 s", cfg: over(func(c *link.Config) {
				c.Capacity = []link.Step{{At: 0, Bitrate: 4_000_000}, {At: 20 * time.Second, Bitrate: 100}, {At: 23 * time.Second, Bitrate: 4_000_000}}
			}),
			want: promise{layers: 0.85, elastic: 0.85, settled: 10 * time.Second, switches: 6},
		},
		{
			name: "route 80 ms longer", cfg: over(func(c *link.Config) {
				c.Capacity = always(4_000_000)
				c.Delay = []link.Shift{{Delay: 25 * ms}, {At: 20 * time.Second, Delay: 105 * ms}, {At: 40 * time.Second, Delay: 25 * ms}}
			}),
			want: promise{layers: 0.9, elastic: 0.9, queue: 60 * ms, switches: 2},
		},
		{
			name: "another's 2 of 3 Mbit/s", cfg: over(func(c *link.Config) {
				c.Capacity = always(3_000_000)
				c.Others = []link.Traffic{{Start: 20 * time.Second, End: 40 * time.Second, Bitrate: 2_000_000}}
			}),
			want: promise{layers: 0.8, elastic: 0.75, settled: 10 * time.Second, switches: 6},
		},
	}
}

func badPaths() []scenario {
	greedy := func(queue time.Duration) link.Config {
		return over(func(c *link.Config) {
			c.Capacity, c.Queue, c.Others = always(4_000_000), queue, []link.Traffic{{Start: 10 * time.Second}}
		})
	}
	return []scenario{
		{name: "loss of 2 %", cfg: over(func(c *link.Config) { c.Loss = 0.02 }), want: promise{layers: 0.9, elastic: 0.9, settled: 3 * time.Second, switches: 2}},
		{name: "loss of 10 %", cfg: over(func(c *link.Config) { c.Loss = 0.1 }), want: promise{layers: 0.9, elastic: 0.75, settled: 5 * time.Second, switches: 2}},
		{name: "loss of 10 %, 2 Mbit/s", cfg: over(func(c *link.Config) { c.Loss, c.Capacity = 0.1, always(2_000_000) }), want: promise{layers: 0.85, elastic: 0.7, queue: 100 * ms, switches: 4}},
		{name: "loss in bursts", cfg: over(func(c *link.Config) { c.Bursts = link.Bursts{Every: 5 * time.Second, Length: 200 * ms, Loss: 0.5} }), want: promise{layers: 0.85, elastic: 0.85, switches: 4}},
		{name: "short queue, 1 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity, c.Queue = always(1_000_000), 25*ms }), want: promise{layers: 0.85, elastic: 0.65, settled: 5 * time.Second, switches: 3}},
		{name: "short queue, 4, 1 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity, c.Queue = steps(20*time.Second, 4_000_000, 1_000_000), 25*ms }), want: promise{layers: 0.85, elastic: 0.6, settled: 3 * time.Second, switches: 5}},
		{name: "policed, 4, 0.25 Mbit/s", cfg: over(func(c *link.Config) {
			c.Capacity, c.Queue, c.Bucket = steps(20*time.Second, 4_000_000, 250_000), ms, 16_000
		}), want: promise{layers: 0.85, switches: 8}},
		{name: "short queue, 4, 0.25 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity, c.Queue = steps(20*time.Second, 4_000_000, 250_000), 25*ms }), want: promise{layers: 0.9, settled: 2 * time.Second, switches: 4}},
		{name: "round trip of 200 ms", cfg: over(func(c *link.Config) {
			c.Capacity, c.Delay, c.Back = always(2_000_000), []link.Shift{{Delay: 100 * ms}}, 100*ms
		}), want: promise{layers: 0.85, elastic: 0.9, settled: 6 * time.Second, queue: 150 * ms, switches: 2}},
		{name: "jitter of 50 ms", cfg: over(func(c *link.Config) { c.Capacity, c.Jitter = always(2_000_000), 50*ms }), want: promise{layers: 0.8, elastic: 0.85, settled: 15 * time.Second, switches: 3}},
		{name: "jitter of 50 ms, reordered", cfg: over(func(c *link.Config) { c.Capacity, c.Jitter, c.Reorder = always(2_000_000), 50*ms, true }), want: promise{layers: 0.8, elastic: 0.85, settled: 15 * time.Second, switches: 3}},
		{name: "loss of 3 %, jitter of 60 ms", cfg: over(func(c *link.Config) { c.Loss, c.Jitter, c.Reorder = 0.03, 60*ms, true }), want: promise{layers: 0.85, elastic: 0.85, settled: 10 * time.Second, switches: 3}},
		{name: "bufferbloat, 4, 1 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity, c.Queue = steps(20*time.Second, 4_000_000, 1_000_000), 2*time.Second }), want: promise{layers: 0.85, elastic: 0.8, settled: 3 * time.Second, switches: 4}},
		{name: "token bucket, 1.2 Mbit/s", cfg: over(func(c *link.Config) { c.Capacity, c.Queue, c.Bucket = always(1_200_000), 100*ms, 16_000 }), length: 5 * time.Minute, want: promise{layers: 0.9, elastic: 0.9, switches: 10}},
		{name: "greedy flow of 4 Mbit/s", cfg: greedy(300 * ms), want: promise{layers: 0.7, elastic: 0.9}},
		{name: "greedy flow, bufferbloat", cfg: greedy(time.Second), want: promise{layers: 0.65, elastic: 0.9}},
		{name: "greedy flow, short queue", cfg: greedy(60 * ms), want: promise{layers: 0.5, elastic: 0.7}},
		{name: "greedy flow that ends", cfg: over(func(c *link.Config) {
			c.Capacity, c.Others = always(4_000_000), []link.Traffic{{Start: 10 * time.Second, End: 30 * time.Second}}
		}), want: promise{layers: 0.75, elastic: 0.9, settled: 10 * time.Second}},
		{name: "clock 300 ppm fast", drift: 300e-6, cfg: over(func(c *link.Config) { c.Capacity = always(2_000_000) }), want: promise{layers: 0.85, elastic: 0.9, settled: 6 * time.Second, queue: 150 * ms, switches: 3}},
		{name: "clock 300 ppm slow", drift: -300e-6, cfg: over(func(c *link.Config) { c.Capacity = always(2_000_000) }), want: promise{layers: 0.85, elastic: 0.9, settled: 6 * time.Second, queue: 150 * ms, switches: 3}},
		{name: "feedback lost, 20 %", cfg: over(func(c *link.Config) { c.Capacity, c.BackLoss = always(2_000_000), 0.2 }), want: promise{layers: 0.85, elastic: 0.85, settled: 8 * time.Second, switches: 3}},
	}
}
