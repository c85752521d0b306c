package codec_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

func TestAppendDescriptor(t *testing.T) {
	exceptions := func(flags uint32, parts ...[2]uint32) []byte {
		w := writeHeader(63, 9)
		w.bits(flags, 5)
		for _, p := range parts {
			w.bits(p[0], int(p[1]))
		}
		return w.data()
	}
	indications, references, chains := [2]uint32{0b011011, 6}, [2]uint32{0b01_0110_00, 8}, [2]uint32{0xff11, 16}
	tests := []struct {
		name    string
		value   []byte
		targets uint8
		want    []byte
	}{
		{"no bitmask wanted", exceptions(0b01000, [2]uint32{0b111, 3}), 0, exceptions(0b01000, [2]uint32{0b111, 3})},
		{"header alone", unhex(t, "c1 0009"), 3, unhex(t, "c1 abcd 45")[:4]},
		{"nothing else", exceptions(0), 3, exceptions(0b01000, [2]uint32{0b101, 3})},
		{"bitmask replaced", exceptions(0b01000, [2]uint32{0b010, 3}), 3, exceptions(0b01000, [2]uint32{0b101, 3})},
		{
			"bitmask replaced, all else there",
			exceptions(0b01111, [2]uint32{0b010, 3}, indications, references, chains), 3,
			exceptions(0b01111, [2]uint32{0b101, 3}, indications, references, chains),
		},
		{
			"bitmask put in before indications and references",
			exceptions(0b00110, indications, references), 3,
			exceptions(0b01110, [2]uint32{0b101, 3}, indications, references),
		},
		{
			"bitmask put in before chains: all is kept",
			exceptions(0b00001, chains), 3,
			append(exceptions(0b01001, [2]uint32{0b101, 3}, chains), 0)[:7],
		},
		{"too short", []byte{0xc1, 0}, 3, []byte{0xc1, 0}},
		{"empty", nil, 3, nil},
		{"cut short within the bitmask", exceptions(0b01000)[:4], 9, exceptions(0b01000)[:4]},
		{"more targets than there can be", exceptions(0), 33, exceptions(0)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := bytes.Clone(test.value)
			got := codec.AppendDescriptor([]byte("kept"), test.value, 0xabcd, 0b101, test.targets)
			want := append([]byte("kept"), test.want...)
			if len(test.want) >= 3 {
				copy(want[5:], "\xab\xcd")
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
			if !bytes.Equal(test.value, before) {
				t.Error("the value changed")
			}
		})
	}
}

// TestAppendDescriptorOfStructure puts the bitmask behind a structure.
func TestAppendDescriptorOfStructure(t *testing.T) {
	write := func(flags uint32, bitmask bool) []byte {
		w := writeHeader(62, 0xabcd)
		w.bits(flags, 5)
		writeStructure(w)
		if bitmask {
			w.bits(0b101, 3)
		}
		w.bits(0b011011, 6)
		return w.data()
	}
	got := codec.AppendDescriptor(nil, write(0b10100, false), 0xabcd, 0b101, 3)
	if want := write(0b11100, true); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	same := write(0b10100, false)
	if got := codec.AppendDescriptor(nil, same, 0xabcd, 0b101, 4); !bytes.Equal(got, same) {
		t.Errorf("of other targets: got %x, want %x", got, same)
	}
}

// TestAppendDescriptorOfCaptures: what is written reads as what was sent, but for the
// number and the bitmask.
func TestAppendDescriptorOfCaptures(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		if isPlain(name) {
			continue
		}
		var before, after codec.DependencyStructure
		for i, p := range withPayload(readFixture(t, name)) {
			value := p.GetExtension(dependencyID)
			d, err := before.Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			for active := uint32(0); active < 1<<before.Targets; active += 37 {
				checkAppended(t, i, value, d, before, &after, active)
			}
		}
	}
}

func checkAppended(t *testing.T, i int, value []byte, want codec.Dependency, before codec.DependencyStructure, after *codec.DependencyStructure, active uint32) {
	t.Helper()
	written := codec.AppendDescriptor(nil, value, want.FrameNumber+1000, active, before.Targets)
	got, err := after.Parse(written)
	want.FrameNumber += 1000
	want.HasActive, want.Active = true, active
	if err != nil || got != want || *after != before {
		t.Fatalf("packet %d, %x: %v, %s", i, written, err, cmp.Diff(want, got))
	}
	if limit := len(value) + 3; len(written) > limit {
		t.Fatalf("packet %d: %x became %x", i, value, written)
	}
}

