package codec_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestTheFirstOfTwoTargetsOfALayer: of decode targets that reach the same layer the first
// is taken, the best by custom.
func TestTheFirstOfTwoTargetsOfALayer(t *testing.T) {
	d := described{t: t}
	d.key(10, []frameKind{
		{0, 0, "SS", nil},
		{0, 1, "DD", []uint32{1}},
		{0, 1, "D-", []uint32{2}},
	})
	wantRows(t, "of both", d.frame(11, 1).Needed, "0+,0+,0+,0+")
	wantRows(t, "of the first only", d.frame(12, 2).Needed, "0+,0+,0+,0+")
}

// TestAStructureThatSaysTheSame: keyframes that repeat what is known cost no memory.
func TestAStructureThatSaysTheSame(t *testing.T) {
	d := described{t: t}
	first := d.key(10, l2t1()).Masks
	for number := uint32(20); number < 60; number += 10 {
		if d.key(number, l2t1()).Masks != first {
			t.Errorf("the keyframe %d has masks of its own", number)
		}
	}
	other := d.key(60, []frameKind{{0, 0, "S", nil}, {0, 0, "S", []uint32{1}}}).Masks
	if other == first {
		t.Error("another structure has the same masks")
	}
}

// TestLayersWithoutTheirDescriptor: once packets have none, the payload tells how many
// layers there are, not a structure of before.
func TestLayersWithoutTheirDescriptor(t *testing.T) {
	d := described{t: t}
	d.key(10, l2t1())
	if got := d.r.Layers().Spatial; got != 2 {
		t.Fatalf("%d spatial layers", got)
	}
	payload := []byte{0x5c, 0x81, 0x9a}
	d.r.Read(h264, codec.Inspect(h264, payload), payload, nil, true)
	if got := d.r.Layers().Spatial; got != 1 {
		t.Errorf("%d spatial layers without a descriptor", got)
	}
}

// raw reads a descriptor that may not be understood.
func (d *described) raw(value []byte) codec.Layering {
	payload := []byte{0x5c, 0x41, 0}
	return d.r.Read(h264, codec.Inspect(h264, payload), payload, value, false)
}

// structured is a keyframe's descriptor.
func structured(number uint32, kinds []frameKind) []byte {
	w := writeHeader(0, number)
	w.bits(0b10000, 5)
	structureBits(w, kinds)
	return w.data()
}

// TestPacketsOfTheFrameThatBringsAStructure are read by it, also of the sequence before.
// One that brings another structure, or a malformed one, under its number is not believed.
func TestPacketsOfTheFrameThatBringsAStructure(t *testing.T) {
	d := described{t: t}
	d.key(10, l2t1())
	wantRows(t, "the next packet", d.frame(10, 0).Needed, "0+,0+,0+,0+")
	other := []frameKind{{0, 0, "S", nil}, {0, 0, "S", []uint32{1}}}
	if l := d.raw(structured(10, other)); l.Masks != nil {
		t.Error("another structure of the same frame is taken")
	}
	if l := d.raw(structured(10, l2t1())[:6]); l.Masks != nil {
		t.Error("a structure cut short is taken")
	}
	wantRows(t, "as before", d.frame(11, 2).Needed, "-,0+,0+,0+")
	d.key(20, l2t1())
	wantRows(t, "of the sequence before", d.frame(10, 0).Needed, "0+,0+,0+,0+")
}

// TestFramesAreLateByLateFrames: a number that far behind is late, one farther is ahead.
func TestFramesAreLateByLateFrames(t *testing.T) {
	for behind, want := range map[uint32]string{1023: "-,-,-,-", 1024: "-,-,-,-"} {
		d := described{t: t}
		d.key(900, l2t1())
		d.frame(2000, 1)
		wantRows(t, "late", d.frame(2000-behind, 1).Entry, want)
		if l := d.frame(2001, 2); l.Masks == nil || rows(l.Needed) != "-,0+,0+,0+" {
			t.Errorf("%d behind: the next frame is needed by %s", behind, rows(l.Needed))
		}
	}
}

// TestWhatIsToldBeforeAStructure: the active targets that the newest frame told count, if
// it told of as many as the structure has.
func TestWhatIsToldBeforeAStructure(t *testing.T) {
	three := []frameKind{{0, 0, "SSS", nil}, {0, 0, "SRR", []uint32{1}}, {1, 0, "-SS", []uint32{1}}, {2, 0, "--S", []uint32{1}}}
	for name, test := range map[string]struct {
		told  []uint32 // numbers of frames that tell of target 0 only, and then of all
		kinds []frameKind
		want  uint8
	}{
		"told late":           {[]uint32{16, 14}, l2t1(), 1},
		"told in order":       {[]uint32{14, 16}, l2t1(), 2},
		"of all targets":      {[]uint32{16, 13}, three, 1},
		"of too few of them":  {[]uint32{16, 13}, sixTargets(), 3},
		"before the keyframe": {[]uint32{11, 11}, l2t1(), 2},
	} {
		d := described{t: t}
		d.key(10, l2t1())
		for i, number := range test.told {
			w := writeHeader(1, number)
			w.bits(0b01000, 5)
			active := uint32(0b111)
			if i == 0 {
				active = 0b010 // of two targets the first
				if len(test.kinds[0].indications) == 3 {
					active = 0b001
				}
			}
			w.bits(active, 3)
			d.raw(w.data())
		}
		d.key(12, test.kinds)
		if got := d.r.Layers().Spatial; got != test.want {
			t.Errorf("%s: %d spatial layers, want %d", name, got, test.want)
		}
	}
}

