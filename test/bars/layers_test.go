//go:build bars

package bars

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	layerRounds = 2                // of the caps
	layerChoice = 2                // rounds of each of three layers, chosen by hand
	layerWaits  = 20 * time.Second // for a layer that must come
	layerStays  = 3 * time.Second  // how long a layer must be shown to count as chosen
	linkSettles = 10 * time.Second // how long after a change a link is not steady: layers may come back
	steadyFor   = time.Minute      // how long a steady link is looked at
	lossyFor    = 20 * time.Second // how long a link that loses packets is looked at

	// none is the limit of a count that must be zero; zero itself means that there is none.
	none = 0.5
)

// layerFigures are the samples of all streams with layers together.
type layerFigures struct {
	toFit, toTop, stood, atChange []float64  // ms
	stoodUp                       []float64  // ms, after the end of a cap
	broken                        []float64  // pictures, after a change that nobody asked for
	switches, unused              []float64  // on a steady link: in a minute, in percent
	chosen, keyframes, notDecoded []float64  // of layers chosen by hand
	belowTop                      []float64  // of the time, in percent, on a link that loses packets
	rates                         [3]float64 // of the layers of the stream, in bits per second
}

// layers measures how a browser behind a capped link gets the layer that fits, for streams that
// another browser publishes in three encodings and in three spatial layers.
func (b *bench) layers(t *testing.T) {
	behind := harness.NewBehind(t, harness.Binary(t, harness.Build{}))
	var f layerFigures
	for name, stream := range map[string]harness.Layered{
		"VP8": harness.Simulcast("VP8"), "H264": harness.Simulcast("H264"),
		"VP9": harness.SVC("VP9"), "AV1": harness.SVC("AV1"),
	} {
		t.Run(name, func(t *testing.T) {
			w := behind.Watch(t, strings.ToLower(name), stream)
			wantLayer(t, "the top layer at the start", w.After(t, func() {}, w.Shows(2), layerWaits, layerStays))
			f.choose(t, w)
			f.follow(t, w, behind.Link)
			f.stay(t, w, behind.Link)
			f.lose(t, w, behind.Link)
		})
	}
	f.add(t, b.report)
}

// add takes all figures in.
func (f *layerFigures) add(t *testing.T, r *report) {
	t.Helper()
	for _, b := range []bar{
		{Name: "cap below the layer: until one that fits", Unit: "ms", Samples: f.toFit, Limit: 3000},
		{Name: "cap below the layer: longest without a frame", Unit: "ms", Samples: f.stood, Limit: 1000},
		{Name: "cap lifted: until the top layer", Unit: "ms", Samples: f.toTop, Limit: 10_000},
		{Name: "cap lifted: longest without a frame", Unit: "ms", Samples: f.stoodUp, Limit: 500},
		{Name: "cap or its end: pictures not decodable after it", Unit: "", Samples: f.broken, Limit: none},
		{Name: "between the frames of two layers", Unit: "ms", Samples: f.atChange, Limit: 500},
		{Name: "steady link: switches in a minute", Unit: "", Samples: f.switches, Limit: 1},
		{Name: "steady link: unused of the best layer that fits", Unit: "%", Samples: f.unused, Limit: 30},
		{Name: "layer chosen by hand: until it is shown", Unit: "ms", Samples: f.chosen, Limit: 1000},
		{Name: "layer chosen by hand: keyframes made for it", Unit: "", Samples: f.keyframes, Limit: 1},
		{Name: "layer chosen by hand: pictures not decodable", Unit: "", Samples: f.notDecoded, Limit: none},
		{Name: "2 % of the packets lost: time below the top layer", Unit: "%", Samples: f.belowTop},
	} {
		b.Quantile = 1
		r.add(t, b)
	}
}

// choose chooses each layer by hand, from each other, on a link that carries all of them.
func (f *layerFigures) choose(t *testing.T, w *harness.Watched) {
	for range layerChoice {
		for _, rank := range []int{0, 2, 1} {
			f.chooseOne(t, w, rank)
		}
	}
	if s := w.Select(t, nil); s.Status != 200 {
		t.Errorf("back to the automatic choice: status %d", s.Status)
	}
	wantLayer(t, "the top layer again", w.After(t, func() {}, w.Shows(2), layerWaits, layerStays))
}

func (f *layerFigures) chooseOne(t *testing.T, w *harness.Watched, rank int) {
	layer, before := w.Layer(rank), w.Keyframes(t, rank)
	o := w.After(t, func() { w.Select(t, &layer) }, w.Shows(rank), layerWaits, layerStays)
	wantLayer(t, layer.String(), o)
	f.chosen = append(f.chosen, o.Took)
	f.keyframes = append(f.keyframes, float64(w.Keyframes(t, rank)-before))
	f.notDecoded = append(f.notDecoded, float64(o.Since().Undecodable()))
	f.changed(o)
	f.rates[rank] = o.Between(o.Now-float64(layerStays.Milliseconds()), o.Now).Rate()
}

