package codec_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An SPS and PPS of x264: High, level 1.0, 162x98 cut from 176x112.
const (
	h264SPS = "6764000aacb2059fc4446022000003000200000300281e244c90"
	h264PPS = "68ebc3cb22c0"
)

type inspectTest struct {
	name    string
	payload string // hex; spaces are free
	want    codec.Info
}

func runInspect(t *testing.T, name codec.Name, tests []inspectTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := codec.Inspect(codec.Format{Name: name}, unhex(t, test.payload)); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInspectH264(t *testing.T) {
	start := codec.Info{FrameStart: true}
	idr := codec.Info{Keyframe: true, FrameStart: true, IDR: true}
	part := codec.Info{IDR: true}
	runInspect(t, codec.H264, []inspectTest{
		{"empty", "", codec.Info{}},
		{"IDR, first slice", "65 88 84", idr},
		{"IDR, later slice", "65 08 84", part},
		{"IDR without slice", "65", part},
		{"slice", "41 9a 24", start},
		{"later slice", "41 1a 24", codec.Info{}},
		{"PPS", "68 ee 3c 80", codec.Info{FrameStart: true, Parameters: codec.PPS}},
		{"SPS cut short", "67 64 00", codec.Info{FrameStart: true, Parameters: codec.SPS}},
		{"AUD", "09 10", start},
		{"SEI recovery point", "06 06 01 84 80", start},
		{"end of sequence", "0a", codec.Info{}},
		{"filler", "0c ff 80", codec.Info{}},
		{"FU-A of IDR, start", "7c 85 88 84", idr},
		{"FU-A of IDR, start of a later slice", "7c 85 08 84", part},
		{"FU-A of IDR, inside", "7c 05 88 84", part},
		{"FU-A of IDR, end", "7c 45 88 84", part},
		{"FU-A of a slice, start", "5c 81 9a 24", start},
		{"FU-A of a slice, inside", "5c 01 9a 24", codec.Info{}},
		{"FU-A of SPS, start", "7c 87 64 00", codec.Info{FrameStart: true, Parameters: codec.SPS}},
		{"FU-A cut short", "7c 85", codec.Info{}},
		{"FU-B of IDR, start", "7d 85 00 01 88 84", idr},
		{"STAP-A of PPS and IDR", "78 0002 68ee 0003 658884", codec.Info{Keyframe: true, FrameStart: true, IDR: true, Parameters: codec.PPS}},
		{"STAP-A of SEI and IDR", "78 0002 0605 0003 658884", idr},
		{"STAP-A of AUD and slice", "78 0002 0910 0003 419a24", start},
		{"STAP-A of a later slice and IDR", "78 0002 411a 0003 658884", codec.Info{Keyframe: true, IDR: true}},
		{"STAP-A, second unit too long", "78 0002 68ee 0009 658884", codec.Info{FrameStart: true, Parameters: codec.PPS}},
		{"STAP-A, empty unit ends it", "78 0000 0003 658884", codec.Info{}},
		{"STAP-A of nothing", "78", codec.Info{}},
		{"STAP-B of IDR", "79 0001 0003 658884", idr},
		{"MTAP16 of IDR", "7a 0001 0003 00 0000 658884", idr},
		{"MTAP24 of IDR", "7b 0001 0003 00 000000 658884", idr},
		{"prefix NAL unit, temporal layer 2", "6e c0 80 47", codec.Info{FrameStart: true, Temporal: 2}},
		{"reserved types", "1e 88", codec.Info{}},
	})
}

func TestInspectH265(t *testing.T) {
	start := codec.Info{FrameStart: true}
	idr := codec.Info{Keyframe: true, FrameStart: true, IDR: true}
	part := codec.Info{IDR: true}
	runInspect(t, codec.H265, []inspectTest{
		{"empty", "", codec.Info{}},
		{"one byte", "26", codec.Info{}},
		{"IDR_W_RADL, first slice", "26 01 af", idr},
		{"IDR_W_RADL, later slice", "26 01 2f", part},
		{"BLA_W_LP", "20 01 80", idr},
		{"CRA", "2a 01 80", idr},
		{"reserved IRAP 22", "2c 01 80", start},
		{"RASL_R 9", "12 01 80", start},
		{"TRAIL_R", "02 01 d0", start},
		{"TSA_N of temporal layer 2", "04 03 d0", codec.Info{FrameStart: true, Temporal: 2}},
		{"temporal id 0 is forbidden", "02 00 d0", start},
		{"VPS", "40 01 0c", codec.Info{FrameStart: true, Parameters: codec.VPS}},
		{"PPS", "44 01 c1", codec.Info{FrameStart: true, Parameters: codec.PPS}},
		{"prefix SEI", "4e 01 05", start},
		{"suffix SEI", "50 01 05", codec.Info{}},
		{"IDR of layer 1", "26 09 80", codec.Info{IDR: true, Spatial: 1}},
		{"layer 32", "27 01 80", codec.Info{IDR: true, Spatial: 32}},
		{"FU of IDR, start", "62 01 93 af", idr},
		{"FU of IDR, inside", "62 01 13 af", part},
		{"FU of IDR, end", "62 01 53 af", part},
		{"FU of a slice, inside", "62 02 01 af", codec.Info{Temporal: 1}},
		{"FU of layer 32", "63 01 93 af", codec.Info{IDR: true, Spatial: 32}},
		{"FU cut short", "62 01 93", codec.Info{}},
		{"AP of PPS and IDR", "60 01 0003 4401c1 0003 2601af", codec.Info{Keyframe: true, FrameStart: true, IDR: true, Parameters: codec.PPS}},
		{"AP of a slice of layer 1 and IDR of layer 0", "60 01 0003 02098f 0003 2601af", codec.Info{Keyframe: true, IDR: true}},
		{"AP cut short", "60 01 0003 4401", codec.Info{}},
		{"PACI of IDR", "64 01 26 00 af", idr},
		{"PACI with one byte of extension, of FU of IDR", "64 01 62 10 ff 93 af", idr},
		{"PACI cut short", "64 01 26 f0 af", codec.Info{}},
		{"PACI in PACI", "64 01 64 00 26 00 af", codec.Info{}},
	})
}

func TestParseH264SPS(t *testing.T) {
	nal := unhex(t, h264SPS)
	got, err := codec.ParseH264SPS(nal)
	want := codec.H264SPS{Profile: 100, Level: 10, Width: 162, Height: 98, HasReorder: true, MaxBuffering: 3}
	if err != nil || got != want {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for n := range len(nal) {
		if sps, err := codec.ParseH264SPS(nal[:n]); err == nil && (sps.Width != 162 || sps.Height != 98) {
			t.Errorf("cut to %d bytes: %+v", n, sps)
		}
	}
	for _, bad := range []string{"", "68 64 00", "67"} {
		if _, err := codec.ParseH264SPS(unhex(t, bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// An SPS is built bit by bit where no encoder makes the case.
func TestParseH264SPSFields(t *testing.T) {
	tests := []struct {
		name string
		sps  spsBits
		want codec.H264SPS
	}{
		{
			"baseline 320x240",
			spsBits{profile: 66, width: 20, height: 15, frames: true},
			codec.H264SPS{Profile: 66, Level: 30, Width: 320, Height: 240},
		},
		{
			"interlaced 1920x1080",
			spsBits{profile: 77, width: 120, height: 34, bottom: 2},
			codec.H264SPS{Profile: 77, Level: 30, Width: 1920, Height: 1080},
		},
		{
			"picture order type 1",
			spsBits{profile: 66, width: 20, height: 15, frames: true, order: 1},
			codec.H264SPS{Profile: 66, Level: 30, Width: 320, Height: 240},
		},
		{
			"id 31, 4:4:4 with scaling lists",
			spsBits{id: 31, profile: 244, chroma: 3, lists: true, width: 20, height: 15, frames: true, bottom: 7},
			codec.H264SPS{ID: 31, Profile: 244, Level: 30, Width: 320, Height: 233},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := codec.ParseH264SPS(test.sps.nal())
			if err != nil || got != test.want {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
	for name, bad := range map[string]spsBits{
		"id 32":             {id: 32, profile: 66, width: 20, height: 15, frames: true},
		"wider than 65535":  {profile: 66, width: 5000, height: 15, frames: true},
		"nothing but edges": {profile: 66, width: 1, height: 1, frames: true, bottom: 8},
	} {
		if sps, err := codec.ParseH264SPS(bad.nal()); err == nil {
			t.Errorf("%s: %+v", name, sps)
		}
	}
}

// spsBits writes an H.264 SPS.
type spsBits struct {
	id, profile, chroma   uint32
	width, height, bottom uint32 // macroblocks, cropping units
	order                 uint32 // pic_order_cnt_type
	frames, lists         bool
}

func (s spsBits) nal() []byte {
	var w bitWriter
	w.bits(0x67, 8)
	w.bits(s.profile, 8)
	w.bits(30, 16)
	w.ue(s.id)
	if s.profile == 244 {
		w.ue(s.chroma)
		w.bits(0, 1) // separate_colour_plane_flag, of chroma 3
		w.ue(0)
		w.ue(0)
		w.bits(0, 1)
		w.flag(s.lists)
		for i := 0; s.lists && i < 12; i++ {
			w.flag(i < 2 || i == 6)
			switch i {
			case 0: // 8+4, then 12-12 ends the list
				w.ue(7)
				w.ue(24)
			case 1: // all 16 deltas are 0
				w.bits(0xffff, 16)
			case 6: // 8-8 ends the list
				w.ue(16)
			}
		}
	}
	w.ue(0)
	w.ue(s.order)
	if s.order == 1 {
		w.bits(1, 1)
		w.ue(3)
		w.ue(4)
		w.ue(2)
		w.ue(5)
		w.ue(6)
	} else {
		w.ue(0)
	}
	w.ue(4)
	w.bits(0, 1)
	w.ue(s.width - 1)
	w.ue(s.height - 1)
	w.flag(s.frames)
	if !s.frames {
		w.bits(1, 1)
	}
	w.bits(1, 1)
	w.flag(s.bottom > 0)
	if s.bottom > 0 {
		w.ue(0)
		w.ue(0)
		w.ue(0)
		w.ue(s.bottom)
	}
	w.bits(0, 1)
	w.bits(1, 1) // stop bit
	return w.data()
}

// TestParseH265SPSLayers reads an SPS of three temporal layers, of which the
// first has a profile and a level of its own and the second a level.
func TestParseH265SPSLayers(t *testing.T) {
	for _, each := range []bool{false, true} {
		var w bitWriter
		w.bits(0x4201, 16)
		w.bits(3, 4) // VPS
		w.bits(2, 3)
		w.bits(1, 1)
		w.bits(2, 8) // general profile 2
		w.bits(0xffffffff, 32)
		w.bits(0xffffffff, 32)
		w.bits(0xffff, 16)
		w.bits(93, 8)
		w.bits(0b11_01, 4) // present: profile and level; level
		w.bits(0, 12)      // reserved pairs
		w.bits(0xffffffff, 32)
		w.bits(0xffffffff, 32)
		w.bits(0xffffff, 24)
		w.bits(60, 8)
		w.bits(90, 8)
		w.ue(15) // id
		w.ue(3)  // 4:4:4
		w.bits(1, 1)
		w.ue(1300)
		w.ue(700)
		w.bits(1, 1) // window in units of one pixel, as planes are apart
		for _, v := range []uint32{10, 10, 5, 5} {
			w.ue(v)
		}
		for range 3 {
			w.ue(0)
		}
		w.flag(each) // ordering for each layer
		want := codec.H265SPS{ID: 15, VPS: 3, Profile: 2, Level: 93, Width: 1280, Height: 690, Layers: 3, MaxReorder: 1, MaxBuffering: 3}
		if each {
			want.MaxReorder, want.MaxBuffering = 2, 5
			for _, v := range []uint32{0, 0, 0, 2, 1, 0, 4, 2, 0} {
				w.ue(v)
			}
		} else {
			w.ue(2)
			w.ue(1)
			w.ue(0)
			w.bits(0, 32) // would fail as further layers
		}
		got, err := codec.ParseH265SPS(w.data())
		if err != nil || got != want {
			t.Errorf("ordering for each %v: %+v, %v\nwant %+v", each, got, err, want)
		}
	}
}

// A bitWriter writes big-endian bits, zeros to the end of the last byte.
type bitWriter struct {
	out []byte
	n   int
}

func (w *bitWriter) bits(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bitWriter) flag(v bool) {
	if v {
		w.bits(1, 1)
	} else {
		w.bits(0, 1)
	}
}

func (w *bitWriter) ue(v uint32) {
	n := 0
	for v+1 >= 2<<n {
		n++
	}
	w.bits(0, n)
	w.bits(v+1, n+1)
}

func (w *bitWriter) data() []byte { return w.out }
