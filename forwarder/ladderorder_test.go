package forwarder

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A step of a test ladder is a layer of an encoding: its size, temporal layer and bitrate.
type ladderStep struct {
	width    int
	temporal uint8
	bitrate  int64
}

// laddered makes an encoding that has been sent for a while, with its layers.
func laddered(now time.Time, rid string, steps ...ladderStep) *Encoding {
	e := newEncoding()
	e.rid = rid
	e.edge.Store(&Packet{At: now})
	e.keyframe.Store(&Keyframe{})
	var all []LayerStatus
	widths := map[int]uint8{}
	for _, s := range steps {
		if _, ok := widths[s.width]; !ok {
			widths[s.width] = uint8(len(widths))
		}
		all = append(all, LayerStatus{Spatial: widths[s.width], Temporal: s.temporal, Width: s.width, Height: s.width / 2, Bitrate: s.bitrate})
	}
	e.status.Store(&all)
	return e
}

// sized makes one whose layers are not known.
func sized(now time.Time, rid string, width int) *Encoding {
	e := laddered(now, rid)
	e.size.Store(uint32(width)<<16 | uint32(width/2))
	return e
}

func ended(e *Encoding) *Encoding {
	e.end()
	return e
}

// names are a ladder's rungs, each as its RID, its spatial and its temporal layer; all of an
// encoding has its RID alone.
func (l ladder) names() string {
	var out []string
	for _, r := range l {
		name := r.enc.rid
		if r.layer != topLayer {
			name += fmt.Sprintf("%d%d", r.layer.spatial(), r.layer.temporal())
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

// TestTheOrderOfQuality: pixels, then pictures per second, then bitrate, whatever an encoding is
// called and whenever it came. Of other encodings than the smallest only all pictures are a
// choice, and nothing that takes as much as something better.
func TestTheOrderOfQuality(t *testing.T) {
	now := time.Unix(100, 0)
	for name, test := range map[string]struct {
		encodings     []*Encoding
		all, sensible string
	}{
		"nothing": {nil, "", ""},
		"pixels, and not names": {[]*Encoding{
			laddered(now, "a", ladderStep{1280, 0, 900}), laddered(now, "z", ladderStep{320, 0, 100}), laddered(now, "m", ladderStep{640, 0, 300}),
		}, "z00 m00 a00", "z00 m00 a00"},
		"pixels, and not bitrate": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 900}), laddered(now, "b", ladderStep{640, 0, 300}), laddered(now, "c", ladderStep{1280, 0, 400}),
		}, "a00 b00 c00", "b00 c00"},
		"pixels, and not pictures per second": {[]*Encoding{
			laddered(now, "a", ladderStep{640, 0, 200}), laddered(now, "b", ladderStep{320, 0, 50}, ladderStep{320, 1, 80}, ladderStep{320, 2, 100}),
		}, "b00 b01 b02 a00", "b00 b01 b02 a00"},
		"pictures per second, and not bitrate": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 100}), laddered(now, "b", ladderStep{320, 0, 60}, ladderStep{320, 1, 80}),
		}, "b00 a00 b01", "b00 b01"},
		"bitrate, where all else is the same": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 300}), laddered(now, "b", ladderStep{320, 0, 100}), laddered(now, "c", ladderStep{320, 0, 200}),
		}, "b00 c00 a00", "b00 c00 a00"},
		"which came first, where nothing differs": {[]*Encoding{
			laddered(now, "b", ladderStep{320, 0, 100}), laddered(now, "a", ladderStep{320, 0, 100}), laddered(now, "c", ladderStep{320, 0, 100}),
		}, "b00 a00 c00", "c00"},
		"unknown sizes, which are least": {[]*Encoding{
			laddered(now, "a", ladderStep{160, 0, 500}), laddered(now, "b", ladderStep{0, 0, 300}), laddered(now, "c", ladderStep{0, 0, 100}),
		}, "c00 b00 a00", "c00 b00 a00"},
		"unknown sizes only": {[]*Encoding{
			laddered(now, "a", ladderStep{0, 0, 900}), laddered(now, "b", ladderStep{0, 0, 100}), laddered(now, "c", ladderStep{0, 0, 300}),
		}, "b00 c00 a00", "b00 c00 a00"},
		"layers of one encoding": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 50}, ladderStep{320, 1, 100}, ladderStep{640, 0, 200}, ladderStep{640, 1, 400}, ladderStep{1280, 0, 800}, ladderStep{1280, 1, 900}),
		}, "a00 a01 a10 a11 a20 a21", "a00 a01 a11 a21"},
		"layers of several": {[]*Encoding{
			laddered(now, "a", ladderStep{640, 0, 200}, ladderStep{640, 1, 300}), laddered(now, "b", ladderStep{320, 0, 50}, ladderStep{320, 1, 100}),
			laddered(now, "c", ladderStep{640, 0, 250}),
		}, "b00 b01 a00 c00 a01", "b00 b01 c00 a01"},
		"as much as something better": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 100}), laddered(now, "b", ladderStep{640, 0, 300}), laddered(now, "c", ladderStep{1280, 0, 300}), laddered(now, "d", ladderStep{2560, 0, 90}),
		}, "a00 b00 c00 d00", "d00"},
		"what is not known yet takes neither more nor less": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 100}), sized(now, "b", 640), laddered(now, "c", ladderStep{1280, 0, 100}), sized(now, "d", 1920),
		}, "a00 b c00 d", "b c00 d"},
		"layers that are not sent": {[]*Encoding{
			laddered(now, "a", ladderStep{320, 0, 100}, ladderStep{640, 0, 0}), laddered(now, "b", ladderStep{1280, 0, 300}),
		}, "a00 b00", "a00 b00"},
		"what is silent, has no keyframe, or has ended": {[]*Encoding{
			laddered(now.Add(-activeWindow), "a", ladderStep{320, 0, 100}), laddered(now, "b", ladderStep{640, 0, 300}), newEncoding(), ended(laddered(now, "c", ladderStep{1280, 0, 400})),
		}, "b00", "b00"},
	} {
		if l := newLadders(now, test.encodings); l.all.names() != test.all || l.sensible.names() != test.sensible {
			t.Errorf("%s: %q, to choose from %q, want %q and %q", name, l.all.names(), l.sensible.names(), test.all, test.sensible)
		}
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
	e := laddered(start.Add(time.Second), "a")
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
