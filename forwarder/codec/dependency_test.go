package codec_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	np = codec.NotPresent
	di = codec.Discardable
	sw = codec.Switch
	rq = codec.Required
)

// dependencyID is the id the Chromium fixtures negotiated for the extension.
const dependencyID = 14

// writeHeader begins a descriptor that starts and ends its frame.
func writeHeader(template, number uint32) *bitWriter {
	w := new(bitWriter)
	w.bits(0b11, 2)
	w.bits(template, 6)
	w.bits(number, 16)
	return w
}

// writeStructure writes a structure of two spatial layers, three decode targets
// and two chains, whose ids begin at 62 and so wrap.
func writeStructure(w *bitWriter) {
	w.bits(62, 6)  // template_id_offset
	w.bits(3-1, 5) // decode targets
	w.bits(0, 2)   // templates 0 and 1: layer 0, 0
	w.bits(1, 2)   // template 2: layer 0, 1
	w.bits(2, 2)   // template 3: layer 1, 0
	w.bits(3, 2)   // no more
	for _, dti := range []codec.Indication{sw, sw, sw, rq, rq, sw, di, np, np, np, np, rq} {
		w.bits(uint32(dti), 2)
	}
	w.bits(0, 1)                  // template 0 refers to nothing
	w.bits(0b1_0011_0, 6)         // 1: 4
	w.bits(0b1_1111_0, 6)         // 2: 16
	w.bits(0b1_0000_1_0011_0, 11) // 3: 1, 4
	w.bits(2, 2)                  // chains: ns(4) of 2
	w.bits(0b010, 3)              // protected by: ns(2) each
	for _, diff := range []uint32{0, 0, 4, 3, 2, 1, 15, 4} {
		w.bits(diff, 4)
	}
	w.bits(1, 1) // sizes
	for _, v := range []uint32{319, 179, 639, 359} {
		w.bits(v, 16)
	}
}

func TestDependencyStructure(t *testing.T) {
	w := writeHeader(62, 0xfffe)
	w.bits(0b10000, 5)
	writeStructure(w)
	var s codec.DependencyStructure
	d, err := s.Parse(w.data())
	if err != nil {
		t.Fatal(err)
	}
	if !d.NewStructure || !d.HasActive || d.Active != 0b111 || !d.Start || !d.End || d.FrameNumber != 0xfffe {
		t.Errorf("%+v", d)
	}
	want := codec.DependencyStructure{
		IDOffset: 62, TemplateCount: 4, Targets: 3, Chains: 2, SpatialLayers: 2, TemporalLayers: 2,
	}
	copy(want.ProtectedBy[:], []uint8{0, 1, 0})
	copy(want.Widths[:], []uint16{320, 640})
	copy(want.Heights[:], []uint16{180, 360})
	want.Templates[0] = template(0, 0, []codec.Indication{sw, sw, sw}, nil, []uint8{0, 0})
	want.Templates[1] = template(0, 0, []codec.Indication{rq, rq, sw}, []uint8{4}, []uint8{4, 3})
	want.Templates[2] = template(0, 1, []codec.Indication{di, np, np}, []uint8{16}, []uint8{2, 1})
	want.Templates[3] = template(1, 0, []codec.Indication{np, np, rq}, []uint8{1, 4}, []uint8{15, 4})
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	for i, layers := range [][2]uint8{{0, 1}, {0, 0}, {1, 0}} {
		if spatial, temporal := s.Target(i); spatial != layers[0] || temporal != layers[1] {
			t.Errorf("target %d: layers %d, %d, want %v", i, spatial, temporal, layers)
		}
	}
}

func template(spatial, temporal uint8, indications []codec.Indication, references, chains []uint8) codec.DependencyTemplate {
	tmpl := codec.DependencyTemplate{Spatial: spatial, Temporal: temporal, ReferenceCount: uint8(len(references))}
	copy(tmpl.Indications[:], indications)
	copy(tmpl.References[:], references)
	copy(tmpl.ChainDiffs[:], chains)
	return tmpl
}

