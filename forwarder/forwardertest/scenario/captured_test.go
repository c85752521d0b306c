package scenario

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// A cap below the top layer of what Chromium sends does not let the picture stand still for a
// second, in the mean for half of one, and the layer that fits comes within three; ten seconds
// after its end the top layer is back, however often it came before.
func TestCapsOfCapturedLayers(t *testing.T) {
	const runs = 6
	for _, kind := range []SVC{SVCKey, SVCFull} {
		var sum time.Duration
		caps := 0
		for i := range runs {
			for _, e := range Play(rounds(kind, i)).capEvents() {
				most, within := time.Second, 3*time.Second
				if e.rate == uncapped {
					most, within = 300*time.Millisecond, 10*time.Second
				} else {
					sum += e.still
					caps++
				}
				if e.still > most || e.reached < 0 || e.reached > within {
					t.Errorf("SVC %d, run %d: %d kbit/s at %v: still for %v, the layer that fits after %v", kind, i, e.rate/1000, e.at, e.still, e.reached)
				}
			}
		}
		if mean := sum / time.Duration(caps); mean > 550*time.Millisecond {
			t.Errorf("SVC %d: still for %v in the mean", kind, mean)
		}
	}
}

// rounds caps the link six times, for about as long as the bars with a browser do: each layer is
// shown for three seconds and more. Some receivers are busy.
func rounds(kind SVC, i int) Scenario {
	s := captured("", kind)
	at := 12*time.Second + time.Duration(i)*phase
	s.Link.Capacity = s.Link.Capacity[:1]
	for j := range 6 {
		rate := [2]int64{capLowest, capMiddle}[j%2]
		s.Link.Capacity = append(s.Link.Capacity, link.Step{At: at, Bitrate: rate})
		at += 3500*time.Millisecond + time.Duration(i*7%10)*100*time.Millisecond
		s.Link.Capacity = append(s.Link.Capacity, link.Step{At: at, Bitrate: uncapped})
		at += 7*time.Second + time.Duration(i*3%10)*400*time.Millisecond
	}
	s.Length = at
	s.Busy = time.Duration(i%3) * 5 * time.Millisecond
	return s
}

// A capEvent is what a cap, or its end, did to the picture.
type capEvent struct {
	at      time.Duration
	rate    int64
	still   time.Duration // longest time without a new picture until the next event
	reached time.Duration // until the best layer that fits was sent; -1: never
}

// capEvents are those of a run.
func (r *Run) capEvents() (all []capEvent) {
	steps := r.s.Link.Capacity
	for i, s := range steps[1:] {
		end := r.s.Length
		if i+2 < len(steps) {
			end = steps[i+2].At
		}
		all = append(all, capEvent{s.At, s.Bitrate, r.still(s.At, end), r.reached(s.At, end)})
	}
	return all
}

// still is the longest time without a new picture from one point to another.
func (r *Run) still(from, to time.Duration) (longest time.Duration) {
	last := from
	for _, f := range r.recv.shown {
		if f.at > from && f.at <= to {
			longest = max(longest, f.at-last)
		}
		if f.at <= to {
			last = max(last, f.at)
		}
	}
	return max(longest, to-last)
}

// reached is how long it took to the best layer that fits.
func (r *Run) reached(from, to time.Duration) time.Duration {
	want := r.fitting(from).height()
	for i := range r.Samples {
		x := &r.Samples[i]
		if x.At >= from && x.At < to && !x.Choice.Paused && r.height(x.Choice) == want {
			return x.At - from
		}
	}
	return -1
}

// The keyframe that a track was squeezed for is sent once: its copy would fill the queue.
func TestSqueezedTrackBeginsOnce(t *testing.T) {
	for i := range 4 {
		s := rounds(SVCKey, i)
		r := Play(s)
		if begun, caps := r.sub.Track(codec.Video).Counts().Keyframes, uint64(6); begun > 1+caps {
			t.Errorf("run %d: began %d times, with %d caps", i, begun, caps)
		}
	}
}
