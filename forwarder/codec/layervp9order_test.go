package codec_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A vp9Frame is a layer frame of one packet in non-flexible mode (RFC 9628 §4.2), with a
// picture id of 7 or 15 bits.
type vp9Frame struct {
	id        uint16
	wide      bool // 15 bits
	sid       byte
	key       bool // it needs no earlier picture
	apart     bool // no higher spatial layer needs it
	below     bool // it needs the next lower one
	structure int  // spatial layers that a structure lists; 0: there is none
}

func (f vp9Frame) payload() []byte {
	first := byte(0xac) // I, L, B, E
	if !f.key {
		first |= 0x40
	}
	if f.structure > 0 {
		first |= 0x02
	}
	if f.apart {
		first |= 0x01
	}
	b := []byte{first}
	if f.wide {
		b = append(b, 0x80|byte(f.id>>8))
	}
	layers := 0x10 | f.sid<<1 // U
	if f.below {
		layers |= 1
	}
	b = append(b, byte(f.id), layers, 0)
	if !f.wide {
		b[1] &= 0x7f
	}
	if f.structure > 0 {
		b = append(b, byte(f.structure-1)<<5|0x10)
	}
	for range f.structure {
		b = append(b, 1, 0, 1, 0)
	}
	if f.key && f.sid == 0 {
		return append(b, 0xa2, 0x49, 0x83, 0x42)
	}
	return append(b, 0x86)
}

// A vp9Reader reads layer frames.
type vp9Reader struct{ codec.LayerReader }

func (r *vp9Reader) read(f vp9Frame) codec.Layering {
	format, b := codec.Format{Name: codec.VP9}, f.payload()
	return r.Read(format, codec.Inspect(format, b), b, nil, false)
}

func (r *vp9Reader) wantSpatial(t *testing.T, what string, want uint8) {
	t.Helper()
	if got := r.Layers().Spatial; got != want {
		t.Errorf("%s: %d spatial layers, want %d", what, got, want)
	}
}

// TestVP9PicturesAreLateByHalfTheIDs: an id up to half of all ahead is a newer picture,
// where one may step up; from half on it is a late one, which changes nothing.
func TestVP9PicturesAreLateByHalfTheIDs(t *testing.T) {
	for _, wide := range []bool{false, true} {
		half := uint16(1 << 6)
		if wide {
			half = 1 << 14
		}
		var r vp9Reader
		id := uint16(5)
		r.read(vp9Frame{id: id, wide: wide, key: true, structure: 1})
		for _, step := range []struct {
			ahead uint16
			late  bool
		}{{1, false}, {half / 2, false}, {half/2 + 1, false}, {half - 1, false}, {half, true}, {half + 1, true}, {2*half - 1, true}, {1, false}} {
			l := r.read(vp9Frame{id: id + step.ahead, wide: wide})
			if late := l.Entry == 0; late != step.late {
				t.Errorf("wide %v, %d ahead of %d: late %v", wide, step.ahead, id, late)
			}
			if !step.late {
				id += step.ahead
			}
		}
	}
}

// TestVP9LateStructures: of structures that come late the newest holds, whatever came
// meanwhile.
func TestVP9LateStructures(t *testing.T) {
	for _, test := range []struct {
		name        string
		told, late  uint16 // ids of the structures; told is 0 where there is none before
		newest      uint16
		wantSpatial uint8
	}{
		{"older than what was told", 5, 3, 6, 2},
		{"newer than what was told", 3, 5, 6, 3},
		{"much newer", 1, 40, 50, 3},
		{"nothing was told", 0, 80, 96, 3},
		{"over the wrap", 126, 2, 4, 3},
		{"older, over the wrap", 2, 126, 4, 2},
	} {
		var r vp9Reader
		r.read(vp9Frame{id: (test.newest - 60) & 0x7f, key: true})
		if test.told != 0 {
			r.read(vp9Frame{id: test.told, key: true, structure: 2})
		}
		r.read(vp9Frame{id: test.newest})
		r.read(vp9Frame{id: test.late, structure: 3})
		r.wantSpatial(t, test.name, test.wantSpatial)
	}
}

// TestVP9KeyframesThatNothingSeemsToNeed: a frame of a keyframe that says that no higher
// layer needs it was the highest when it was made. Who is on a higher one, which may be
// gone or come later, gets it too, if it has what the frame needs.
func TestVP9KeyframesThatNothingSeemsToNeed(t *testing.T) {
	for _, test := range []struct {
		name  string
		frame vp9Frame
		want  string
	}{
		{"base layer", vp9Frame{id: 2, key: true, apart: true}, "0+,0+,0+,0+"},
		{"upper layer", vp9Frame{id: 2, key: true, apart: true, sid: 1, below: true}, "-,0+,0+,0+"},
		{"upper layer alone", vp9Frame{id: 2, key: true, apart: true, sid: 1}, "-,0+,-,-"},
		{"no keyframe", vp9Frame{id: 2, apart: true}, "0+,-,-,-"},
		{"no keyframe's upper layer", vp9Frame{id: 2, apart: true, sid: 1, below: true}, "-,0+,-,-"},
	} {
		var r vp9Reader
		r.read(vp9Frame{id: 1, key: true, structure: 3})
		wantRows(t, test.name, r.read(test.frame).Needed, test.want)
	}
}

