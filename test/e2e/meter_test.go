//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// The checks of the other tests must see the faults they are there for. No node is involved.
func TestChecksSeeFaults(t *testing.T) {
	browser, url := harness.NewBrowser(t), harness.ServePages(t)
	open := func() *harness.Page { return browser.Open(t, url, harness.View{}) }

	still := open().Direct(t, "still", harness.Fault{Still: true})
	still.AwaitFrames(t, 10, startsWithin)
	if err := moves(t, still); err == nil {
		t.Error("a black picture passes for one that moves")
	}
	still.Stop(t)

	right := open().Direct(t, "right", harness.Fault{})
	right.AwaitFrames(t, 60, startsWithin)
	wantSync(t, right) // without a server
	share := offset(t, right)
	right.Stop(t)
	late := open().Direct(t, "late", harness.Fault{Late: lateBy.Seconds()})
	late.AwaitFrames(t, 60, startsWithin)
	if err := measures(t, late, share); err != nil {
		t.Error(err)
	}
	if err := synchronous(t, late, 1); err == nil {
		t.Errorf("picture and sound %v apart pass for synchronous", lateBy)
	}
}

// What is in the middle of several looks counts, and two are too few.
func TestOffsetsWithin(t *testing.T) {
	for name, c := range map[string]struct {
		offsets []float64
		ok      bool
	}{
		"small":           {[]float64{-90, 10, 95}, true},
		"one is large":    {[]float64{-400, 10, 20}, true},
		"two are large":   {[]float64{-400, -250, 20}, false},
		"large":           {[]float64{240, 250, 250, 260}, false},
		"two looks":       {[]float64{0, 0}, false},
		"nothing to tell": {nil, false},
	} {
		if err := within("seen and heard", c.offsets); (err == nil) != c.ok {
			t.Errorf("%s: %v of %v", name, err, c.offsets)
		}
	}
}

// offset returns what the meter reads in the first of several looks in which it sees and hears enough.
func offset(t *testing.T, s *harness.Session) float64 {
	t.Helper()
	for range looks {
		if offset, ok := s.Synchrony(t, flashesSeen).Offset(); ok {
			return offset
		}
	}
	t.Fatalf("saw fewer than three flashes with their beeps in each of %d looks", looks)
	return 0
}

// lateBy is how much later than its flash a beep sounds where that is the fault.
const lateBy = 250 * time.Millisecond

// measures returns nil if in one of several looks beeps are found as late as they are. share is what
// the meter reads, in milliseconds, where they are not late.
func measures(t *testing.T, late *harness.Session, share float64) error {
	t.Helper()
	const within = 100.0
	err := errors.New("not looked at")
	for range looks {
		offset, ok := late.Synchrony(t, flashesSeen).Offset()
		if !ok {
			continue
		}
		by := share - offset
		if math.Abs(by-float64(lateBy.Milliseconds())) <= within {
			return nil
		}
		err = fmt.Errorf("beeps are measured to be late by %.0f ms, want about %v", by, lateBy)
		t.Log(err)
	}
	return err
}
