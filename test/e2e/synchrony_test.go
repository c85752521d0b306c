//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/whippet-media/whippet/test/harness"
)

// wantSync checks that flashes and beeps are seen and heard together, and that the browser's own
// idea of it, from the sender reports, agrees. A machine that is too busy keeps a browser from that
// whatever comes: then it is held against what the browser makes at the same time of a stream that
// needs no server.
func wantSync(t *testing.T, s *harness.Session) {
	t.Helper()
	err := synchronous(t, s, looks)
	if err == nil {
		return
	}
	beside := s.Beside(t)
	defer beside.Stop(t)
	beside.AwaitFrames(t, 60, startsWithin)
	if worse := asSynchronous(t, s, beside, looks); worse != nil {
		t.Error(errors.Join(err, worse))
	}
}

// asSynchronous returns nil if picture and sound of a session are hardly further apart than those
// of another one of its page, in the middle of several looks.
func asSynchronous(t *testing.T, s, beside *harness.Session, looks int) error {
	t.Helper()
	var measured, reported []float64
	for range looks {
		this, other := s.SynchronyBeside(t, beside, flashesSeen)
		a, ok := this.Offset()
		b, both := other.Offset()
		if ok && both {
			measured = append(measured, a-b)
		}
		a, ok = s.PlayoutOffset(t)
		b, both = beside.PlayoutOffset(t)
		if ok && both {
			reported = append(reported, b-a)
		}
	}
	t.Logf("picture less sound, beyond what the browser does by itself: %.0f ms seen and heard, %.0f ms by sender reports", measured, reported)
	return errors.Join(within("seen and heard", measured), within("by sender reports", reported))
}

// within returns nil if what is in the middle of several offsets is small.
func within(how string, offsets []float64) error {
	if len(offsets) < 3 {
		return fmt.Errorf("%d looks tell something, %s; want three", len(offsets), how)
	}
	if middle := slices.Sorted(slices.Values(offsets))[len(offsets)/2]; math.Abs(middle) > mostOffset {
		return fmt.Errorf("picture and sound are %.0f ms further apart than without a server, %s; want at most %d", middle, how, mostOffset)
	}
	return nil
}

// synchronous looks at a session several times, until flashes and beeps were once seen and heard
// together and the sender reports once agreed. What is wrong with the stream is wrong in every
// look; what a busy machine does to one look is not. The two need not come in the same look.
func synchronous(t *testing.T, s *harness.Session, looks int) error {
	t.Helper()
	measured, reported := errors.New("not looked at"), errors.New("not looked at")
	for range looks {
		if err := seenWithHeard(t, s); measured != nil {
			measured = err
		}
		if err := shownWithPlayed(t, s); reported != nil {
			reported = err
		}
		if measured == nil && reported == nil {
			return nil
		}
		t.Log(errors.Join(measured, reported))
	}
	return errors.Join(measured, reported)
}

// seenWithHeard returns nil if flashes are seen when their beeps are heard.
func seenWithHeard(t *testing.T, s *harness.Session) error {
	t.Helper()
	y := s.Synchrony(t, flashesSeen)
	if y.Loudest < 0.1 {
		return fmt.Errorf("loudest sample is %.3f, want sound", y.Loudest)
	}
	offset, ok := y.Offset()
	if !ok {
		return fmt.Errorf("saw %d flashes and heard %d beeps, %d together; want three", len(y.Flashes), len(y.Beeps), len(y.Offsets))
	}
	t.Logf("picture less sound: %.0f ms, seen and heard", offset)
	if math.Abs(offset) > mostOffset {
		return fmt.Errorf("picture and sound are %.0f ms apart, want at most %d", offset, mostOffset)
	}
	return nil
}

// shownWithPlayed returns nil if what is shown and what is played were made together, by the
// publisher's clock in the sender reports.
func shownWithPlayed(t *testing.T, s *harness.Session) error {
	t.Helper()
	playout, known := s.PlayoutOffset(t)
	if !known {
		return errors.New("the browser knows no playout time of picture and sound: no sender reports?")
	}
	t.Logf("picture less sound: %.0f ms, by sender reports", -playout)
	if math.Abs(playout) > mostOffset {
		return fmt.Errorf("picture and sound are %.0f ms apart by sender reports, want at most %d", playout, mostOffset)
	}
	return nil
}
