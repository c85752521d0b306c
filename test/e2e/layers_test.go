//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// What a change of the network may show, here on a machine that may be busy. The bars hold quiet
// machines to about half of it.
const (
	downWithin  = 5 * time.Second  // from a cap below what is shown to the layer that fits
	upWithin    = 15 * time.Second // from the end of a cap to the top layer
	soundWithin = 9 * time.Second  // from a cap that carries sound alone until that comes well
	staysFor    = 2 * time.Second  // how long a layer must be shown to count as chosen
	steadyFor   = 5 * time.Second  // how long a steady link is looked at

	mostStill         = 1500 // milliseconds without a new frame after a cap
	mostStillAtChange = 1200 // milliseconds from the last frame of one layer to the first of another
	mostStillQuiet    = 500  // milliseconds of both on a quiet machine

	// Two who share a link of forTwo bits per second are looked at for sharedFor. The picture of each
	// may stand still for mostStillShared milliseconds: what the other one sends at once may pause
	// video, which comes back after a probe, and one more if that met the other's.
	forTwo          = 1_450_000
	sharedFor       = 15 * time.Second
	mostStillShared = 8000

	mostPLIs       = 3       // of a browser whose network changed: each is for a picture it cannot decode
	mostUnrepaired = 0.01    // of the packets on a steady link
	slowLink       = 250_000 // bits per second
	mostOfSlow     = 0.10
	mostConcealed  = 0.10 // of the sound: made up because none had come

	// mostStalled is how long the pages may have to wait in a look that counts, in milliseconds.
	mostStalled = 300

	// mostInVain is how many packets may be lost, mostly probes, while video is held back.
	mostInVain = 20

	// leastFrames and mostReduced tell a layer at its full frame rate from one with fewer
	// temporal layers, as shares of the full rate.
	leastFrames = 0.8
	mostReduced = 0.7
	allFrames   = 1.3 // some of which may have waited
)

// Every plain player gets the best its network carries, and what it chooses for itself. It asks
// for one session and keeps it through all changes.
func TestLayers(t *testing.T) {
	b := harness.NewBehind(t, harness.Binary(t, harness.Build{Race: true}))
	for name, stream := range map[string]harness.Layered{
		"VP8": harness.Simulcast("VP8"), "H264": harness.Simulcast("H264"),
		"VP9": harness.SVC("VP9"), "AV1": harness.SVC("AV1"),
	} {
		t.Run(name, func(t *testing.T) {
			w := b.Watch(t, strings.ToLower(name), stream)
			wantCame(t, "the top layer at the start", w.After(t, func() {}, w.Shows(2), startsWithin, staysFor))
			if everything() || name != "VP9" && name != "AV1" {
				t.Run("Link", func(t *testing.T) { followsLink(t, w, b.Link) })
			}
			t.Run("Selection", func(t *testing.T) { followsSelection(t, w) })
			if everything() && name == "VP8" {
				t.Run("Starved", func(t *testing.T) { keepsSound(t, w, b.Link) })
				t.Run("Shared", func(t *testing.T) { sharesLink(t, w, b.Link) })
			}
			wantOneSession(t, w)
		})
	}
}

// everything tells whether the caps of links that want a quiet machine are tried too: those
// of SVC, whose keyframes are large beside their slow links, and that for sound alone. See
// `make layers`.
func everything() bool { return os.Getenv("LAYERS") == "all" }

// quiet is how many milliseconds a picture may stand still: half a second where the machine is
// quiet, and else so many.
func quiet(busy float64) float64 {
	if everything() {
		return mostStillQuiet
	}
	return busy
}

// followsLink caps a link and lifts the cap.
func followsLink(t *testing.T, w *harness.Watched, link *harness.Link) {
	defer link.Uncap(t)

	o := w.After(t, func() { link.Cap(t, w.ForMiddle) }, w.Shows(1), downWithin, staysFor)
	wantSmooth(t, "the middle layer under a cap", o, quiet(mostStill))
	o = look(t, w, steadyFor)
	wantSteady(t, "the middle layer on a steady link", o, frames(w, o, leastFrames, allFrames))

	o = w.After(t, func() { link.Cap(t, w.ForLowest) }, w.FitsLowest, downWithin, staysFor)
	wantSmooth(t, "less under a lower cap", o, quiet(mostStill))
	o = look(t, w, steadyFor/2)
	fewer := frames(w, o, 0, mostReduced)
	if at, ok := o.Settled(w.Shows(0)); ok && at < o.At {
		fewer = nil // of any layer but the lowest
	}
	wantSteady(t, "less on a slow link", o, fewer)

	o = w.After(t, func() { link.Uncap(t) }, w.Shows(2), upWithin, staysFor)
	wantSmooth(t, "the top layer after the cap", o, quiet(mostStillAtChange))
}

// keepsSound caps a link so that it carries the sound alone, and lifts the cap.
func keepsSound(t *testing.T, w *harness.Watched, link *harness.Link) {
	defer link.Uncap(t)
	link.Cap(t, harness.ForSound)
	time.Sleep(soundWithin) // for the node to find out, and the queue to get shorter
	o := look(t, w, steadyFor/2)
	lost := o.Since().Grown(func(p harness.Poll) int64 { return p.Lost })
	verdict(t, "a link for sound alone", o, heard(o), most("packets of video sent in vain", float64(lost), mostInVain))
	o = w.After(t, func() { link.Uncap(t) }, w.Shows(2), upWithin, staysFor)
	wantCame(t, "the top layer after hearing sound alone", o)
}

