//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	// selectWithin is how long a layer chosen by hand may take, on a busy machine, from a
	// publisher that makes keyframes when asked.
	selectWithin = 1500 * time.Millisecond

	// leastOfBase and mostOfBase bound the frames of the lowest of three temporal layers, as a
	// share of all: it has every fourth.
	leastOfBase = 0.15
	mostOfBase  = 0.4
)

// followsSelection chooses layers by hand, on a link that carries all of them and loses nothing.
func followsSelection(t *testing.T, w *harness.Watched) {
	start := w.Now(t)
	low, middle, top := w.Heights[0], w.Heights[1], w.Heights[2]
	choose(t, w, w.Layer(0), low)
	choose(t, w, w.Layer(2), top)
	choose(t, w, w.Layer(1), middle)
	if w.Temporal > 1 {
		base := w.Layer(1)
		base.Temporal = new(int)
		choose(t, w, base, middle)
		wantFrames(t, w, "the lowest temporal layer", leastOfBase, mostOfBase)
		choose(t, w, w.Layer(1), middle)
		wantFrames(t, w, "all temporal layers", leastFrames, allFrames)
	}
	choose(t, w, harness.Layer{MaxHeight: low}, low) // the automatic choice, within bounds

	o := w.After(t, func() { wantSelected(t, w.Select(t, nil)) }, exactly(top), upWithin, staysFor)
	wantSmooth(t, "back to the automatic choice", o, mostStillAtChange)
	wantDecodable(t, w.Trace(t, start))
}

// choose asks for a layer and checks that its height is shown soon, by one keyframe at most.
func choose(t *testing.T, w *harness.Watched, layer harness.Layer, height int) {
	t.Helper()
	o := w.After(t, func() { wantSelected(t, w.Select(t, &layer)) }, exactly(height), selectWithin, staysFor/2)
	wantSmooth(t, layer.String(), o, mostStillAtChange)
	if n := o.KeyframesUntil(o.At + o.Took); n > 1 {
		t.Errorf("%v: came with keyframe number %d after it was asked for, want the first\n%s", layer, n, o.Evidence())
	}
}

func wantSelected(t *testing.T, s harness.Selected) {
	t.Helper()
	if s.Status != 200 {
		t.Fatalf("choosing a layer: status %d, want 200: %s", s.Status, s.Body)
	}
}

// wantFrames checks the frame rate, in shares of the publisher's.
func wantFrames(t *testing.T, w *harness.Watched, what string, least, most float64) {
	t.Helper()
	o := w.Look(t, staysFor)
	verdict(t, what, o, frames(w, o, least, most))
}

// wantDecodable checks that the browser could decode all pictures of a stream of which nothing
// was lost on its way.
func wantDecodable(t *testing.T, trace harness.Trace) {
	t.Helper()
	lost := trace.Grown(func(p harness.Poll) int64 { return p.Lost })
	plis := trace.Grown(func(p harness.Poll) int64 { return p.PLIs })
	if lost > 0 || plis > 0 {
		t.Errorf("%d packets lost and %d keyframes asked for, want none\n%v", lost, plis, trace)
	}
}
