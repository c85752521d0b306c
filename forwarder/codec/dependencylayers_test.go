package codec_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A frameKind is a template of a structure: what a frame is to each decode target, as
// the specification writes it, and how far back it refers.
type frameKind struct {
	spatial, temporal uint32
	indications       string // a letter for each target: - D S R
	references        []uint32
}

// structureBits writes a structure without chains and sizes. Templates must be in the
// order of layers.
func structureBits(w *bitWriter, kinds []frameKind) {
	w.bits(0, 6)
	w.bits(uint32(len(kinds[0].indications)-1), 5)
	for i := 1; i < len(kinds); i++ {
		switch {
		case kinds[i].spatial > kinds[i-1].spatial:
			w.bits(2, 2)
		case kinds[i].temporal > kinds[i-1].temporal:
			w.bits(1, 2)
		default:
			w.bits(0, 2)
		}
	}
	w.bits(3, 2)
	for _, k := range kinds {
		for _, letter := range k.indications {
			w.bits(map[rune]uint32{'-': 0, 'D': 1, 'S': 2, 'R': 3}[letter], 2)
		}
	}
	for _, k := range kinds {
		for _, diff := range k.references {
			w.bits(1<<4|diff-1, 5)
		}
		w.bits(0, 1)
	}
	w.bits(0, 8) // no chains, no sizes; the rest is padding
}

// A described is a stream of frames of one packet each.
type described struct {
	t     *testing.T
	r     codec.LayerReader
	kinds []frameKind
}

// key reads a keyframe of template 0 that brings a structure.
func (d *described) key(number uint32, kinds []frameKind) codec.Layering {
	d.kinds = kinds
	w := writeHeader(0, number)
	w.bits(0b10000, 5)
	structureBits(w, kinds)
	return d.read(w.data())
}

// frame reads a frame of a template.
func (d *described) frame(number, template uint32) codec.Layering {
	return d.read(writeHeader(template, number).data())
}

// active reads a frame of a template that says which targets are active.
func (d *described) active(number, template, active uint32) codec.Layering {
	w := writeHeader(template, number)
	w.bits(0b01000, 5)
	w.bits(active, len(d.kinds[0].indications))
	return d.read(w.data())
}

func (d *described) read(value []byte) codec.Layering {
	d.t.Helper()
	payload := []byte{0x5c, 0x41, 0} // the end of a fragmented slice says nothing
	l := d.r.Read(h264, codec.Inspect(h264, payload), payload, value, false)
	if l.Masks == nil {
		d.t.Fatalf("descriptor %x was not understood", value)
	}
	return l
}

func wantRows(t *testing.T, what string, got uint32, want string) {
	t.Helper()
	if rows(got) != want {
		t.Errorf("%s: %s, want %s", what, rows(got), want)
	}
}

// l2t1 are two spatial layers, of which the upper needs the lower.
func l2t1() []frameKind {
	return []frameKind{
		{0, 0, "SS", nil},
		{0, 0, "SR", []uint32{2}},
		{1, 0, "-S", []uint32{1}},
		{1, 0, "-S", []uint32{2, 1}},
	}
}

// TestApartLayers: of spatial layers that do not need each other, the keyframe that
// brings the structure goes to all, later frames only to those who take that layer.
func TestApartLayers(t *testing.T) {
	d := described{t: t}
	wantRows(t, "key", d.key(1, []frameKind{
		{0, 0, "S-", nil},
		{0, 0, "S-", []uint32{2}},
		{1, 0, "-S", nil},
		{1, 0, "-S", []uint32{2}},
	}).Needed, "0+,0+,0+,0+")
	l := d.frame(2, 2)
	wantRows(t, "key of the upper", l.Needed, "-,0+,0+,0+")
	if l.Flags&codec.LayerKeyframe == 0 {
		t.Error("the upper layer's first frame is no keyframe")
	}
	wantRows(t, "lower", d.frame(3, 1).Needed, "0+,-,-,-")
	wantRows(t, "upper", d.frame(4, 3).Needed, "-,0+,0+,0+")
	wantRows(t, "within", d.frame(5, 1).Masks.Within[1][0], "-,0+,0+,0+")
}

