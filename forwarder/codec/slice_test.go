package codec_test

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// sliceTypes returns a letter for each picture of a stream in sending order: the type
// of its first slice.
func sliceTypes(f codec.Format, p *codec.ParameterSets, packets []*rtp.Packet) string {
	var types []byte
	var last uint32
	for _, packet := range packets {
		p.Keep(f, packet.Payload)
		t := p.SliceType(f, packet.Payload)
		if t != 0 && (len(types) == 0 || packet.Timestamp != last) {
			types, last = append(types, "?IPB"[t]), packet.Timestamp
		}
	}
	return string(types)
}

// TestFixtureSlices compares with the picture types that ffprobe names for what the
// same encoders make with the same options, put into sending order.
func TestFixtureSlices(t *testing.T) {
	tests := []struct {
		fixture, types   string
		reorder, profile int
	}{
		{"h264", "IPPPPIPPPPIP", 0, 100},
		{"h264-refresh", "IPPPPPPPPPPPPPPP", 0, 100},
		{"h264-opengop", "IPBBIBBPBBIBBPBB", 2, 100},
		{"h264-mode0", "IPPIPP", 0, 66},
		{"h264-chromium-l1t2", "IPPPPPPPPPPIPPPPPPPPPPIPPPPPPPPPIP", 0, 66},
		{"h265", "IPPPPIPPPPIP", 0, 1},
		{"h265-cra", "IPPPPPIPPPPPIPBB", 2, 1},
		{"vp8", "", 0, 0},
		{"av1-aom", "", 0, 0},
	}
	for _, test := range tests {
		f := formatOf(t, test.fixture)
		var p codec.ParameterSets
		if got := sliceTypes(f, &p, readFixture(t, test.fixture)); got != test.types {
			t.Errorf("%s: %s, want %s", test.fixture, got, test.types)
		}
		reorder, said := p.Reorder(f)
		if reorder != test.reorder || said != (test.types != "") {
			t.Errorf("%s: reorders %d pictures, %v; want %d", test.fixture, reorder, said, test.reorder)
		}
		profile, known := p.Profile(f)
		if int(profile) != test.profile || known != (test.types != "") {
			t.Errorf("%s: profile %d, %v; want %d", test.fixture, profile, known, test.profile)
		}
	}
}

