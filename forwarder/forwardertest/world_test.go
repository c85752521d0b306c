package forwardertest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// scenario is a set of options and what must hold for them.
type scenario struct {
	opt  Options
	most time.Duration // a picture may stand still on the way
}

var bad = Network{Loss: 0.03, Duplicate: 0.01, Delay: 20 * time.Millisecond, Jitter: 60 * time.Millisecond}

// scenarios are run with each seed.
func scenarios() map[string]scenario {
	near := Network{Delay: 20 * time.Millisecond}
	return map[string]scenario{
		"deaf encoder": {Options{Interval: 10 * time.Second, IgnoreRequests: true, Rejoin: 8 * time.Second}, time.Second},
		"healthy":      {Options{Up: near, Down: near, RTX: true, TransportCC: true, Padding: true, Steps: 10 * time.Second, Rejoin: 15 * time.Second}, time.Second},
		"healthy h264": {Options{Codec: codec.H264, StripParameters: true, Up: near, Down: near, Interval: 4 * time.Second, Rejoin: 8 * time.Second}, time.Second},
		"audio only":   {Options{AudioOnly: true, Up: bad, Down: bad, Rejoin: 8 * time.Second, Restart: 10 * time.Second}, time.Hour},
		"video only":   {Options{VideoOnly: true, Interval: 3 * time.Second, Rejoin: 8 * time.Second}, time.Second},
		"no markers":   {Options{NoMarkers: true, Encodings: 2, Vanish: 4 * time.Second, Interval: 2 * time.Second}, 4 * time.Second},
		"loss":         {Options{Up: bad, Down: bad, RTX: true, TransportCC: true, Interval: 2 * time.Second, Padding: true}, 3 * time.Second},
		"no rtx":       {Options{Up: bad, Down: bad, Interval: 2 * time.Second}, 3 * time.Second},
		"deaf":         {Options{Up: Network{Loss: 0.002, Delay: 20 * time.Millisecond, Jitter: 60 * time.Millisecond}, Down: bad, RTX: true, IgnoreRequests: true, IgnoreNacks: true, Interval: 5 * time.Second}, 12 * time.Second},
		"simulcast":    {Options{Up: bad, Down: bad, RTX: true, Encodings: 3, Vanish: 5 * time.Second, Restart: 20 * time.Second}, 10 * time.Second},
		"no reports":   {Options{Up: bad, Down: bad, Encodings: 2, Vanish: 5 * time.Second, NoSenderReports: true, Interval: 3 * time.Second}, 6 * time.Second},
		"restarts":     {Options{Restart: 5 * time.Second, Interval: 3 * time.Second, Rejoin: 5 * time.Second}, 8 * time.Second},
		"h264":         {Options{Codec: codec.H264, StripParameters: true, Up: bad, Down: bad, Interval: 4 * time.Second, Rejoin: 5 * time.Second, Restart: 20 * time.Second}, 10 * time.Second},
		"stalls":       {Options{PauseSubscribers: 3 * time.Second, Interval: 2 * time.Second, Rejoin: 20 * time.Second}, 5 * time.Second},
		"heavy":        {Options{Bitrate: 4_000_000, Interval: 6 * time.Second, IgnoreRequests: true, Rejoin: 6 * time.Second, Down: Network{Loss: 0.01, Delay: 50 * time.Millisecond, Jitter: 10 * time.Millisecond}, RTX: true}, 14 * time.Second},
	}
}

func (s *scenario) run(seed uint64, d time.Duration) *World {
	w := New(seed, s.opt)
	w.Run(d)
	w.checkEnd(s.most)
	return w
}

// TestScenarios runs each scenario with constant seeds. A seed that ever failed
// is added here and stays.
func TestScenarios(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := 0
			for _, seed := range []uint64{1, 7, 4711} {
				w := s.run(seed, 30*time.Second)
				events += w.events
				if err := w.Err(); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
			if events < 10_000 {
				t.Errorf("only %d events happened", events)
			}
		})
	}
}

// TestSeedsOfScenarios plays what sweeps found faults with.
func TestSeedsOfScenarios(t *testing.T) {
	for name, seeds := range map[string][]uint64{
		"h264":      {1008},       // parameter sets lost twice
		"simulcast": {1011, 1022}, // a request that was lost, two encodings that vanish
	} {
		s := scenarios()[name]
		for _, seed := range seeds {
			if err := s.run(seed, 2*time.Minute).Err(); err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
			}
		}
	}
}

// TestSweep runs as many seeds as fit the time in SOAKTIME; without it, none.
func TestSweep(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("SOAKTIME"))
	if err != nil {
		t.Skip("SOAKTIME is not set to a duration")
	}
	all := scenarios()
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			end := time.Now().Add(d / time.Duration(len(all)))
			for seed := uint64(1000); time.Now().Before(end); seed++ {
				if err := s.run(seed, 2*time.Minute).Err(); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

// TestReorderedPacketsPauseNothing: with these seeds packets that overtook each other came as
// evenly as behind a narrow bottleneck, and video was paused.
func TestReorderedPacketsPauseNothing(t *testing.T) {
	s := scenarios()["loss"]
	for _, seed := range []uint64{1008, 1020, 1026} {
		if err := s.run(seed, 2*time.Minute).Err(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// TestOneSeedIsOneRun: the same seed gives the same run, event by event.
func TestOneSeedIsOneRun(t *testing.T) {
	s := scenarios()["simulcast"]
	line := func() string {
		w := s.run(3, 30*time.Second)
		text := fmt.Sprint(w.events, w.sent, w.pubs)
		for _, sub := range w.subs {
			text += fmt.Sprint(" ", sub.shown, sub.longest)
		}
		return text
	}
	if a, b := line(), line(); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}