// TestEntryNeedsReferences: a frame that may be entered lets only those in who have
// what it refers to.
func TestEntryNeedsReferences(t *testing.T) {
	kinds := []frameKind{
		{0, 0, "SS", nil},
		{0, 0, "SR", []uint32{2}},
		{0, 1, "-S", []uint32{1}},
		{0, 1, "-S", []uint32{2}},
	}
	d := described{t: t}
	d.key(10, kinds)
	wantRows(t, "refers to the base layer", d.frame(11, 2).Entry, "1+,1+,1+,1+")
	wantRows(t, "base layer", d.frame(12, 1).Entry, "-,-,-,-")
	// Who has the highest temporal layer there is has the next one too.
	wantRows(t, "refers to its own layer", d.frame(13, 3).Entry, "2+,2+,2+,2+")
	d.frame(15, 1)
	wantRows(t, "refers to what was lost", d.frame(16, 3).Entry, "2+,2+,2+,2+")
	d.frame(18, 1)
	d.frame(20, 1)
	wantRows(t, "late", d.frame(19, 2).Entry, "-,-,-,-")
}

// TestReferencesFarBack: frames that left the window are taken as not got.
func TestReferencesFarBack(t *testing.T) {
	d := described{t: t}
	d.key(10, []frameKind{{0, 0, "SS", nil}, {0, 0, "SR", []uint32{2}}, {0, 1, "-S", []uint32{1}}})
	far := func(number, diff uint32) codec.Layering {
		w := writeHeader(2, number)
		w.bits(0b00010, 5)
		w.bits(0b11, 2) // a reference in 12 bits
		w.bits(diff-1, 12)
		w.bits(0, 2)
		return d.read(w.data())
	}
	for number := uint32(12); number <= 136; number += 2 {
		d.frame(number, 1)
	}
	wantRows(t, "127 frames back", far(137, 127).Entry, "1+,1+,1+,1+")
	d.frame(138, 1)
	wantRows(t, "129 frames back", far(139, 129).Entry, "2+,2+,2+,2+")
}

// TestLateFramesOfTheSequenceBefore: a late packet is read by its own structure, and a
// late structure does not take the place of a newer one.
func TestLateFramesOfTheSequenceBefore(t *testing.T) {
	temporal := []frameKind{
		{0, 0, "SS", nil},
		{0, 0, "SS", []uint32{2}},
		{0, 1, "-D", []uint32{1}},
		{0, 1, "-D", []uint32{3}},
	}
	d := described{t: t}
	d.key(100, l2t1())
	d.frame(101, 2)
	d.key(200, temporal)
	wantRows(t, "now", d.frame(201, 2).Needed, "1+,1+,1+,1+")
	wantRows(t, "before", d.frame(103, 2).Needed, "-,0+,0+,0+")
	wantRows(t, "late keyframe", d.key(150, l2t1()).Needed, "0+,0+,0+,0+")
	wantRows(t, "of the late keyframe", d.frame(153, 3).Needed, "-,0+,0+,0+")
	wantRows(t, "still now", d.frame(203, 3).Needed, "1+,1+,1+,1+")
	wantRows(t, "again", d.key(200, temporal).Needed, "0+,0+,0+,0+")
	value := writeHeader(2, 99).data()
	payload := []byte{0x5c, 0x41, 0}
	l := d.r.Read(h264, codec.Inspect(h264, payload), payload, value, false)
	wantRows(t, "older than what is known", l.Needed, "0+,0+,0+,0+")
	if l.Masks != nil || l.FrameNumber != 99 || l.Flags&codec.HasFrameNumber == 0 {
		t.Errorf("older than what is known: %+v", l)
	}
	if got := d.r.Layers(); got.Spatial != 1 || got.Temporal != 2 {
		t.Errorf("layers %+v", got)
	}
}

