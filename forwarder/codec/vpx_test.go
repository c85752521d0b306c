package codec_test

import (
	"bytes"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// vp8Key is the head of a VP8 keyframe of 320x240, with scales to be masked out.
const vp8Key = "10 02 00 9d 01 2a 40 41 f0 80"

func TestInspectVP8(t *testing.T) {
	start := codec.Info{FrameStart: true}
	key := codec.Info{Keyframe: true, FrameStart: true, IDR: true, Width: 320, Height: 240}
	unsized := codec.Info{Keyframe: true, FrameStart: true, IDR: true}
	runInspect(t, codec.VP8, []inspectTest{
		{"empty", "", codec.Info{}},
		{"keyframe", "10" + vp8Key, key},
		{"keyframe, 7-bit picture id", "90 80 7f" + vp8Key, key},
		{"keyframe, 15-bit picture id", "90 80 ff ff" + vp8Key, key},
		{"keyframe, all fields", "90 f0 80 01 09 e3" + vp8Key, codec.Info{Keyframe: true, FrameStart: true, IDR: true, Temporal: 3, Width: 320, Height: 240}},
		{"keyframe header cut short", "10 10 02 00 9d", unsized},
		{"keyframe without start code", "10 10 02 00 00 00 00 40 01 f0 00", unsized},
		{"keyframe of no width", "10 10 02 00 9d 01 2a 00 40 f0 00", unsized},
		{"delta frame", "10 11", start},
		{"second partition", "11" + vp8Key, codec.Info{}},
		{"inside", "00" + vp8Key, codec.Info{}},
		{"descriptor alone", "90 80 7f", codec.Info{}},
		{"descriptor cut short", "90 80 ff", codec.Info{}},
		{"temporal layer 2", "90 a0 05 80 11", codec.Info{FrameStart: true, Temporal: 2}},
		{"key index alone says no layer", "90 10 fe 11", start},
	})
}

func TestParseVP8(t *testing.T) {
	got, ok := codec.ParseVP8(unhex(t, "b7 f0 81 02 09 67 11"))
	want := codec.VP8Descriptor{
		Start: true, Partition: 7, NonReference: true, PictureIDBits: 15, PictureID: 0x102,
		HasTL0PicIdx: true, TL0PicIdx: 9, HasTID: true, TID: 1, LayerSync: true, HasKeyIdx: true, KeyIdx: 7, Len: 6,
	}
	if !ok || !got.Equal(want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, ok, want)
	}
}

func TestRewriteVP8(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{"15 bits", "90 c0 81 02 09 11", "90 c0 fa bc 63 11"},
		{"7 bits", "90 c0 01 09 11", "90 c0 3c 63 11"},
		{"picture id alone", "90 80 81 02 11", "90 80 fa bc 11"},
		{"TL0PICIDX alone", "90 40 09 11", "90 40 63 11"},
		{"none", "10 11", "10 11"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			payload := unhex(t, test.before)
			d, _ := codec.ParseVP8(payload)
			d.Rewrite(payload, 0x7abc, 0x63)
			if want := unhex(t, test.after); !bytes.Equal(payload, want) {
				t.Errorf("got %x, want %x", payload, want)
			}
		})
	}
}

// vp9Key is the head of a VP9 keyframe of profile 0, 320x240.
const vp9Key = "82 49 83 42 00 13 f0 0e f0 "

func TestInspectVP9(t *testing.T) {
	start := codec.Info{FrameStart: true}
	key := codec.Info{Keyframe: true, FrameStart: true, IDR: true, Width: 320, Height: 240}
	unsized := codec.Info{Keyframe: true, FrameStart: true, IDR: true}
	runInspect(t, codec.VP9, []inspectTest{
		{"empty", "", codec.Info{}},
		{"keyframe", "08" + vp9Key, key},
		{"keyframe, 15-bit picture id", "88 ff ff" + vp9Key, key},
		{"keyframe, size of the structure", "8a 7f 18 0500 02d0 01 04 01" + vp9Key, codec.Info{Keyframe: true, FrameStart: true, IDR: true, Width: 1280, Height: 720}},
		{"keyframe, highest of two layers", "aa 7f 10 00 38 00a0 005a 0140 00b4 01 00" + vp9Key, codec.Info{Keyframe: true, FrameStart: true, IDR: true, Width: 320, Height: 180}},
		{"structure without sizes", "0a 00" + vp9Key, key},
		{"keyframe cut short", "08 82 49", unsized},
		{"encrypted", "08 00 00", unsized},
		{"keyframe by the header, P set", "48" + vp9Key, start},
		{"delta frame of a sender that never sets P", "08 86 00 40", start},
		{"existing frame shown again", "08 88", start},
		{"delta frame", "48 86 00", start},
		{"inside of a keyframe", "00" + vp9Key, codec.Info{}},
		{"spatial layer 1 of a keyframe", "a8 7f 03 00" + vp9Key, codec.Info{Spatial: 1}},
		{"spatial layer 2, temporal layer 3", "e8 7f 64 00 86", codec.Info{Spatial: 2, Temporal: 3}},
		{"flexible, references", "78 20 03 05 06 86", codec.Info{FrameStart: true, Temporal: 1}},
		{"descriptor alone", "88 7f", codec.Info{}},
		{"descriptor cut short", "8a 7f 18 05", codec.Info{}},
		{"profile 1 keyframe, 4:4:4", "08 a2 49 83 42 00 02 7e 01 de", key},
		{"profile 2 keyframe, 10 bits", "08 92 49 83 42 00 09 f8 07 78", key},
	})
}

func TestParseVP9(t *testing.T) {
	tests := []struct {
		name, payload string
		want          codec.VP9Descriptor
	}{
		{"flexible", "fd 81 02 70 03 04 86", codec.VP9Descriptor{
			Predicted: true, HasLayers: true, Flexible: true, Start: true, End: true, NotReference: true,
			PictureIDBits: 15, PictureID: 0x102, TID: 3, SwitchUp: true, Len: 6,
		}},
		{"three references at most", "f8 01 00 03 03 03 86", codec.VP9Descriptor{
			Predicted: true, HasLayers: true, Flexible: true, Start: true,
			PictureIDBits: 7, PictureID: 1, Len: 6,
		}},
		{"not flexible", "ac 05 43 2a 86", codec.VP9Descriptor{
			HasLayers: true, Start: true, End: true, PictureIDBits: 7, PictureID: 5,
			TID: 2, SID: 1, InterLayer: true, TL0PicIdx: 42, Len: 4,
		}},
		{"structure with a group of two", "02 38 0140 00f0 0280 01e0 02 04 01 08 01 02 86", codec.VP9Descriptor{
			Width: 640, Height: 480, SpatialLayers: 2, Len: 16,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := codec.ParseVP9(unhex(t, test.payload))
			if !ok || !got.Equal(test.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, ok, test.want)
			}
		})
	}
}

func TestRewriteVP9(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{"15 bits, layers", "ac 81 02 43 2a 86", "ac fa bc 43 63 86"},
		{"7 bits, flexible", "bc 01 43 86", "bc 3c 43 86"},
		{"layers alone", "2c 43 2a 86", "2c 43 63 86"},
		{"none", "0c 86", "0c 86"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			payload := unhex(t, test.before)
			d, _ := codec.ParseVP9(payload)
			d.Rewrite(payload, 0x7abc, 0x63)
			if want := unhex(t, test.after); !bytes.Equal(payload, want) {
				t.Errorf("got %x, want %x", payload, want)
			}
		})
	}
}