// sharesLink lets another page watch beside the first, on a link that carries the middle layer for
// both. Each is the other's cross traffic, and neither takes the picture from the other for long.
func sharesLink(t *testing.T, w *harness.Watched, link *harness.Link) {
	defer link.Uncap(t)
	wantCame(t, "the middle layer alone", w.After(t, func() { link.Cap(t, forTwo) }, w.Shows(1), downWithin, staysFor))
	var beside *harness.Watched
	o := w.After(t, func() { beside = w.Beside(t) }, w.FitsLowest, downWithin, sharedFor)
	verdict(t, "the first when another joins", o, came(o), still(o, mostStillShared), heard(o))
	for name, each := range map[string]*harness.Watched{"the first": w, "the second": beside} {
		o := each.Look(t, sharedFor)
		verdict(t, name+" of two", o, still(o, mostStillShared), most("keyframes asked for", plis(o), mostPLIs), heard(o))
	}
	wantCame(t, "the top layer for the first", w.After(t, func() { link.Uncap(t) }, w.Shows(2), upWithin, staysFor))
	wantCame(t, "the top layer for the second", beside.After(t, func() {}, w.Shows(2), upWithin, staysFor))
}

// look looks at a link that does not change, again if the machine did not let the pages work
// meanwhile.
func look(t *testing.T, w *harness.Watched, during time.Duration) (o harness.Outcome) {
	t.Helper()
	for range looks {
		if o = w.Look(t, during); o.Stalled < mostStalled {
			return o
		}
		t.Logf("a busy machine: the pages had to wait for %.0f ms of %v", o.Stalled, during)
	}
	return o
}

// wantCame checks that what was waited for came.
func wantCame(t *testing.T, what string, o harness.Outcome) {
	t.Helper()
	verdict(t, what, o, came(o))
}

// wantSmooth checks that what was waited for came and that the picture did not stand still
// meanwhile, for so many milliseconds at most.
func wantSmooth(t *testing.T, what string, o harness.Outcome, mostStill float64, more ...error) {
	t.Helper()
	verdict(t, what, o, came(o), still(o, mostStill), most("ms at a change of layers", o.AtChange(), quiet(mostStillAtChange)+o.Stalled),
		most("keyframes asked for", plis(o), mostPLIs), errors.Join(more...))
}

// wantSteady checks that nothing happens on a link that does not change.
func wantSteady(t *testing.T, what string, o harness.Outcome, more ...error) {
	t.Helper()
	verdict(t, what, o, still(o, mostStillAtChange), most("changes of layer", float64(o.Since().Switches()), 1),
		most("keyframes asked for", plis(o), 0), most("of the packets never came", o.Since().Unrepaired(), unrepaired(o)), heard(o), errors.Join(more...))
}

// unrepaired is what may be missing: on a slow link a few packets are a large share.
func unrepaired(o harness.Outcome) float64 {
	if o.Since().Rate() < slowLink {
		return mostOfSlow
	}
	return mostUnrepaired
}

// verdict ends a step: what is wrong is told together with what was seen.
func verdict(t *testing.T, what string, o harness.Outcome, problems ...error) {
	t.Helper()
	seen := o.Since()
	t.Logf("%s: %.1f s, longest gap %.0f ms, %.0f kbit/s, %.1f frames/s, changes %+v, %.0f ms lost to the machine",
		what, o.Took/1000, o.Longest(), seen.Rate()/1000, seen.FrameRate(), o.Changes(), o.Stalled)
	if err := errors.Join(problems...); err != nil {
		t.Errorf("%s:\n%v\n%s", what, err, o.Evidence())
	}
}

func came(o harness.Outcome) error {
	if !o.Came {
		return fmt.Errorf("not in %.1f s", o.Took/1000)
	}
	return nil
}

func still(o harness.Outcome, limit float64) error {
	return most("ms without a new frame", o.Longest(), limit+o.Stalled)
}

// heard checks that the sound that was played had come.
func heard(o harness.Outcome) error {
	return most("of the sound was made up", o.Since().Concealed(), mostConcealed)
}

func plis(o harness.Outcome) float64 {
	return float64(o.Since().Grown(func(p harness.Poll) int64 { return p.PLIs }))
}

func most(of string, got, limit float64) error {
	if got > limit {
		return fmt.Errorf("%.4g %s, want at most %.4g", got, of, limit)
	}
	return nil
}

// frames checks the frame rate, in shares of the publisher's.
func frames(w *harness.Watched, o harness.Outcome, least, greatest float64) error {
	if share := o.Since().FrameRate() / float64(w.FPS); share < least || share > greatest {
		return fmt.Errorf("%.2f of the frame rate, want %.2f to %.2f", share, least, greatest)
	}
	return nil
}

// wantOneSession checks that everything watched came to one session with one SSRC.
func wantOneSession(t *testing.T, w *harness.Watched) {
	t.Helper()
	if n := w.Sessions(t); n != 1 {
		t.Errorf("the page asked for %d sessions, want one", n)
	}
	if ssrcs := w.Trace(t, 0).SSRCs(); len(ssrcs) != 1 {
		t.Errorf("video came by the SSRCs %d, want one", ssrcs)
	}
}
