package link

import (
	"math"
	"testing"
	"time"
)

const ms = time.Millisecond

// flood sends packets of 1,250 bytes at a bitrate for so long; it returns how many
// arrived, and when the last did.
func flood(l *Link, bitrate int64, d time.Duration) (arrived int, last time.Duration) {
	gap := time.Duration(1250 * 8 * int64(time.Second) / bitrate)
	for at := time.Duration(0); at < d; at += gap {
		if when, ok := l.Send(at, 1250); ok {
			arrived++
			last = max(last, when)
		}
	}
	return arrived, last
}

func TestBottleneckCarriesItsCapacity(t *testing.T) {
	l := New(Config{Capacity: []Step{{Bitrate: 1_000_000}}, Delay: []Shift{{Delay: 20 * ms}}})
	arrived, last := flood(l, 2_000_000, 10*time.Second)
	if rate := float64(arrived*1250*8) / (last - 20*ms).Seconds(); math.Abs(rate-1e6) > 2e3 {
		t.Errorf("a link of 1 Mbit/s carried %.0f bit/s", rate)
	}
	if q := l.Queued(10 * time.Second); q < 290*ms || q > 311*ms {
		t.Errorf("its queue is %v long, want what is not said: %v", q, DefaultQueue)
	}
	if c := l.Counts(); c.Overflowed != c.Sent-arrived || c.Lost != 0 {
		t.Errorf("counts %+v, %d arrived", c, arrived)
	}
}

// TestCapacityChangesAmidAPacket: what is left of it goes at the new bitrate.
func TestCapacityChangesAmidAPacket(t *testing.T) {
	l := New(Config{Capacity: []Step{{Bitrate: 1_000_000}, {At: 5 * ms, Bitrate: 500_000}, {At: 9 * ms, Bitrate: 2_000_000}}})
	// 5 ms of 1 Mbit/s, 4 ms of 500 kbit/s, 1.5 ms of 2 Mbit/s are 10,000 bits.
	if at, _ := l.Send(0, 1250); at != 10500*time.Microsecond {
		t.Errorf("arrived after %v", at)
	}
}

func TestUnlimitedLinkHasNoQueue(t *testing.T) {
	l := New(Config{Delay: []Shift{{Delay: 10 * ms}, {At: time.Second, Delay: 50 * ms}}})
	if at, ok := l.Send(0, 1250); at != 10*ms || !ok {
		t.Errorf("arrived after %v", at)
	}
	if at, _ := l.Send(2*time.Second, 1250); at != 2*time.Second+50*ms {
		t.Errorf("on the longer way, arrived at %v", at)
	}
}

func TestBucketPassesAtOnce(t *testing.T) {
	l := New(Config{Capacity: []Step{{Bitrate: 1_000_000}}, Bucket: 12_500})
	for i := range 10 {
		if at, _ := l.Send(time.Second, 1250); at != time.Second {
			t.Errorf("packet %d of a full bucket arrived %v later", i, at-time.Second)
		}
	}
	if at, _ := l.Send(time.Second, 1250); at != time.Second+10*ms {
		t.Errorf("the one behind it arrived %v later", at-time.Second)
	}
}

func TestLossIsWhatWasAskedFor(t *testing.T) {
	l := New(Config{Seed: 1, Loss: 0.1})
	arrived, _ := flood(l, 10_000_000, 20*time.Second)
	if loss := 1 - float64(arrived)/20_000; math.Abs(loss-0.1) > 0.01 {
		t.Errorf("%.3f was lost", loss)
	}
	lost := 0
	l = New(Config{Seed: 1, BackLoss: 0.2, Back: 30 * ms})
	for range 10_000 {
		at, ok := l.Return(time.Second)
		if !ok {
			lost++
		} else if at != time.Second+30*ms {
			t.Fatalf("came back after %v", at-time.Second)
		}
	}
	if lost < 1800 || lost > 2200 {
		t.Errorf("%d of 10,000 were lost on the way back", lost)
	}
}

func TestBurstsLoseInBursts(t *testing.T) {
	l := New(Config{Seed: 3, Bursts: Bursts{Every: time.Second, Length: 100 * ms, Loss: 1}})
	lost, bursts, before := 0, 0, true
	for at := time.Duration(0); at < 1000*time.Second; at += ms {
		_, ok := l.Send(at, 100)
		if !ok {
			lost++
			if before {
				bursts++
			}
		}
		before = ok
	}
	if share := float64(lost) / 1_000_000; share < 0.075 || share > 0.11 {
		t.Errorf("%.3f was lost, want about a tenth", share)
	}
	if bursts < 800 || bursts > 1020 {
		t.Errorf("in %d bursts, want about 900", bursts)
	}
}