// TestLateActiveTargets: what a late packet says of active targets is over, and a late
// frame of a target that is not active any more goes to those who took it.
func TestLateActiveTargets(t *testing.T) {
	d := described{t: t}
	d.key(10, l2t1())
	d.frame(11, 2)
	d.active(14, 1, 0b01)
	if got := d.r.Layers().Spatial; got != 1 {
		t.Errorf("%d spatial layers", got)
	}
	wantRows(t, "late upper layer", d.frame(13, 3).Needed, "-,0+,0+,0+")
	late := d.active(12, 1, 0b11)
	if got := d.r.Layers().Spatial; got != 1 {
		t.Errorf("%d spatial layers by a late packet", got)
	}
	wantRows(t, "its end", late.Last, "0+,-,-,-")
	wantRows(t, "end", d.frame(16, 1).Last, "0+,0+,0+,0+")
	d.key(10, l2t1()) // once more
	if got := d.r.Layers().Spatial; got != 1 {
		t.Errorf("%d spatial layers by a keyframe that came twice", got)
	}
}

// TestActiveTargetsBeforeTheirStructure: what a frame told that came before its keyframe, whose
// first packet was sent again, holds once that is there; what is of the sequence before does not.
func TestActiveTargetsBeforeTheirStructure(t *testing.T) {
	for told, want := range map[uint32]uint8{14: 1, 11: 2} {
		d := described{t: t}
		d.key(10, l2t1())
		d.active(told, 1, 0b01)
		d.key(12, l2t1())
		d.frame(16, 1)
		if got := d.r.Layers().Spatial; got != want {
			t.Errorf("told with frame %d, of a keyframe 12: %d spatial layers, want %d", told, got, want)
		}
	}
}

// TestLateFrameMovesNobody: who waits for a target to come back goes over to it with a
// frame in order only, as what came after a late one has been dropped.
func TestLateFrameMovesNobody(t *testing.T) {
	d := described{t: t}
	d.key(10, l2t1())
	d.frame(11, 2)
	d.active(12, 1, 0b01)
	d.active(14, 1, 0b11)
	wantRows(t, "refers to what was dropped", d.frame(17, 3).Needed, "-,-,-,-")
	wantRows(t, "late", d.frame(15, 2).Needed, "-,-,-,-")
	wantRows(t, "another packet", d.frame(17, 3).Needed, "-,-,-,-")
	d.frame(18, 1)
	wantRows(t, "in order", d.frame(19, 2).Needed, "-,0+,0+,0+")
}

// TestTargetsBestFirst: on the way back to a target, the best on the way is taken,
// whatever the order of targets.
func TestTargetsBestFirst(t *testing.T) {
	d := described{t: t}
	d.key(10, []frameKind{
		{0, 0, "SSSSSS", nil},            // 0
		{0, 0, "RRRRSS", []uint32{6}},    // 1
		{0, 1, "R-R-D-", []uint32{3}},    // 2
		{1, 0, "RRSS--", []uint32{1}},    // 3
		{1, 1, "R-D---", []uint32{3, 1}}, // 4
		{2, 0, "SS----", []uint32{1}},    // 5
		{2, 1, "D-----", []uint32{3, 1}}, // 6
	})
	d.frame(11, 3)
	d.frame(12, 5)
	d.active(16, 1, 0b110000)
	d.active(22, 1, 0b111111)
	d.frame(23, 3)
	wantRows(t, "lower layer", d.frame(25, 2).Needed, "1+,1+,1+,1+")
	wantRows(t, "middle layer", d.frame(26, 4).Needed, "-,1+,1+,1+")
}

// TestFrameNumbersJump: numbers that jump far are new ones, not late.
func TestFrameNumbersJump(t *testing.T) {
	d := described{t: t}
	d.key(10, l2t1())
	for _, number := range []uint32{40_000, 0xfffe, 3, 30_000, 20_000} {
		wantRows(t, "key", d.key(number, l2t1()).Entry, "0+,0+,0+,0+")
		wantRows(t, "upper", d.frame(number+1, 2).Needed, "-,0+,0+,0+")
	}
}