func TestActiveMask(t *testing.T) {
	structure := func(name string) *codec.DependencyStructure {
		s := new(codec.DependencyStructure)
		if _, err := s.Parse(readFixture(t, name)[0].GetExtension(dependencyID)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	full, key := structure("vp9-chromium-l3t3"), structure("vp9-chromium-l3t3key")
	tests := []struct {
		s                 *codec.DependencyStructure
		spatial, temporal uint8
		want              uint32
	}{
		{full, 0, 0, 0b1},
		{full, 0, 2, 0b111},
		{full, 1, 0, 0b1001},
		{full, 2, 1, 0b11_011_011},
		{full, 2, 2, 0b111_111_111},
		{full, 3, 7, 0b111_111_111}, // the nearest there is
		{key, 0, 1, 0b11},
		{key, 2, 1, 0b11_000_000}, // lower spatial layers have a gap
		{key, 3, 2, 0b111_000_000},
	}
	for _, test := range tests {
		if got := test.s.ActiveMask(test.spatial, test.temporal); got != test.want {
			t.Errorf("layer %d, %d: %b, want %b", test.spatial, test.temporal, got, test.want)
		}
	}
}

// TestMasksOfCaptures: the masks of packets are those of the structure and of what is
// being sent.
func TestMasksOfCaptures(t *testing.T) {
	packets := readLayers(t, "vp9-chromium-l3t3-fewer", true)
	first, fewer, last := packets[0].Masks, packets[40].Masks, packets[len(packets)-1].Masks
	if first.Targets != 9 || first.Active[2][1] != 0b11_011_011 || last.Active[3][7] != 0b111_111_111 {
		t.Errorf("masks %+v, %+v", first, last)
	}
	if fewer.Active[2][1] != 0b11 || fewer.Active[0][2] != 0b111 {
		t.Errorf("masks of fewer targets %+v", fewer)
	}
	if got := rows(first.Within[1][1]); got != "01,01,-,-" {
		t.Errorf("within %s", got)
	}
	key := readLayers(t, "vp9-chromium-l3t3key-fewer", true)
	if m := key[40].Masks; m.Active[2][1] != 0 || m.Active[0][1] != 0b11 || rows(m.Within[2][2]) != "-,-,0+,0+" {
		t.Errorf("masks of apart layers %+v", m)
	}
}

func TestShiftPicture(t *testing.T) {
	tests := []struct {
		name          codec.Name
		before, after string
	}{
		{codec.VP8, "90 e0 8102 2a 00 d0", "90 e0 fabc 63 00 d0"},
		{codec.VP8, "90 80 05 d0", "90 80 3c d0"},
		{codec.VP8, "10 d0", "10 d0"},
		{codec.VP8, "90 e0 81", "90 e0 81"},
		{codec.VP9, "ac 81 02 43 2a 86", "ac fa bc 43 63 86"},
		{codec.VP9, "0c 86", "0c 86"},
		{codec.VP9, "ac 81", "ac 81"},
		{codec.AV1, "90 e0 8102", "90 e0 8102"},
		{codec.H264, "", ""},
	}
	for _, test := range tests {
		payload := unhex(t, test.before)
		codec.ShiftPicture(codec.Format{Name: test.name}, payload, 0x7abc, 0x63)
		if want := unhex(t, test.after); !bytes.Equal(payload, want) {
			t.Errorf("%s %s: got %x, want %x", test.name, test.before, payload, want)
		}
	}
}

func TestAppendDescriptorAllocates(t *testing.T) {
	packets := withPayload(readFixture(t, "vp9-chromium-l3t3"))
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(20, func() {
		for _, p := range packets {
			buf = codec.AppendDescriptor(buf[:0], p.GetExtension(dependencyID), 7, 3, 9)
			codec.ShiftPicture(codec.Format{Name: codec.VP9}, p.Payload, 5, 6)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