// follow caps the link for the lowest and for the middle layer, from the top one.
func (f *layerFigures) follow(t *testing.T, w *harness.Watched, link *harness.Link) {
	defer link.Uncap(t)
	for range layerRounds {
		f.cap(t, w, link, w.ForLowest, w.FitsLowest)
		f.cap(t, w, link, w.ForMiddle, w.Shows(1))
	}
}

// cap caps the link, waits for a layer that fits, and lifts the cap.
func (f *layerFigures) cap(t *testing.T, w *harness.Watched, link *harness.Link, rate int64, fits func(int) bool) {
	o := w.After(t, func() { link.Cap(t, rate) }, fits, layerWaits, layerStays)
	if rate == w.ForLowest {
		settleLowest(t, w, &o)
	}
	wantLayer(t, "a layer that fits", o)
	f.toFit, f.stood = append(f.toFit, o.Took), append(f.stood, o.Longest())
	f.changed(o)
	f.broken = append(f.broken, notDecodable(o))
	o = w.After(t, func() { link.Uncap(t) }, w.Shows(2), layerWaits, layerStays)
	wantLayer(t, "the top layer without a cap", o)
	f.toTop, f.stoodUp = append(f.toTop, o.Took), append(f.stoodUp, o.Longest())
	f.changed(o)
	f.broken = append(f.broken, notDecodable(o))
}

// fewerFrames is less than a layer's full frame rate, as a share of it.
const fewerFrames = 0.8

// settleLowest lets a cap for the lowest layer count as followed when that is shown, not when the
// middle one is, unless this has fewer frames.
func settleLowest(t *testing.T, w *harness.Watched, o *harness.Outcome) {
	t.Helper()
	if at, ok := o.Settled(w.Shows(0)); ok {
		o.Took = max(0, at-o.At)
	} else if last := o.Between(o.Now-float64(layerStays.Milliseconds())/2, o.Now); last.FrameRate() > fewerFrames*float64(w.FPS) {
		t.Errorf("the middle layer is shown with all its frames, %.1f a second", last.FrameRate())
	}
}

// notDecodable is how many pictures could not be decoded since what was waited for came.
func notDecodable(o harness.Outcome) float64 {
	return float64(o.Between(o.At+o.Took, o.Now).Undecodable())
}

// stay looks at steady links of each kind.
func (f *layerFigures) stay(t *testing.T, w *harness.Watched, link *harness.Link) {
	defer link.Uncap(t)
	for rank, set := range []func(){
		func() { link.Cap(t, w.ForLowest) }, func() { link.Cap(t, w.ForMiddle) }, func() { link.Uncap(t) },
	} {
		fits := w.Shows(rank)
		if rank == 0 {
			fits = w.FitsLowest
		}
		wantLayer(t, "a layer that fits", w.After(t, set, fits, layerWaits, linkSettles))
		o := w.Look(t, steadyFor)
		used := o.Since().Rate() / f.rates[rank]
		t.Logf("%d kbit/s: %.0f %% of the best layer that fits\n%v", link.Capped()/1000, 100*used, o.Since())
		f.switches = append(f.switches, float64(o.Since().Switches()))
		f.unused = append(f.unused, 100*max(0, 1-used))
	}
}

// lose looks at a link that loses packets at random and has no cap: that is no reason for less.
func (f *layerFigures) lose(t *testing.T, w *harness.Watched, link *harness.Link) {
	defer link.Lose(t, 0)
	link.Lose(t, 2)
	o := w.Look(t, lossyFor)
	shown := o.Since().Shown
	below := 0
	for _, s := range shown {
		if s.Height < w.Heights[2] {
			below++
		}
	}
	t.Logf("2 %% lost:\n%v", o.Since())
	f.belowTop = append(f.belowTop, 100*float64(below)/float64(max(1, len(shown))))
}

// changed takes in how long each change of layers showed.
func (f *layerFigures) changed(o harness.Outcome) {
	for _, c := range o.Changes() {
		f.atChange = append(f.atChange, c.Gap)
	}
}

// wantLayer checks that a layer came at all; how soon is for the figures.
func wantLayer(t *testing.T, what string, o harness.Outcome) {
	t.Helper()
	t.Logf("%s: %.0f ms, %+v", what, o.Took, o.Changes())
	if !o.Came {
		t.Errorf("%s: not in %v\n%s", what, layerWaits, o.Evidence())
	}
}
