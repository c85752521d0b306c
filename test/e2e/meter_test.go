//go:build e2e

package e2e

import (
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
	before := offset(t, right)
	right.Stop(t)
	late := open().Direct(t, "late", harness.Fault{Late: 0.3})
	after := offset(t, late)
	t.Logf("offset %.0f ms, with late beeps %.0f ms", before, after)
	if moved := before - after; moved < 200 || moved > 400 {
		t.Errorf("beeps late by 300 ms moved the measured offset by %.0f ms, from %.0f to %.0f", moved, before, after)
	}
	if err := synchronous(t, late, 2); err == nil {
		t.Errorf("picture and sound %v apart pass for synchronous", 300*time.Millisecond)
	}
}

func offset(t *testing.T, s *harness.Session) float64 {
	t.Helper()
	s.AwaitFrames(t, 60, startsWithin)
	for range looks {
		if offset, ok := s.Synchrony(t, flashesSeen).Offset(); ok {
			return offset
		}
	}
	t.Fatalf("never saw three flashes with their beeps in %v, in %d tries", flashesSeen, looks)
	return 0
}
