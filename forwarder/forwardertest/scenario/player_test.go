package scenario

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// dip is a link that is narrow from 20 s on, for so long.
func dip(low int64, length time.Duration) func(*link.Config) {
	return func(c *link.Config) {
		c.Capacity = []link.Step{{Bitrate: 2_000_000}, {At: 20 * time.Second, Bitrate: low}, {At: 20*time.Second + length, Bitrate: 2_000_000}}
	}
}

// pausedIn is how long video paused in a span.
func (r *Run) pausedIn(from, to time.Duration) (sum time.Duration) {
	for i := range r.Samples {
		if x := &r.Samples[i]; x.At >= from && x.At < to && x.Choice.Paused {
			sum += 100 * time.Millisecond
		}
	}
	return sum
}

// Video that paused comes back by itself where nothing but video tells what arrives: then
// nothing is told while it pauses.
func TestAPauseEndsWhereOnlyVideoIsHeardOf(t *testing.T) {
	one := []Encoding{{"f", 1280, 720, 1_500_000}}
	for name, s := range map[string]Scenario{
		"no sound":              {Player: Player{NoSound: true}},
		"no sound, one layer":   {Player: Player{NoSound: true}, Encodings: one},
		"sound is not heard of": {Player: Player{Deaf: true}},
	} {
		for _, low := range []int64{40_000, 60_000} {
			for _, length := range []time.Duration{4 * time.Second, 20 * time.Second} {
				p := path(name, 100*time.Second, dip(low, length))
				p.Player, p.Encodings = s.Player, s.Encodings
				r := Play(p)
				end := 20*time.Second + length
				if r.pausedIn(0, end) == 0 {
					t.Errorf("%s, %d kbit/s for %v: it did not pause", name, low/1000, length)
				}
				if paused := r.pausedIn(end, p.Length); paused > 12*time.Second || r.Samples[len(r.Samples)-1].Choice.Paused {
					t.Errorf("%s, %d kbit/s for %v: paused for %v after that", name, low/1000, length, paused)
				}
			}
		}
	}
}

// A receiver that estimates itself is not flooded to find out whether it would estimate more:
// what is sent beside video is half of what it says at most, and less and less often.
func TestProbesOfAReceiverThatEstimatesAreBounded(t *testing.T) {
	const remb = 400_000
	s := path("REMB of 400 kbit/s", time.Minute)
	s.Player.REMB = remb
	r := Play(s)
	sum := 0
	for second, probes := range r.probes {
		if second >= 20 {
			sum += probes
		}
		if second > 1 && r.bytes[second]*8 > remb*17/10 {
			t.Errorf("second %d: %d kbit/s, of it %d in probes, where the receiver says %d", second, r.bytes[second]*8/1000, probes*8/1000, remb/1000)
		}
	}
	if mean := sum * 8 / 40; mean > remb/4 || sum == 0 {
		t.Errorf("%d kbit/s of probes in the mean from 20 s on", mean/1000)
	}
	if got := r.sub.Estimate(); got < remb*9/10 || got > remb {
		t.Errorf("the estimate is %d", got)
	}
}

// Without a stream of retransmissions there are no probes, and the estimate is known as soon.
func TestTheEstimateIsKnownWithoutProbes(t *testing.T) {
	for _, capacity := range []int64{600_000, 2_000_000, 0} {
		s := path("no RTX", 30*time.Second, func(c *link.Config) { c.Capacity = []link.Step{{Bitrate: capacity}} })
		s.Player.NoRTX = true
		r := Play(s)
		known := time.Duration(-1)
		for i := range r.Samples {
			if x := &r.Samples[i]; known < 0 && x.Estimate > 0 {
				known = x.At
			}
		}
		if known < 0 || known > 1500*time.Millisecond {
			t.Errorf("%d kbit/s: known at %v", capacity/1000, known)
		}
		if got := r.Score(); got.Longest > 1.5 { // the first two seconds are a try
			t.Errorf("%d kbit/s: a freeze of %.1f s", capacity/1000, got.Longest)
		}
	}
}

// Into a link that died less and less is sent, and what it carried comes back with it.
func TestLittleIsSentIntoADeadLink(t *testing.T) {
	const dies, back = 20, 40
	s := path("dead link", time.Minute, func(c *link.Config) {
		c.Capacity = []link.Step{{}, {At: dies * time.Second, Bitrate: 100}, {At: back * time.Second}}
	})
	r := Play(s)
	if was, is := r.bytes[dies-2], r.bytes[dies+8]; is > was/10 {
		t.Errorf("%d bytes in a second, %d in the eighth after the link died", was, is)
	}
	if got := r.reached(back*time.Second, s.Length); got < 0 || got > 10*time.Second {
		t.Errorf("the top layer is back %v after the link is", got)
	}
}

// A link that was fast and far away is known to be narrow however much is on its way by then.
func TestMuchOnItsWay(t *testing.T) {
	for bitrate, way := range map[int64]time.Duration{20_000_000: 250 * time.Millisecond, 16_000_000: 300 * time.Millisecond, 12_000_000: 400 * time.Millisecond} {
		s := path("50M 2M", time.Minute, func(c *link.Config) {
			c.Capacity = []link.Step{{Bitrate: 50_000_000}, {At: 30 * time.Second, Bitrate: 2_000_000}}
			c.Delay, c.Back = []link.Shift{{Delay: way}}, way
		})
		s.Encodings = Encodings()
		s.Encodings[2].Bitrate = bitrate
		r := Play(s)
		if still := r.still(30*time.Second, s.Length); still > 5*time.Second || r.sub.Estimate() > 2_500_000 {
			t.Errorf("%d Mbit/s, %v away: still for %v, the estimate is %d kbit/s in the end", bitrate/1_000_000, way, still, r.sub.Estimate()/1000)
		}
	}
}

// Where only video has transport-wide numbers the estimate is video's alone: sound is not taken
// off it again, nor added to what is wanted of it.
func TestSoundThatIsNotHeardOfIsNotTakenOff(t *testing.T) {
	for _, capacity := range []int64{280_000, 300_000} {
		s := path("sound is not heard of", time.Minute, func(c *link.Config) {
			c.Capacity = []link.Step{{Bitrate: 2_000_000}, {At: 20 * time.Second, Bitrate: capacity}}
		})
		both := Rate(s)
		s.Player.Deaf = true
		if got := Rate(s); got.Utilisation < both.Utilisation-0.02 {
			t.Errorf("%d kbit/s: utilisation %.2f, with numbers on sound %.2f", capacity/1000, got.Utilisation, both.Utilisation)
		}
	}
}