// known returns the structure of writeStructure.
func known(t testing.TB) codec.DependencyStructure {
	t.Helper()
	w := writeHeader(62, 0)
	w.bits(0b10000, 5)
	writeStructure(w)
	var s codec.DependencyStructure
	if _, err := s.Parse(w.data()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDependencyOfTemplate(t *testing.T) {
	s := known(t)
	d, err := s.Parse(unhex(t, "81 0007")) // template 3: 62 + 3 - 64
	if err != nil {
		t.Fatal(err)
	}
	want := codec.Dependency{
		DependencyHeader: codec.DependencyHeader{Start: true, TemplateID: 1, FrameNumber: 7},
		Spatial:          1, Targets: 3, ReferenceCount: 2, Chains: 2, Width: 640, Height: 360,
	}
	copy(want.Indications[:], []codec.Indication{np, np, rq})
	copy(want.References[:], []uint16{1, 4})
	copy(want.ChainDiffs[:], []uint8{15, 4})
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}

func TestDependencyExceptions(t *testing.T) {
	s := known(t)
	w := writeHeader(63, 9)
	w.bits(0b01111, 5) // all but a structure
	w.bits(0b101, 3)   // active targets
	for _, dti := range []codec.Indication{di, rq, np} {
		w.bits(uint32(dti), 2)
	}
	w.bits(0b01_0110, 6)          // a reference in 4 bits: 7
	w.bits(0b10_01100011, 10)     // in 8 bits: 100
	w.bits(0b11_111111111111, 14) // in 12 bits: 4096
	w.bits(0, 2)
	w.bits(255, 8)
	w.bits(17, 8)
	d, err := s.Parse(w.data())
	if err != nil {
		t.Fatal(err)
	}
	if !d.HasActive || d.Active != 0b101 || d.NewStructure || d.Spatial != 0 || d.Width != 320 {
		t.Errorf("%+v", d)
	}
	if got := d.Indications[:d.Targets]; !cmp.Equal(got, []codec.Indication{di, rq, np}) {
		t.Errorf("indications %v", got)
	}
	if got := d.References[:d.ReferenceCount]; !cmp.Equal(got, []uint16{7, 100, 4096}) {
		t.Errorf("references %v", got)
	}
	if got := d.ChainDiffs[:d.Chains]; !cmp.Equal(got, []uint8{255, 17}) {
		t.Errorf("chains %v", got)
	}
}

// TestDependencyReferences takes as many references as there is room for.
func TestDependencyReferences(t *testing.T) {
	w := writeHeader(0, 1)
	w.bits(0b10000, 5)
	w.bits(0, 6+5)
	w.bits(3, 2)
	w.bits(2, 2)
	for range codec.MaxReferences {
		w.bits(0b10000, 5)
	}
	w.bits(0, 16) // no more; no chains, no sizes
	var s codec.DependencyStructure
	if d, err := s.Parse(w.data()); err != nil || d.ReferenceCount != codec.MaxReferences {
		t.Errorf("template: %d, %v", d.ReferenceCount, err)
	}
	w = writeHeader(0, 2)
	w.bits(0b00010, 5)
	for range codec.MaxReferences {
		w.bits(0b01_0000, 6)
	}
	w.bits(0, 8)
	if d, err := s.Parse(w.data()); err != nil || d.ReferenceCount != codec.MaxReferences {
		t.Errorf("frame: %d, %v", d.ReferenceCount, err)
	}
}

func TestDependencyErrors(t *testing.T) {
	before := known(t)
	custom := func(write func(w *bitWriter)) []byte {
		w := writeHeader(62, 1)
		write(w)
		return w.data()
	}
	tests := []struct {
		name        string
		value       []byte
		noStructure bool
	}{
		{"empty", nil, false},
		{"two bytes", []byte{0xc0, 0}, false},
		{"unknown template", unhex(t, "c2 0001"), true},
		{"structure cut short", custom(func(w *bitWriter) { w.bits(0b10000, 5); w.bits(62, 6) }), false},
		{"layers without end", custom(func(w *bitWriter) { w.bits(0b10000, 5); w.bits(0, 11+200) }), false},
		{"five spatial layers", custom(func(w *bitWriter) { w.bits(0b10000, 5); w.bits(0, 11); w.bits(0b1010101011, 10); w.bits(0, 99) }), false},
		{"nine temporal layers", custom(func(w *bitWriter) { w.bits(0b10000, 5); w.bits(0, 11); w.bits(0b010101010101010111, 18); w.bits(0, 99) }), false},
		{"17 references of a template", custom(func(w *bitWriter) {
			w.bits(0b10000, 5)
			w.bits(62, 6)
			w.bits(0, 5)
			w.bits(3, 2)
			w.bits(2, 2)
			for range 17 {
				w.bits(0b10000, 5)
			}
			w.bits(0, 32)
		}), false},
		{"17 references of a frame", custom(func(w *bitWriter) {
			w.bits(0b00010, 5)
			for range 17 {
				w.bits(0b01_0000, 6)
			}
			w.bits(0, 8)
		}), false},
		{"references cut short", custom(func(w *bitWriter) { w.bits(0b00010_11, 7) }), false},
		{"structure without the frame's template", func() []byte {
			w := writeHeader(61, 1)
			w.bits(0b10000, 5)
			writeStructure(w)
			return w.data()
		}(), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := before
			d, err := s.Parse(test.value)
			if err == nil || errors.Is(err, codec.ErrNoStructure) != test.noStructure {
				t.Errorf("error %v", err)
			}
			if s != before {
				t.Error("the structure changed")
			}
			if header, ok := codec.ParseDependencyHeader(test.value); ok && d.DependencyHeader != header {
				t.Errorf("header %+v, want %+v", d.DependencyHeader, header)
			}
		})
	}
	var none codec.DependencyStructure
	if _, err := none.Parse(unhex(t, "c0 0001")); !errors.Is(err, codec.ErrNoStructure) {
		t.Errorf("without structure: %v", err)
	}
}

func TestPutFrameNumber(t *testing.T) {
	value := unhex(t, "c1 0002 80")
	codec.PutFrameNumber(value, 0xabcd)
	if want := unhex(t, "c1 abcd 80"); !cmp.Equal(value, want) {
		t.Errorf("%x, want %x", value, want)
	}
}

func TestWithoutEnd(t *testing.T) {
	value := unhex(t, "c1 0002 80")
	got := codec.WithoutEnd(value)
	if want := unhex(t, "81 0002 80"); !cmp.Equal(got, want) || value[0] != 0xc1 {
		t.Errorf("%x of %x, want %x", got, value, want)
	}
	if got := codec.WithoutEnd(nil); len(got) != 0 {
		t.Errorf("%x of nothing", got)
	}
}

// TestChromiumDependencies reads a browser's descriptors to the end and checks
// them against the payloads and against each other.
func TestChromiumDependencies(t *testing.T) {
	tests := []struct {
		name                       string
		spatial, temporal, targets uint8
		templates, chains          uint8
		protected                  []uint8
		widths, heights            []uint16
	}{
		{"vp9-chromium-l1t3", 1, 3, 3, 5, 1, []uint8{0, 0, 0}, []uint16{160, 0, 0, 0}, []uint16{90, 0, 0, 0}},
		{"vp9-chromium-l3t3", 3, 3, 9, 15, 3, []uint8{0, 0, 0, 1, 1, 1, 2, 2, 2}, []uint16{320, 640, 1280, 0}, []uint16{180, 360, 720, 0}},
		{"vp9-chromium-l3t3key", 3, 3, 9, 15, 3, []uint8{0, 0, 0, 1, 1, 1, 2, 2, 2}, []uint16{320, 640, 1280, 0}, []uint16{180, 360, 720, 0}},
		{"vp9-chromium-l3t3-fewer", 3, 3, 9, 15, 3, []uint8{0, 0, 0, 1, 1, 1, 2, 2, 2}, []uint16{320, 640, 1280, 0}, []uint16{180, 360, 720, 0}},
		{"vp9-chromium-l3t3key-fewer", 3, 3, 9, 15, 3, []uint8{0, 0, 0, 1, 1, 1, 2, 2, 2}, []uint16{320, 640, 1280, 0}, []uint16{180, 360, 720, 0}},
		{"av1-chromium-l3t3", 3, 3, 9, 15, 3, []uint8{0, 0, 0, 1, 1, 1, 2, 2, 2}, []uint16{320, 640, 1280, 0}, []uint16{180, 360, 720, 0}},
		{"av1-chromium-l3t3key", 3, 3, 9, 15, 3, []uint8{0, 0, 0, 1, 1, 1, 2, 2, 2}, []uint16{320, 640, 1280, 0}, []uint16{180, 360, 720, 0}},
		{"vp8-chromium-simulcast", 1, 3, 3, 7, 0, []uint8{0, 0, 0}, []uint16{320, 0, 0, 0}, []uint16{180, 0, 0, 0}},
		{"h264-chromium-l1t3", 1, 3, 3, 5, 1, []uint8{0, 0, 0}, []uint16{0, 0, 0, 0}, []uint16{0, 0, 0, 0}},
		{"av1-chromium-l2t2", 2, 2, 4, 6, 2, []uint8{0, 0, 1, 1}, []uint16{640, 1280, 0, 0}, []uint16{360, 720, 0, 0}},
		{"av1-chromium-l1t3", 1, 3, 3, 5, 1, []uint8{0, 0, 0}, []uint16{160, 0, 0, 0}, []uint16{90, 0, 0, 0}},
		{"vp8-chromium-l1t3", 1, 3, 3, 7, 0, []uint8{0, 0, 0}, []uint16{160, 0, 0, 0}, []uint16{90, 0, 0, 0}},
		{"h264-chromium-l1t2", 1, 2, 2, 3, 1, []uint8{0, 0}, []uint16{0, 0, 0, 0}, []uint16{0, 0, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := followDependencies(t, test.name)
			if s.SpatialLayers != test.spatial || s.TemporalLayers != test.temporal || s.Targets != test.targets ||
				s.TemplateCount != test.templates || s.Chains != test.chains ||
				!cmp.Equal(s.ProtectedBy[:s.Targets], test.protected) ||
				!cmp.Equal(s.Widths[:], test.widths) || !cmp.Equal(s.Heights[:], test.heights) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// followDependencies reads all descriptors of a fixture and returns the last
// structure.
func followDependencies(t *testing.T, name string) codec.DependencyStructure {
	t.Helper()
	var s codec.DependencyStructure
	sent := map[uint16]codec.Dependency{}
	for i, p := range readFixture(t, name) {
		if len(p.Payload) == 0 {
			continue
		}
		in := codec.Inspect(formatOf(t, name), p.Payload)
		d, err := s.Parse(p.GetExtension(dependencyID))
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if d.NewStructure != in.Keyframe {
			t.Errorf("packet %d: structure %v, keyframe %v", i, d.NewStructure, in.Keyframe)
		}
		if d.NewStructure {
			clear(sent)
		}
		if in.Spatial != 0 && in.Spatial != d.Spatial || in.Temporal != 0 && in.Temporal != d.Temporal {
			t.Errorf("packet %d: layer %d, %d in the payload, %d, %d in the descriptor", i, in.Spatial, in.Temporal, d.Spatial, d.Temporal)
		}
		if p.Marker && !d.End {
			t.Errorf("packet %d: marker inside of a frame", i)
		}
		checkReferences(t, i, d, sent)
		sent[d.FrameNumber] = d
	}
	return s
}

// checkReferences checks that a frame needs only frames that were sent, of its
// own layers or lower ones.
func checkReferences(t *testing.T, i int, d codec.Dependency, sent map[uint16]codec.Dependency) {
	t.Helper()
	for _, diff := range d.References[:d.ReferenceCount] {
		r, ok := sent[d.FrameNumber-diff]
		if !ok || r.Spatial > d.Spatial || r.Temporal > d.Temporal {
			t.Errorf("packet %d: frame %d refers to %d: %v, %+v", i, d.FrameNumber, d.FrameNumber-diff, ok, r)
		}
	}
	for c, diff := range d.ChainDiffs[:d.Chains] {
		if _, ok := sent[d.FrameNumber-uint16(diff)]; diff != 0 && !ok {
			t.Errorf("packet %d: chain %d goes back to %d, which was not sent", i, c, d.FrameNumber-uint16(diff))
		}
	}
}