func TestJitterKeepsOrderUnlessToldOtherwise(t *testing.T) {
	for _, reorder := range []bool{false, true} {
		l := New(Config{Seed: 1, Jitter: 50 * ms, Reorder: reorder, Delay: []Shift{{Delay: 10 * ms}}})
		last, early, most := time.Duration(0), 0, time.Duration(0)
		for at := time.Duration(0); at < 10*time.Second; at += 10 * ms {
			when, _ := l.Send(at, 100)
			if when < last {
				early++
			}
			last = when
			most = max(most, when-at)
		}
		if reorder != (early > 100) || !reorder && early > 0 || most > 60*ms || most < 55*ms {
			t.Errorf("reorder %v: %d came before the one before, the most was %v", reorder, early, most)
		}
	}
}

func TestSteadyTrafficTakesItsShare(t *testing.T) {
	l := New(Config{Capacity: []Step{{Bitrate: 3_000_000}}, Others: []Traffic{{Start: time.Second, End: 11 * time.Second, Bitrate: 2_000_000}}})
	arrived, _ := flood(l, 2_000_000, 12*time.Second)
	mine, others := float64(arrived)*1e4/12, float64(l.Delivered(0)*8)/10
	if math.Abs(others-1.5e6) > 2e5 || mine < 1.5e6 || mine > 1.8e6 {
		t.Errorf("of 3 Mbit/s, steady traffic got %.0f, the rest %.0f", others, mine)
	}
}

// TestGreedyTrafficFillsTheLink: alone it uses nearly all, two share it, and one that
// ends is gone.
func TestGreedyTrafficFillsTheLink(t *testing.T) {
	l := New(Config{Capacity: []Step{{Bitrate: 4_000_000}}, Queue: 100 * ms, Others: []Traffic{{}, {Start: 30 * time.Second, End: 90 * time.Second}}})
	l.Queued(30 * time.Second)
	if rate := float64(l.Delivered(0)*8) / 30; rate < 3.7e6 {
		t.Errorf("alone it got %.0f bit/s", rate)
	}
	before := l.Delivered(0)
	l.Queued(90 * time.Second)
	a, b := float64((l.Delivered(0)-before)*8)/60, float64(l.Delivered(1)*8)/60
	if a+b < 3.7e6 || a/b > 1.5 || b/a > 1.5 {
		t.Errorf("two got %.0f and %.0f bit/s", a, b)
	}
	l.Queued(91 * time.Second)
	gone := l.Delivered(1)
	l.Queued(95 * time.Second)
	if l.Delivered(1) != gone {
		t.Error("one that ended goes on")
	}
}

// TestOneSeedIsOneRun: the same seed gives the same run, another one another.
func TestOneSeedIsOneRun(t *testing.T) {
	run := func(seed uint64) (sum time.Duration) {
		l := New(Config{Seed: seed, Loss: 0.1, Jitter: 10 * ms, Reorder: true, Capacity: []Step{{Bitrate: 1_000_000}}, Others: []Traffic{{}}})
		for at := time.Duration(0); at < 5*time.Second; at += 10 * ms {
			when, _ := l.Send(at, 500)
			sum += when
		}
		return sum
	}
	if first := run(1); run(1) != first || run(2) == first {
		t.Error("a run does not depend on its seed alone")
	}
}

func TestReceiverTellsWhatArrived(t *testing.T) {
	var r Receiver
	if b := r.Feedback(nil); len(b) > 0 {
		t.Errorf("% x of nothing", b)
	}
	for _, a := range []Arrival{{65534, ms}, {65535, 2 * ms}, {1, 3 * ms}} {
		r.Receive(a.Number, a.At)
	}
	if base, n := head(r.Feedback(nil)); base != 65534 || n != 4 {
		t.Errorf("%d packets from %d on", n, base)
	}
	if b := r.Feedback(nil); len(b) > 0 {
		t.Error("the same is told twice")
	}
	r.Receive(0, 5*ms) // late: told again with what is behind it
	if base, n := head(r.Feedback(nil)); base != 0 || n != 2 {
		t.Errorf("%d packets from %d on", n, base)
	}
}

func head(b []byte) (base uint16, n int) {
	return uint16(b[8])<<8 | uint16(b[9]), int(b[10])<<8 | int(b[11])
}

// TestReceiverClock: its times are by a clock of its own.
func TestReceiverClock(t *testing.T) {
	r := Receiver{Offset: 64 * time.Second, Drift: 0.5}
	r.Receive(1, 2*time.Second)
	b := r.Feedback(nil)
	if reference := int(b[12])<<16 | int(b[13])<<8 | int(b[14]); reference != 67_000/64 {
		t.Errorf("2 s are at %d units, want those of 67 s", reference)
	}
}
