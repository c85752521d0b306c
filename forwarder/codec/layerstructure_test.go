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
