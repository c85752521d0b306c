package forwardertest

import (
	"testing"
	"time"
)

func TestOneEncoding(t *testing.T) {
	for seed := range uint64(5) {
		w := New(seed, Options{Interval: 10 * time.Second, IgnoreRequests: true})
		w.Run(2 * time.Minute)
		if err := w.Err(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for _, s := range w.subs {
			if age := w.now.Sub(s.lastShow); s.shown < 1700 || age > 50*time.Millisecond {
				t.Errorf("seed %d: subscriber %d saw %d frames, the last %v old", seed, s.index, s.shown, age)
			}
		}
	}
}

func TestHardships(t *testing.T) {
	bad := Network{Loss: 0.03, Duplicate: 0.01, Delay: 20 * time.Millisecond, Jitter: 60 * time.Millisecond}
	for name, opt := range map[string]Options{
		"loss":      {Up: bad, Down: bad, RTX: true, TransportCC: true, Interval: 2 * time.Second},
		"no rtx":    {Up: bad, Down: bad, Interval: 2 * time.Second},
		"deaf":      {Up: Network{Loss: 0.002, Delay: 20 * time.Millisecond, Jitter: 60 * time.Millisecond}, Down: bad, RTX: true, IgnoreRequests: true, IgnoreNacks: true, Interval: 5 * time.Second},
		"simulcast": {Up: bad, Down: bad, RTX: true, Encodings: 3, Vanish: 5 * time.Second, Restart: 20 * time.Second},
		"restarts":  {Restart: 5 * time.Second, Interval: 3 * time.Second, Rejoin: 5 * time.Second},
		"h264":      {H264: true, StripParameters: true, Up: bad, Down: bad, Interval: 4 * time.Second, Rejoin: 5 * time.Second, Restart: 20 * time.Second},
		"stalls":    {PauseSubscribers: 3 * time.Second, Interval: 2 * time.Second, Rejoin: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				w := New(seed, opt)
				w.Run(2 * time.Minute)
				if err := w.Err(); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				for _, s := range w.subs {
					t.Logf("seed %d sub %d: %d frames, longest gap %v, age %v, life %v", seed, s.index, s.shown, s.longest, w.now.Sub(s.lastShow), w.now.Sub(s.joined))
				}
			}
		})
	}
}