func TestH264SliceType(t *testing.T) {
	const i, p, b = codec.SliceI, codec.SliceP, codec.SliceB
	for _, test := range []struct {
		name, payload string
		want          codec.SliceType
	}{
		{"empty", "", 0},
		{"IDR, all I", "65 88 84", i},    // ue 0, ue 7
		{"P", "41 e0", p},                // ue 0, ue 0
		{"all P", "41 9a 24", p},         // ue 5
		{"B", "01 a8", b},                // ue 1
		{"all B", "01 9c", b},            // ue 6
		{"I", "41 b0", i},                // ue 2
		{"SP", "41 90", p},               // ue 3
		{"SI", "41 94", i},               // ue 4
		{"all SI", "41 8a", i},           // ue 9
		{"no such type", "41 8b", 0},     // ue 10
		{"a later slice, B", "01 48", b}, // ue 1, ue 1
		{"data partition A", "22 e0", p}, //
		{"data partition B", "23 e0", 0}, //
		{"cut short", "41 80", 0},        //
		{"no body", "41", 0},             //
		{"SEI", "06 e0", 0},              //
		{"FU-A, start", "5c 81 a8", b},   //
		{"FU-A, inside", "5c 01 a8", 0},  //
		{"STAP-A of SPS, PPS and B", "78 0002 67a8 0001 68 0002 01a8", b},
		{"STAP-A: the first slice counts", "78 0002 41e0 0002 01a8", p},
		{"first_mb_in_slice of 47 zeros", "41 00 00 03 00 00 03 00 01 a8", 0},
		{"emulation prevention", "41 00 00 03 00 80 00 00 40", p}, // first_mb_in_slice of 24 zeros, then ue 0
	} {
		var sets codec.ParameterSets
		if got := sets.SliceType(h264, unhex(t, test.payload)); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// h265PPS makes a PPS whose slices have extra bits before their type.
func h265PPS(id, extra uint32) []byte {
	var w bitWriter
	w.ue(id)
	w.ue(0)       // pps_seq_parameter_set_id
	w.flag(true)  // dependent_slice_segments_enabled_flag
	w.flag(false) // output_flag_present_flag
	w.bits(extra, 3)
	w.bits(0xff, 8)
	return append([]byte{34 << 1, 1}, w.data()...)
}

// h265Slice makes the first slice segment of a picture.
func h265Slice(nal byte, pps, extra, kind uint32) []byte {
	var w bitWriter
	w.flag(true) // first_slice_segment_in_pic_flag
	if nal >= 16 && nal <= 23 {
		w.flag(false) // no_output_of_prior_pics_flag
	}
	w.ue(pps)
	w.bits(0, int(extra))
	w.ue(kind)
	w.bits(0xff, 8)
	return append([]byte{nal << 1, 1}, w.data()...)
}

func TestH265SliceType(t *testing.T) {
	const trail, idr = 1, 19
	var sets codec.ParameterSets
	for id, extra := range []uint32{0, 2, 7} {
		if !sets.KeepNAL(h265, h265PPS(uint32(id), extra)) {
			t.Fatal("a PPS was not kept")
		}
	}
	later := h265Slice(trail, 0, 0, 0)
	later[2] &= 0x7f
	layer := h265Slice(trail, 0, 0, 0)
	layer[1] = 1<<3 | 1
	b := h265Slice(trail, 1, 2, 0)
	for _, test := range []struct {
		name    string
		payload []byte
		want    codec.SliceType
	}{
		{"B", h265Slice(trail, 0, 0, 0), codec.SliceB},
		{"P", h265Slice(trail, 0, 0, 1), codec.SliceP},
		{"I", h265Slice(idr, 0, 0, 2), codec.SliceI},
		{"no such type", h265Slice(trail, 0, 0, 3), 0},
		{"extra bits, B", b, codec.SliceB},
		{"extra bits, P", h265Slice(trail, 1, 2, 1), codec.SliceP},
		{"seven extra bits, I", h265Slice(idr, 2, 7, 2), codec.SliceI},
		{"unknown PPS", h265Slice(trail, 3, 0, 0), 0},
		{"PPS out of range", h265Slice(trail, 64+1, 0, 0), 0},
		{"a later slice", later, 0},
		{"an enhancement layer", layer, 0},
		{"parameter set", h265PPS(0, 0), 0},
		{"cut short", h265Slice(idr, 2, 7, 2)[:3], 0},
		{"header only", b[:2], 0},
		{"fragment, start", append([]byte{49 << 1, 1, 0x80 | trail}, b[2:]...), codec.SliceB},
		{"fragment, inside", append([]byte{49 << 1, 1, trail}, b[2:]...), 0},
		{"aggregated", append([]byte{48 << 1, 1, 0, 2, 35 << 1, 1, 0, byte(len(b))}, b...), codec.SliceB},
	} {
		if got := sets.SliceType(h265, test.payload); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	if got := new(codec.ParameterSets).SliceType(h265, b); got != 0 {
		t.Errorf("without parameter sets: %d", got)
	}
}

// TestReorderOfSeveralSPS: the worst counts, and an SPS that does not say says nothing.
func TestReorderOfSeveralSPS(t *testing.T) {
	var sets codec.ParameterSets
	if _, known := sets.Reorder(h264); known {
		t.Error("an empty set says something")
	}
	sets.KeepNAL(h264, []byte{0x67, 0x42, 0x00, 0x0a, 0xf8, 0x41, 0xa2}) // without VUI
	if n, known := sets.Reorder(h264); known {
		t.Errorf("no VUI: %d", n)
	}
	for _, fixture := range []string{"h265", "h265-cra"} {
		var one codec.ParameterSets
		for _, p := range readFixture(t, fixture) {
			one.Keep(h265, p.Payload)
			sets.Keep(h265, p.Payload)
		}
		want := map[string]int{"h265": 0, "h265-cra": 2}[fixture]
		if n, known := one.Reorder(h265); n != want || !known {
			t.Errorf("%s: %d, %v", fixture, n, known)
		}
	}
	if n, known := sets.Reorder(h265); n != 2 || !known {
		t.Errorf("%d, %v", n, known)
	}
}

func TestSliceTypeAllocates(t *testing.T) {
	for _, name := range []string{"h264-opengop", "h265-cra"} {
		f, packets := formatOf(t, name), readFixture(t, name)
		var sets codec.ParameterSets
		for _, p := range packets {
			sets.Keep(f, p.Payload)
		}
		if n := testing.AllocsPerRun(20, func() {
			for _, p := range packets {
				sets.SliceType(f, p.Payload)
			}
			sets.Reorder(f)
			sets.Profile(f)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// FuzzSliceType: whatever the parameter sets and the payload, a type is an answer, the
// same each time, and what is read stays as it was.
func FuzzSliceType(f *testing.F) {
	for _, name := range []string{"h264-opengop", "h265-cra", "h265"} {
		packets := readFixture(f, name)
		for _, p := range packets[:8] {
			f.Add(packets[0].Payload, p.Payload)
		}
	}
	f.Fuzz(func(t *testing.T, sets, payload []byte) {
		for _, format := range []codec.Format{h264, h265} {
			var p codec.ParameterSets
			p.Keep(format, sets)
			kept, before := p, bytes.Clone(payload)
			first := p.SliceType(format, payload)
			switch {
			case first > codec.SliceB:
				t.Errorf("%d is no type", first)
			case first != p.SliceType(format, payload):
				t.Error("another type the second time")
			case p != kept || !bytes.Equal(payload, before):
				t.Error("what was read changed")
			case first != 0 && len(payload) < 2:
				t.Error("a type of nothing")
			}
			if n, known := p.Reorder(format); n < 0 || n > 16 || n > 0 && !known {
				t.Errorf("reorders %d, %v", n, known)
			}
		}
	})
}
