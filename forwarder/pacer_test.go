package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// pace sends packets of 1,200 bytes as soon as the pacer allows and returns when each
// left, from now on.
func pace(p *forwarder.Pacer, now time.Time, packets int) []time.Duration {
	var left []time.Duration
	for at := now; len(left) < packets; {
		if p.Allow(at, 1200) {
			left = append(left, at.Sub(now))
			continue
		}
		at = p.Next()
	}
	return left
}

func TestPacerWithoutBitrateHoldsNothingBack(t *testing.T) {
	var p forwarder.Pacer
	if left := pace(&p, start, 1000); left[999] != 0 || !p.Next().IsZero() {
		t.Errorf("the last of 1,000 packets left after %v", left[999])
	}
	p.Set(start, 1_000_000)
	pace(&p, start, 100)
	p.Set(start, 0)
	if left := pace(&p, start, 1000); left[999] != 0 {
		t.Errorf("once it paces no more, the last of 1,000 packets left after %v", left[999])
	}
}

func TestPacerLetsSmallFramesPass(t *testing.T) {
	var p forwarder.Pacer
	p.Set(start, 500_000)
	for i := range 100 {
		now := start.Add(time.Duration(i) * 200 * time.Millisecond)
		if left := pace(&p, now, 10); left[9] != 0 {
			t.Fatalf("frame %d: the last of ten packets left after %v", i, left[9])
		}
	}
}

func TestPacerSpreadsKeyframes(t *testing.T) {
	var p forwarder.Pacer
	p.Set(start, 10_000_000)
	left := pace(&p, start, 52) // 50 kB, and what may leave at once
	if last := left[51]; last < 35*time.Millisecond || last > 45*time.Millisecond {
		t.Errorf("50 kB at 10 Mbit/s took %v", last)
	}
	for i := 12; i < 52; i++ {
		if gap := left[i] - left[i-1]; gap > time.Millisecond {
			t.Errorf("packet %d left %v after the one before", i, gap)
		}
	}
}

// TestPacerSetOftenKeepsItsPace: to set the bitrate anew at each packet gives nothing.
func TestPacerSetOftenKeepsItsPace(t *testing.T) {
	var p forwarder.Pacer
	sent, now := 0, start
	for ; now.Sub(start) < time.Second; now = now.Add(time.Millisecond) {
		p.Set(now, 1_000_000)
		for p.Allow(now, 1200) {
			sent += 1200
		}
	}
	if sent < 135_000 || sent > 140_000 { // a second's, the depth, and a packet
		t.Errorf("%d bytes left in a second at 1 Mbit/s", sent)
	}
}

// TestPacerTimeStepsBack: nothing is lost or won.
func TestPacerTimeStepsBack(t *testing.T) {
	var p forwarder.Pacer
	p.Set(start, 1_000_000)
	pace(&p, start, 11)
	if p.Allow(start.Add(-time.Hour), 1200) {
		t.Error("a packet too much may leave an hour ago")
	}
	if next := p.Next(); next.Before(start) || next.After(start.Add(20*time.Millisecond)) {
		t.Errorf("the next may leave %v later", next.Sub(start))
	}
}

// TestPacerLeavesInSteps: at a high bitrate what is due in five milliseconds leaves at
// once, after a pause.
func TestPacerLeavesInSteps(t *testing.T) {
	var p forwarder.Pacer
	p.Set(start, 80_000_000)
	left := pace(&p, start.Add(time.Second), 60)
	atOnce := 0
	for _, at := range left {
		if at == 0 {
			atOnce++
		}
	}
	if atOnce != 42 { // 50 kB, and the packet that goes over it
		t.Errorf("%d packets of 1,200 bytes left at once at 80 Mbit/s", atOnce)
	}
}

// A network whose queue is full is sent packet after packet, nothing at once.
func TestPacerIsEvenWhereAQueueIsFull(t *testing.T) {
	var p forwarder.Pacer
	p.Set(start, 10_000_000)
	now := start.Add(time.Second)
	p.SetEven(now, 240_000)
	for i, left := range pace(&p, now, 10) {
		if want := time.Duration(i) * 40 * time.Millisecond; left < want || left > want+time.Millisecond {
			t.Errorf("packet %d of 40 ms left after %v", i, left)
		}
	}
	now = now.Add(10 * time.Second)
	p.Set(now, 240_000)
	p.Allow(now.Add(time.Second), 0)
	if left := pace(&p, now.Add(time.Second), 10); left[9] != 0 {
		t.Errorf("with room again, the last of ten packets left after %v", left[9])
	}
}
