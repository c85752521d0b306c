//go:build e2e

package e2e

import (
	"math"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	// selectWithin is how long a layer chosen by hand may take, on a busy machine, from a
	// publisher that makes keyframes when asked.
	selectWithin = 1500 * time.Millisecond

	// selectStays is how long such a layer must be shown.
	selectStays = time.Second

	// askedAgain is after how many milliseconds a keyframe is asked for again that has not come.
	askedAgain = 500

	// leastOfBase and mostOfBase bound the frames of the lowest of three temporal layers, as a
	// share of all: it has every fourth.
	leastOfBase = 0.15
	mostOfBase  = 0.4
)

// followsSelection chooses layers by hand, on a link that carries all of them and loses nothing.
func followsSelection(t *testing.T, w *harness.Watched) {
	start := w.Now(t)
	choose(t, w, w.Layer(0), 0)
	choose(t, w, w.Layer(2), 2)
	choose(t, w, w.Layer(1), 1)
	if w.Temporal > 1 {
		base := w.Layer(1)
		base.Temporal = new(int)
		o := w.After(t, func() { wantSelected(t, w.Select(t, &base)) }, w.Shows(1), selectWithin, selectStays)
		wantSmooth(t, base.String(), o, mostStillAtChange)
		o = look(t, w, staysFor)
		verdict(t, "the lowest temporal layer", o, frames(w, o, leastOfBase, mostOfBase))
	}
	choose(t, w, harness.Layer{MaxHeight: w.Heights[0]}, 0) // the automatic choice, within bounds

	o := w.After(t, func() { wantSelected(t, w.Select(t, nil)) }, w.Shows(2), upWithin, staysFor)
	wantSmooth(t, "back to the automatic choice", o, mostStillAtChange, frames(w, o, leastFrames, allFrames))
	wantDecodable(t, w.Trace(t, start))
}

// choose asks for a layer and checks that it is shown soon, and by one keyframe at most: one that the
// machine held up is asked for again.
func choose(t *testing.T, w *harness.Watched, layer harness.Layer, rank int) {
	t.Helper()
	before := w.Keyframes(t, rank)
	o := w.After(t, func() { wantSelected(t, w.Select(t, &layer)) }, w.Shows(rank), selectWithin, selectStays)
	made := float64(w.Keyframes(t, rank) - before)
	wantSmooth(t, layer.String(), o, mostStillAtChange, most("keyframes were made for it", made, 1+math.Ceil(o.Stalled/askedAgain)))
}

func wantSelected(t *testing.T, s harness.Selected) {
	t.Helper()
	if s.Status != 200 {
		t.Fatalf("choosing a layer: status %d, want 200: %s", s.Status, s.Body)
	}
}

// wantDecodable checks that the browser could decode all pictures of a stream of which nothing
// was lost on its way.
func wantDecodable(t *testing.T, trace harness.Trace) {
	t.Helper()
	lost := trace.Grown(func(p harness.Poll) int64 { return p.Lost })
	if n := trace.Undecodable(); lost > 0 || n > 0 {
		t.Errorf("%d packets lost and %d pictures not decodable, want none\n%v", lost, n, trace)
	}
}