// sixTargets are three spatial by two temporal layers, the best first.
func sixTargets() []frameKind {
	return []frameKind{
		{0, 0, "SSSSSS", nil},
		{0, 0, "RRRRSS", []uint32{6}},
		{0, 1, "R-R-D-", []uint32{3}},
		{1, 0, "RRSS--", []uint32{1}},
		{1, 1, "R-D---", []uint32{3, 1}},
		{2, 0, "SS----", []uint32{1}},
		{2, 1, "D-----", []uint32{3, 1}},
	}
}

// TestOnlyAnUpperLayerIsMade: who wants a lower one than there is gets the lowest; a sender
// that says that it makes none has the layers it had.
func TestOnlyAnUpperLayerIsMade(t *testing.T) {
	d := described{t: t}
	d.key(10, l2t1())
	w := writeHeader(0, 30)
	w.bits(0b11000, 5)
	structureBitsOnly(w, l2t1())
	w.bits(0b10, 2)
	w.bits(0, 8)
	d.read(w.data())
	wantRows(t, "the upper layer", d.frame(31, 2).Needed, "0+,0+,0+,0+")
	d.active(32, 1, 0)
	if got := d.r.Layers().Spatial; got != 2 {
		t.Errorf("%d spatial layers where none is made", got)
	}
}

// structureBitsOnly writes a structure without what fills it up to whole bytes.
func structureBitsOnly(w *bitWriter, kinds []frameKind) {
	whole := new(bitWriter)
	structureBits(whole, kinds)
	n := 6 + 5 + 2*len(kinds) + 2*len(kinds)*len(kinds[0].indications) + len(kinds)
	for _, k := range kinds {
		n += 5 * len(k.references)
	}
	n += 2 // no chains in two bits at most, no sizes
	data := whole.data()
	for i := range n {
		w.bits(uint32(data[i/8]>>(7-i%8)&1), 1)
	}
}

// TestEightTemporalLayers are as many as there may be.
func TestEightTemporalLayers(t *testing.T) {
	var kinds []frameKind
	for u := range uint32(8) {
		kinds = append(kinds, frameKind{0, u, "S", nil})
	}
	var s codec.DependencyStructure
	if _, err := s.Parse(structured(1, kinds)); err != nil || s.TemporalLayers != 8 {
		t.Errorf("%d temporal layers, %v", s.TemporalLayers, err)
	}
	if _, err := s.Parse(structured(1, append(kinds, frameKind{0, 8, "S", nil}))); err == nil {
		t.Error("nine temporal layers are taken")
	}
}

// TestDescriptorsWithoutAStructure: where it is not known, AV1 goes to everybody, and what
// VP9's payload says of its layers counts.
func TestDescriptorsWithoutAStructure(t *testing.T) {
	value := writeHeader(1, 5).data()
	for name, test := range map[codec.Name]struct {
		payload []byte
		want    string
	}{
		codec.AV1: {[]byte{0x10, 0x34, 0x40, 0x30}, "0+,0+,0+,0+"},
		codec.VP9: {vp9Frame{id: 1, sid: 1, below: true}.payload(), "-,0+,0+,0+"},
	} {
		var r codec.LayerReader
		f := codec.Format{Name: name}
		wantRows(t, f.Name.String(), r.Read(f, codec.Inspect(f, test.payload), test.payload, value, false).Needed, test.want)
	}
}

// TestFragmentsThatDoNotGoOn: an AV1 packet that says that nothing goes on has said all of
// its layer; an H.265 parameter set's later fragment and an empty one say nothing.
func TestFragmentsThatDoNotGoOn(t *testing.T) {
	runLayers(t, codec.AV1, []step{
		{"10 34 40 30", "S0T2 needed 2+,2+,2+,2+ entry -,-,-,- last -,-,-,- start", false},
		{"90 30", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false},
	})
	runLayers(t, codec.H265, []step{
		{"62 01 21 01 01", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,-", false},
		{"42 01", "S0T0 needed 0+,0+,0+,0+ entry -,-,-,- last -,-,-,- start", false},
		{"02 02 d0", "S0T1 needed 1+,1+,1+,1+ entry -,-,-,- last -,-,-,- start", false},
	})
}