// TestVP9LateFramesAcrossTheWrap: how far back a picture is is counted over the wrap of
// ids, so that a late one goes to who took its layer then.
func TestVP9LateFramesAcrossTheWrap(t *testing.T) {
	for _, test := range []struct {
		name           string
		change, newest uint16 // ids of the picture that the upper layer vanished with, and of the newest
		late           uint16
		want           string
	}{
		{"before it vanished", 1, 3, 127, "0+,-,-,-"},
		{"since", 1, 3, 2, "0+,0+,0+,0+"},
		{"since, over the wrap", 126, 3, 127, "0+,0+,0+,0+"},
		{"right before", 3, 3, 2, "0+,-,-,-"},
		{"with it", 3, 4, 3, "0+,0+,0+,0+"},
	} {
		var r vp9Reader
		r.read(vp9Frame{id: 125, key: true, structure: 2})
		r.read(vp9Frame{id: test.change, structure: 1})
		r.read(vp9Frame{id: test.newest, apart: true})
		wantRows(t, test.name, r.read(vp9Frame{id: test.late, apart: true}).Needed, test.want)
	}
}

// within tells whether who is on the upper layer of a frame's picture may go on with the
// lowest.
func (r *vp9Reader) within(f vp9Frame) bool {
	return r.read(f).Masks.Within[1][0]&codec.LayerBit(0, 0) != 0
}

// TestVP9KeyframesAreKnownByAnyLayer: what needs no earlier picture is of a keyframe, also
// where its base layer comes later, but not where pictures have no ids.
func TestVP9KeyframesAreKnownByAnyLayer(t *testing.T) {
	var r vp9Reader
	r.read(vp9Frame{id: 1, key: true, structure: 2})
	r.read(vp9Frame{id: 2, apart: true})
	if l := r.read(vp9Frame{id: 3, key: true, sid: 1, below: true}); l.Flags&codec.LayerKeyframe == 0 {
		t.Error("the upper layer of a keyframe")
	}
	runLayers(t, codec.VP9, []step{
		{"2c 00 00 a2498342", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last -,-,-,- start end key tl0 0", false},
		{"2c 00 00 86", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start end tl0 0", false}, // intra only
	})
}

// TestVP9LayersStayApart until the next keyframe, which itself shows nothing, once a picture
// of the upper layer did not need the lower one; but a layer higher than any before is got by
// who has a gap below.
func TestVP9LayersStayApart(t *testing.T) {
	var r vp9Reader
	key := func(id uint16) {
		if r.within(vp9Frame{id: id, key: true, structure: 2}) || r.within(vp9Frame{id: id, key: true, sid: 1, below: true}) {
			t.Errorf("within at the keyframe %d", id)
		}
	}
	key(1)
	if !r.within(vp9Frame{id: 2}) {
		t.Error("apart, though needed")
	}
	if r.within(vp9Frame{id: 3, apart: true}) || r.within(vp9Frame{id: 4}) {
		t.Error("within, though not needed since")
	}
	wantRows(t, "structure of one layer", r.read(vp9Frame{id: 5, apart: true, structure: 1}).Needed, "0+,-,-,-")
	wantRows(t, "structure of three", r.read(vp9Frame{id: 6, sid: 1, apart: true, structure: 3}).Needed, "-,0+,-,-")
	key(7)
	if !r.within(vp9Frame{id: 8}) {
		t.Error("apart after a keyframe")
	}
}

// TestVP9ALateKeyframeBeginsAnew: of a keyframe that comes after later pictures, nothing
// from before it holds, but what has been shown since does.
func TestVP9ALateKeyframeBeginsAnew(t *testing.T) {
	for _, shown := range []bool{false, true} {
		var r vp9Reader
		r.read(vp9Frame{id: 1, key: true, structure: 2})
		r.read(vp9Frame{id: 2, apart: true})
		r.read(vp9Frame{id: 4, sid: 1, below: !shown})
		if shown {
			r.read(vp9Frame{id: 5, apart: true})
		}
		r.read(vp9Frame{id: 3, key: true, structure: 2}) // late
		if got := r.within(vp9Frame{id: 6, sid: 1}); got {
			t.Errorf("shown %v: within before it is shown", shown)
		}
		if got := r.within(vp9Frame{id: 7}); got == shown {
			t.Errorf("shown %v: within %v", shown, got)
		}
	}
}
