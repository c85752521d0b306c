package codec_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A step is a packet given to a LayerReader and what must come of it, as describeLayers
// writes it without the number.
type step struct {
	payload, want string
	marker        bool
}

func runLayers(t *testing.T, name codec.Name, steps []step) *codec.LayerReader {
	t.Helper()
	r, f := new(codec.LayerReader), codec.Format{Name: name}
	for i, s := range steps {
		payload := unhex(t, s.payload)
		l := r.Read(f, codec.Inspect(f, payload), payload, nil, s.marker)
		got := describeLayer(l)
		if got != s.want {
			t.Errorf("packet %d, %s:\ngot  %s\nwant %s", i, s.payload, got, s.want)
		}
	}
	return r
}

func TestLayersOfVP8(t *testing.T) {
	const key = "9d012a a200 6200"
	r := runLayers(t, codec.VP8, []step{
		{"90 e0 8102 2a 00 d00200" + key, "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last -,-,-,- start key picture 258 tl0 42", false},
		{"80 e0 8102 2a 00 00", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last 0+,0+,0+,0+ end picture 258 tl0 42", true},
		{"90 e0 8103 2a a0 01", "S0T2 needed 2+,2+,2+,2+ entry 2,2,2,2 last 2+,2+,2+,2+ start end picture 259 tl0 42", true},
		{"90 e0 8104 2a 40 01", "S0T1 needed 1+,1+,1+,1+ entry -,-,-,- last 1+,1+,1+,1+ start end picture 260 tl0 42", true},
		{"90 a0 05 60 01", "S0T1 needed 1+,1+,1+,1+ entry 1,1,1,1 last -,-,-,- start picture 5", false},
		{"90 20 20 01", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false}, // Y says nothing
		{"10 01", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},
		{"90", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false},
		{"", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false},
	})
	if got := r.Layers(); got.Spatial != 1 || got.Temporal != 3 || got.Width[0] != 162 || got.Height[0] != 98 {
		t.Errorf("layers %+v", got)
	}
}

// TestTemporalLayersGo: those that did not come for two keyframe intervals are gone.
func TestTemporalLayersGo(t *testing.T) {
	const key, delta = "90 20 00 d002009d012aa2006200", "90 20 80 01"
	r, f := new(codec.LayerReader), codec.Format{Name: codec.VP8}
	for i, test := range []struct {
		payload string
		want    uint8
	}{{key, 1}, {delta, 3}, {key, 3}, {key, 1}} {
		payload := unhex(t, test.payload)
		r.Read(f, codec.Inspect(f, payload), payload, nil, true)
		if got := r.Layers().Temporal; got != test.want {
			t.Errorf("packet %d: %d temporal layers, want %d", i, got, test.want)
		}
	}
}

// VP9 in non-flexible mode: three spatial layers in the structure of the keyframe, of
// which a delta picture uses the lowest for the middle one only.
func TestLayersOfVP9(t *testing.T) {
	const structure = "50 0140 00b4 0280 0168 0500 02d0"
	r := runLayers(t, codec.VP9, []step{
		{"ae 05 10 2a" + structure + "a2498342000a00 5a", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last 0+,-,-,- start end key picture 5 tl0 42", false},
		{"ac 05 13 2a 86", "S1T0 needed -,0+,0+,0+ entry 1+,1+,1+,1+ last -,0+,-,- start end key picture 5 tl0 42", false},
		{"a9 05 05 2a 86", "S2T0 needed -,-,0+,0+ entry -,-,-,- last -,-,-,- start key picture 5 tl0 42", false},
		{"a5 05 05 2a 86", "S2T0 needed -,-,0+,0+ entry -,-,-,- last -,-,0+,0+ end key picture 5 tl0 42", true},
		{"ec 06 50 2a 86", "S0T2 needed 2+,2+,2+,2+ entry 3+,3+,3+,3+ last 2+,-,-,- start end picture 6 tl0 42", false},
		{"ed 06 43 2a 86", "S1T2 needed -,2+,-,- entry -,-,-,- last -,2+,-,- start end picture 6 tl0 42", false},
		{"ed 06 45 2a 86", "S2T2 needed -,-,2+,2+ entry -,-,-,- last -,-,2+,2+ start end picture 6 tl0 42", true},
		{"e9 05 10 2a 86", "S0T0 needed 0+,-,-,- entry -,-,-,- last -,-,-,- start picture 5 tl0 42", false}, // late
		{"8c 07 86", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start end picture 7", false},       // no layers
		{"ac 81", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false},
	})
	want := codec.LayerSet{Spatial: 3, Temporal: 3}
	copy(want.Width[:], []uint16{320, 640, 1280})
	copy(want.Height[:], []uint16{180, 360, 720})
	if got := r.Layers(); got != want {
		t.Errorf("layers %+v, want %+v", got, want)
	}
	payload := unhex(t, "8c 08 82 49 83 42 00 0a 10 06 10") // a keyframe without layers
	f := codec.Format{Name: codec.VP9}
	r.Read(f, codec.Inspect(f, payload), payload, nil, true)
	want = codec.LayerSet{Spatial: 1, Temporal: 3, Width: [4]uint16{162}, Height: [4]uint16{98}}
	if got := r.Layers(); got != want {
		t.Errorf("without layers: %+v, want %+v", got, want)
	}
}

// TestVP9LayersVanish: a spatial layer that is not sent any more counts as gone after
// a while, and those who got it get the one below, but not if they have a gap in that.
func TestVP9LayersVanish(t *testing.T) {
	for _, apart := range []bool{false, true} {
		r, f := new(codec.LayerReader), codec.Format{Name: codec.VP9}
		read := func(b ...byte) codec.Layering {
			return r.Read(f, codec.Inspect(f, b), b, nil, false)
		}
		first := byte(0xec) // P, L, B, E
		if apart {
			first |= 1 // Z
		}
		read(0xac, 0x01, 0x10, 0, 0xa2, 0x49, 0x83, 0x42)
		read(0xad, 0x01, 0x13, 0, 0x86)
		var l codec.Layering
		for id := byte(2); id < 22; id++ {
			if got := r.Layers().Spatial; got != 2 && id < 18 || got != 1 && id == 21 {
				t.Errorf("apart %v, picture %d: %d spatial layers", apart, id, got)
			}
			l = read(first, id, 0x10, 0, 0x86)
		}
		want := "0+,0+,0+,0+"
		if apart {
			want = "0+,-,-,-"
		}
		if got := rows(l.Needed); got != want || rows(l.Last) != want {
			t.Errorf("apart %v: needed %s, last %s, want %s", apart, got, rows(l.Last), want)
		}
		if got := l.Masks.Within[1][2]&codec.LayerBit(0, 1) != 0; got == apart {
			t.Errorf("apart %v: within %s", apart, rows(l.Masks.Within[1][2]))
		}
	}
}

// TestVP9LayersAreApartUntilShown: after a keyframe nobody may go down before a lower layer
// of a later picture has shown that the upper one needs it, and the beginning of the keyframe
// that comes late takes nothing back.
func TestVP9LayersAreApartUntilShown(t *testing.T) {
	for _, apart := range []bool{false, true} {
		r, f := new(codec.LayerReader), codec.Format{Name: codec.VP9}
		within := func(payload string) bool {
			b := unhex(t, payload)
			l := r.Read(f, codec.Inspect(f, b), b, nil, false)
			return l.Masks.Within[1][2]&codec.LayerBit(0, 1) != 0
		}
		within("ac 01 10 00 a2498342") // nothing is known of an upper layer yet
		if within("ad 01 13 00 86") || within("ed 02 12 00 86") {
			t.Errorf("apart %v: within before it is shown", apart)
		}
		lower := "ec 02 10 00 86"
		if apart {
			lower = "ed 02 10 00 86"
		}
		if within(lower) == apart {
			t.Errorf("apart %v: it is shown", apart)
		}
		within("ae 01 10 00 30 0140 00b4 0280 0168 a2498342")
		if within("ed 02 12 00 86") == apart {
			t.Errorf("apart %v: forgotten by what came late", apart)
		}
	}
}

// TestVP9LayersGoByPictureIDs: whether a late picture is from before a layer vanished is
// told by its id, though others in between are missing.
func TestVP9LayersGoByPictureIDs(t *testing.T) {
	runLayers(t, codec.VP9, []step{
		{"ae 01 10 00 30 0140 00b4 0280 0168 a2498342", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last 0+,-,-,- start end key picture 1 tl0 0", false},
		{"ad 01 13 00 86", "S1T0 needed -,0+,0+,0+ entry 1+,1+,1+,1+ last -,0+,0+,0+ start end key picture 1 tl0 0", false},
		{"ef 03 10 00 10 0140 00b4 86", "S0T0 needed 0+,0+,0+,0+ entry 1+,1+,1+,1+ last 0+,0+,0+,0+ start end picture 3 tl0 0", false},
		{"ed 08 10 00 86", "S0T0 needed 0+,0+,0+,0+ entry 1+,1+,1+,1+ last 0+,0+,0+,0+ start end picture 8 tl0 0", false},
		{"ed 05 10 00 86", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last 0+,0+,0+,0+ start end picture 5 tl0 0", false},
		{"ed 02 10 00 86", "S0T0 needed 0+,-,-,- entry -,-,-,- last 0+,-,-,- start end picture 2 tl0 0", false},
	})
}

// TestVP9WithoutStructure: until it is known which spatial layer is the highest, only a
// marker ends a picture.
func TestVP9WithoutStructure(t *testing.T) {
	r, f := new(codec.LayerReader), codec.Format{Name: codec.VP9}
	for id := range byte(40) {
		for spatial, payload := range [][]byte{{0xac, id, 0x00, 0, 0x86}, {0xac, id, 0x03, 0, 0x86}} {
			marker := spatial == 1
			l := r.Read(f, codec.Inspect(f, payload), payload, nil, marker)
			want := "-,0+,0+,0+" // the marker
			switch {
			case !marker && id < 16:
				want = "-,-,-,-"
			case !marker:
				want = "0+,-,-,-"
			}
			if rows(l.Last) != want {
				t.Errorf("picture %d, layer %d: last %s, want %s", id, spatial, rows(l.Last), want)
			}
		}
	}
}

// AV1 without descriptor: only the beginning of an OBU says its layer.
func TestLayersOfAV1(t *testing.T) {
	runLayers(t, codec.AV1, []step{
		{"18 0a 01 34 00 10", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last 0+,0+,0+,0+ start end key", true},
		{"50 34 40 30", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,- start", false}, // goes on
		{"d0 30", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,-", false},
		{"90 30", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last 2+,2+,2+,2+ end", true},
		{"90 30", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false}, // its beginning was lost
		{"50 34 20 30", "S0T1 needed 1+,1+,1+,1+ entry -,-,-,- last 1+,1+,1+,1+ start end", true},
		{"d0 30", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false}, // a marker went before
		{"90 30", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false},
		{"10 34 48 30", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,-", false}, // spatial layer 1
	})
}

func TestLayersOfH265(t *testing.T) {
	r := runLayers(t, codec.H265, []step{
		{"26 01 af", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last 0+,0+,0+,0+ start end key", true},
		{"02 03 d0", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last 2+,2+,2+,2+ start end", true},                   // TRAIL_R
		{"04 02 d0", "S0T1 needed 1+,1+,1+,1+ entry 1+,1+,1+,1+ last -,-,-,- start", false},                      // TSA_N
		{"06 02 d0", "S0T1 needed 1+,1+,1+,1+ entry 1+,1+,1+,1+ last -,-,-,- start", false},                      // TSA_R
		{"08 02 d0", "S0T1 needed 1+,1+,1+,1+ entry 1,1,1,1 last -,-,-,- start", false},                          // STSA_N
		{"0a 03 d0", "S0T2 needed 2+,2+,2+,2+ entry 2,2,2,2 last -,-,-,- start", false},                          // STSA_R
		{"62 03 82 d0", "S0T2 needed 2+,2+,2+,2+ entry 2+,2+,2+,2+ last -,-,-,- start", false},                   // fragment of TSA_N
		{"62 03 02 d0", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,-", false},                             // a later one
		{"60 02 0003 460250 0003 0402d0", "S0T1 needed 1+,1+,1+,1+ entry 1+,1+,1+,1+ last -,-,-,- start", false}, // AUD and TSA_N
		{"42 01 01 01", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},                       // SPS: nested
		{"02 02 d0", "S0T1 needed 1+,1+,1+,1+ entry 2+,2+,2+,2+ last -,-,-,- start", false},
		{"08 02 d0", "S0T1 needed 1+,1+,1+,1+ entry 1+,1+,1+,1+ last -,-,-,- start", false},
		{"42 01 04 01", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false}, // not nested
		{"02 02 d0", "S0T1 needed 1+,1+,1+,1+ entry -,-,-,- last -,-,-,- start", false},
		{"44 01 c1", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},  // PPS
		{"02 0b d0", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last 0+,0+,0+,0+ end", true}, // nuh_layer_id 1
	})
	if got := r.Layers().Temporal; got != 3 {
		t.Errorf("%d temporal layers", got)
	}
}

// H264's payload is not trusted to tell layers: nothing in a fragment says its own.
func TestLayersOfH264(t *testing.T) {
	r := runLayers(t, codec.H264, []step{
		{"78 001a" + h264SPS + "0006" + h264PPS + "0003 658884", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last 0+,0+,0+,0+ start end key", true},
		{"67" + h264SPS[2:], "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},
		{"6e c0 80 47", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},
		{"5c 81 9a 24", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},
	})
	if got := r.Layers(); got.Width[0] != 162 || got.Spatial != 1 || got.Temporal != 1 {
		t.Errorf("layers %+v", got)
	}
}

func TestFrameMarking(t *testing.T) {
	tests := []struct {
		value string
		want  codec.FrameMarkingValue
		ok    bool
	}{
		{"", codec.FrameMarkingValue{}, false},
		{"a0", codec.FrameMarkingValue{Start: true, Independent: true}, true},
		{"50", codec.FrameMarkingValue{End: true, Discardable: true}, true},
		{"8a 03", codec.FrameMarkingValue{Start: true, HasLayers: true, BaseSync: true, Temporal: 2, Layer: 3}, true},
		{"81 00 7f", codec.FrameMarkingValue{Start: true, HasLayers: true, Temporal: 1, HasTL0PicIdx: true, TL0PicIdx: 0x7f}, true},
		{"81 00 7f 00", codec.FrameMarkingValue{Start: true, HasLayers: true, Temporal: 1, HasTL0PicIdx: true, TL0PicIdx: 0x7f}, true},
	}
	for _, test := range tests {
		if got, ok := codec.ParseFrameMarking(unhex(t, test.value)); got != test.want || ok != test.ok {
			t.Errorf("%q: %+v, %v, want %+v, %v", test.value, got, ok, test.want, test.ok)
		}
	}
}

func TestMark(t *testing.T) {
	tests := []struct{ name, payload, value, want string }{
		{"H264", "5c 81 9a 24", "8a 00 05", "S0T2 needed 2+,2+,2+,2+ entry 2,2,2,2 last -,-,-,- start"},
		{"H264", "5c 41 9a 24", "4a 00 05", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,- end"},
		{"H264", "5c 81 9a 24", "82 00 05", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,- start"},
		{"H264", "5c 81 9a 24", "80", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start"},
		{"H264", "5c 81 9a 24", "", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start"},
		{"H264", "65 88 84", "a8 00 05", "S0T0 needed 0+,0+,0+,0+ entry 0+,0+,0+,0+ last -,-,-,- start key"},
		{"VP8", "90 20 80 01", "89 00 05", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,- start"}, // its own counts
	}
	for _, test := range tests {
		name, _ := codec.ParseName(test.name)
		r, f, payload := new(codec.LayerReader), codec.Format{Name: name}, unhex(t, test.payload)
		l := r.Read(f, codec.Inspect(f, payload), payload, nil, false)
		r.Mark(&l, unhex(t, test.value))
		if got := describeLayer(l); got != test.want {
			t.Errorf("%s %s %s:\ngot  %s\nwant %s", test.name, test.payload, test.value, got, test.want)
		}
	}
}
