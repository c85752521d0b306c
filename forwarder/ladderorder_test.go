package forwarder

import (
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// sized returns an encoding that is received, of a size and layers with their bitrates.
func sized(now time.Time, rid string, width, height int, layers ...LayerStatus) *Encoding {
	e := newEncoding()
	e.rid = rid
	e.size.Store(uint32(width)<<16 | uint32(height))
	e.edge.Store(&Packet{At: now})
	e.keyframe.Store(&Keyframe{})
	for i := range layers {
		layers[i].Width, layers[i].Height = width, height
	}
	if len(layers) > 0 {
		e.status.Store(&layers)
	}
	return e
}

// names are the rungs' RIDs and temporal layers; all of an encoding has none.
func names(l ladder) (all []string) {
	for _, r := range l {
		name := r.enc.rid
		if r.layer != topLayer {
			name += string(rune('0' + r.layer.temporal()))
		}
		all = append(all, name)
	}
	return all
}

// TestTheOrderOfALadder is by what is measured: pixels, then pictures a second, then bitrate, whatever
// comes first and however it is called.
func TestTheOrderOfALadder(t *testing.T) {
	now := time.Unix(100, 0)
	rate := func(bitrate int64) LayerStatus { return LayerStatus{Bitrate: bitrate} }
	for name, c := range map[string]struct {
		encodings     []*Encoding
		all, sensible []string
	}{
		"pixels": {
			[]*Encoding{sized(now, "0", 1280, 720, rate(900)), sized(now, "2", 320, 180, rate(100)), sized(now, "1", 640, 360, rate(400))},
			[]string{"20", "10", "00"}, []string{"20", "10", "00"},
		},
		"the same size": {
			[]*Encoding{sized(now, "a", 640, 360, rate(900)), sized(now, "b", 640, 360, rate(100))},
			[]string{"b0", "a0"}, []string{"b0", "a0"},
		},
		"pictures a second before bitrate": {
			[]*Encoding{sized(now, "a", 640, 360, rate(900)), sized(now, "b", 640, 360, rate(100), LayerStatus{Temporal: 1, Bitrate: 200})},
			[]string{"b0", "a0", "b1"}, []string{"b0", "b1"},
		},
		"unknown sizes": {
			[]*Encoding{sized(now, "a", 0, 0, rate(900)), sized(now, "b", 0, 0, rate(100)), sized(now, "c", 320, 180, rate(1000))},
			[]string{"b0", "a0", "c0"}, []string{"b0", "a0", "c0"},
		},
		"fewer pictures of the smallest only": {
			[]*Encoding{
				sized(now, "q", 320, 180, rate(50), LayerStatus{Temporal: 1, Bitrate: 100}),
				sized(now, "f", 640, 360, rate(200), LayerStatus{Temporal: 1, Bitrate: 400}),
			},
			[]string{"q0", "q1", "f0", "f1"}, []string{"q0", "q1", "f1"},
		},
		"better and no more": {
			[]*Encoding{sized(now, "q", 320, 180, rate(400)), sized(now, "h", 640, 360, rate(400)), sized(now, "f", 1280, 720, rate(900))},
			[]string{"q0", "h0", "f0"}, []string{"h0", "f0"},
		},
		"what is not known yet takes neither more nor less": {
			[]*Encoding{sized(now, "q", 320, 180, rate(100)), sized(now, "h", 640, 360), sized(now, "f", 1280, 720, rate(100)), sized(now, "x", 1920, 1080)},
			[]string{"q0", "h", "f0", "x"}, []string{"h", "f0", "x"},
		},
		"layers that pause": {
			[]*Encoding{sized(now, "q", 320, 180, rate(50), LayerStatus{Temporal: 1})},
			[]string{"q0"}, []string{"q0"},
		},
		"none": {},
	} {
		l := newLadders(now, c.encodings)
		if all, sensible := names(l.all), names(l.sensible); !slices.Equal(all, c.all) || !slices.Equal(sensible, c.sensible) {
			t.Errorf("%s: %v, to choose from %v; want %v and %v", name, all, sensible, c.all, c.sensible)
		}
	}
}

// TestALadderHasWhatComes and can be decoded.
func TestALadderHasWhatComes(t *testing.T) {
	now := time.Unix(100, 0)
	on, silent, blind, ended := sized(now, "on", 1, 1), sized(now.Add(-activeWindow), "silent", 2, 2), sized(now, "blind", 3, 3), sized(now, "ended", 4, 4)
	blind.keyframe.Store(nil)
	ended.end()
	if all := names(newLadders(now, []*Encoding{on, silent, blind, ended}).all); !slices.Equal(all, []string{"on"}) {
		t.Errorf("%v", all)
	}
}

// TestAllOfAnEncodingIsItsBestRung once its layers are known.
func TestAllOfAnEncodingIsItsBestRung(t *testing.T) {
	a, b := newEncoding(), newEncoding()
	l := ladder{{enc: a, layer: layerOf(0, 0)}, {enc: a, layer: layerOf(1, 1)}, {enc: b, layer: topLayer}}
	for i, c := range []struct {
		e    *Encoding
		l    layerID
		want int
	}{{a, topLayer, 1}, {a, layerOf(1, 1), 1}, {a, layerOf(0, 0), 0}, {a, layerOf(0, 1), -1}, {b, topLayer, 2}, {nil, topLayer, -1}} {
		if got := l.find(c.e, c.l); got != c.want {
			t.Errorf("%d: rung %d, want %d", i, got, c.want)
		}
	}
}

// TestWhatAnEncodingTakesIsGuessedFromItsFirstPackets: nothing before a tenth of a second, then all
// that came; what was measured is no guess.
func TestWhatAnEncodingTakesIsGuessedFromItsFirstPackets(t *testing.T) {
	start := time.Unix(100, 0)
	e := sized(start.Add(time.Second), "a", 1, 1)
	for at, want := range map[time.Duration]int64{0: 0, rateLeast - 1: 0, rateLeast: 80_000, 2 * rateLeast: 40_000} {
		e.rate = rateMeter{}
		e.rate.add(start, 1000)
		if r := e.whole(start.Add(at)); r.bitrate != want || r.most != want || r.usual != want || !r.begins {
			t.Errorf("after %v: %+v, want %d", at, r, want)
		}
	}
	e.bitrate.Store(500)
	if r := e.whole(start.Add(rateLeast)); r.bitrate != 500 || r.begins {
		t.Errorf("measured: %+v", r)
	}
}

// TestWhatIsNotKnownFitsWhereNothingIsKnown only.
func TestWhatIsNotKnownFitsWhereNothingIsKnown(t *testing.T) {
	e := &Encoding{format: codec.Format{Name: codec.VP8}}
	l := ladder{newRung(e, 0, 100, 1, 1), newRung(e, 1, 0, 2, 2)}
	for limit, want := range map[int64]int{50: -1, 200: 0, noBound: 0, noLimit: 1} {
		if got := l.fit(limit); got != want {
			t.Errorf("%d: rung %d fits, want %d", limit, got, want)
		}
	}
	if got := l.ample(noLimit); got != 0 {
		t.Errorf("rung %d is ample", got)
	}
}
