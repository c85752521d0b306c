package scenario

import (
	"fmt"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// All returns the scenarios of the scoreboard.
func All() []Scenario {
	const m = 1_000_000
	minute := time.Minute
	rate := func(bitrate int64) func(*link.Config) {
		return func(c *link.Config) { c.Capacity = []link.Step{{Bitrate: bitrate}} }
	}
	steps := func(every time.Duration, bitrates ...int64) func(*link.Config) {
		return func(c *link.Config) {
			for i, b := range bitrates {
				c.Capacity = append(c.Capacity, link.Step{At: time.Duration(i) * every, Bitrate: b})
			}
		}
	}
	all := []Scenario{
		path("unlimited", minute),
		path("steady 500k", minute, rate(m/2)),
		path("steady 1M", minute, rate(m)),
		path("steady 2M", minute, rate(2*m)),
		path("steady 4M", minute, rate(4*m)),
		path("step 4M 1M 4M", minute, steps(20*time.Second, 4*m, m, 4*m)),
		path("step 4M 400k 4M", minute, steps(20*time.Second, 4*m, 4*m/10, 4*m)),
		path("saw-tooth", minute, steps(5*time.Second, 3*m, 2*m, m, m/2, 3*m, 2*m, m, m/2, 3*m, 2*m, m, m/2)),
		path("loss 2 %", minute, func(c *link.Config) { c.Loss = 0.02 }),
		path("loss 10 %", minute, func(c *link.Config) { c.Loss = 0.1 }),
		path("bursts of loss", minute, func(c *link.Config) {
			c.Bursts = link.Bursts{Every: 5 * time.Second, Length: 200 * time.Millisecond, Loss: 0.5}
		}),
		path("round trip 200 ms, 2M", minute, rate(2*m), func(c *link.Config) {
			c.Delay, c.Back = []link.Shift{{Delay: 100 * time.Millisecond}}, 100*time.Millisecond
		}),
		path("jitter 50 ms, 2M", minute, rate(2*m), func(c *link.Config) { c.Jitter, c.Reorder = 50*time.Millisecond, true }),
		path("queue of 2 s, 1M", minute, rate(m), func(c *link.Config) { c.Queue = 2 * time.Second }),
		path("queue of 2 s, 4M 1M", minute, steps(20*time.Second, 4*m, m), func(c *link.Config) { c.Queue = 2 * time.Second }),
		path("competing flow, 4M", minute, rate(4*m), func(c *link.Config) { c.Others = []link.Traffic{{Start: 10 * time.Second}} }),
		path("competing flow, 4M, queue of 60 ms", minute, rate(4*m), func(c *link.Config) {
			c.Queue, c.Others = 60*time.Millisecond, []link.Traffic{{Start: 10 * time.Second}}
		}),
		path("competing flow, 4M, queue of 1 s", minute, rate(4*m), func(c *link.Config) {
			c.Queue, c.Others = time.Second, []link.Traffic{{Start: 10 * time.Second}}
		}),
		path("competing flow from 10 to 30 s, 4M", minute, rate(4*m), func(c *link.Config) {
			c.Others = []link.Traffic{{Start: 10 * time.Second, End: 30 * time.Second}}
		}),
		path("steady flow of 2M beside, 3M", minute, rate(3*m), func(c *link.Config) {
			c.Others = []link.Traffic{{Start: 20 * time.Second, End: 40 * time.Second, Bitrate: 2 * m}}
		}),
		shared(2, "3M", rate(3*m)),
		shared(2, "1.5M", rate(15*m/10)),
		shared(4, "4M", rate(4*m)),
		shared(4, "2M, queue of 1 s", rate(2*m), func(c *link.Config) { c.Queue = time.Second }),
		shared(10, "20M", rate(20*m)),
		path("join on 600k", minute, rate(6*m/10)),
		path("starved 100k", minute, steps(20*time.Second, 2*m, m/10, 2*m)),
		path("policed 2M 100k 2M", minute, steps(20*time.Second, 2*m, m/10, 2*m), policed),
		path("policed 2M 300k 2M", minute, steps(20*time.Second, 2*m, 3*m/10, 2*m), policed),
		path("queue of 25 ms, 2M 100k 2M", minute, steps(20*time.Second, 2*m, m/10, 2*m), func(c *link.Config) { c.Queue = 25 * time.Millisecond }),
		svc("SVC with keys, 4M 1M 4M", SVCKey, steps(20*time.Second, 4*m, m, 4*m)),
		svc("SVC with keys, 4M 400k 4M", SVCKey, steps(20*time.Second, 4*m, 4*m/10, 4*m)),
		svc("full SVC, 4M 1M 4M", SVCFull, steps(20*time.Second, 4*m, m, 4*m)),
		svc("full SVC, 4M 400k 4M", SVCFull, steps(20*time.Second, 4*m, 4*m/10, 4*m)),
		captured("VP9 as captured, caps", SVCKey),
		captured("AV1 as captured, caps", SVCFull),
		sound("sound only, 100k", minute, rate(m/10)),
		capped("capped to 700k", path("", minute), 7*m/10),
		capped("capped to 700k, steady 4M", path("", minute, rate(4*m)), 7*m/10),
		player("by REMB, 3M", Player{Tells: true}, rate(3*m)),
		player("by REMB, 4M 1M 4M", Player{Tells: true}, steps(20*time.Second, 4*m, m, 4*m)),
		player("without RTX, 2M", Player{NoRTX: true}, rate(2*m)),
		player("without RTX, 4M 400k 4M", Player{NoRTX: true}, steps(20*time.Second, 4*m, 4*m/10, 4*m)),
		player("without sound, starved 60k", Player{NoSound: true}, steps(20*time.Second, 2*m, 6*m/100, 2*m)),
		player("sound without numbers, starved 60k", Player{Deaf: true}, steps(20*time.Second, 2*m, 6*m/100, 2*m)),
		player("sound without numbers, 2M 280k", Player{Deaf: true}, steps(20*time.Second, 2*m, 28*m/100)),
	}
	for i := range all {
		if c := &all[i].Link; len(c.Others) > 0 || c.Bursts.Every > 0 || c.Queue > 0 && c.Queue < link.DefaultQueue {
			all[i].Runs = 8
		}
		if all[i].Link.Bucket > 0 {
			all[i].Runs = 24 // whether a probe is misled by the bucket is chance
		}
	}
	return all
}

// path is a scenario on a path with a round trip of 50 ms and changes to it.
func path(name string, length time.Duration, changes ...func(*link.Config)) Scenario {
	c := link.Config{Seed: 1, Delay: []link.Shift{{Delay: 25 * time.Millisecond}}, Back: 25 * time.Millisecond}
	for _, change := range changes {
		change(&c)
	}
	return Scenario{Name: name, Link: c, Length: length}
}

// svc is a scenario of a minute with an encoding of spatial layers.
func svc(name string, kind SVC, changes ...func(*link.Config)) Scenario {
	s := path(name, time.Minute, changes...)
	s.SVC = kind
	return s
}

// capped is a scenario of a session with a cap.
func capped(name string, s Scenario, bitrate int64) Scenario {
	s.Name, s.Cap = name, bitrate
	return s
}

// shared is a scenario of a minute of several subscribers behind one bottleneck, who join one
// after the other.
func shared(subscribers int, name string, changes ...func(*link.Config)) Scenario {
	s := path(fmt.Sprintf("%d subscribers on %s", subscribers, name), time.Minute, changes...)
	s.Subscribers, s.Apart, s.Runs = subscribers, 1500*time.Millisecond, 8
	return s
}

// player is a scenario of a minute of who negotiated something else than browsers do.
func player(name string, p Player, changes ...func(*link.Config)) Scenario {
	s := path(name, time.Minute, changes...)
	s.Player = p
	return s
}

// policed drops what is too much, after a burst of a token bucket: nothing waits.
func policed(c *link.Config) { c.Queue, c.Bucket = time.Millisecond, 16_000 }

func sound(name string, length time.Duration, changes ...func(*link.Config)) Scenario {
	s := path(name, length, changes...)
	s.AudioOnly = true
	return s
}
