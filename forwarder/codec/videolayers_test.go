package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

func target(width, height uint16, rate uint8, bitrates ...int64) codec.LayerTarget {
	t := codec.LayerTarget{Temporals: uint8(len(bitrates)), Width: width, Height: height, FrameRate: rate}
	copy(t.Bitrates[:], bitrates)
	return t
}

func TestParseVideoLayers(t *testing.T) {
	tests := []struct {
		name, value string
		want        codec.VideoLayersValue
	}{
		{"nothing is sent", "00", codec.VideoLayersValue{}},
		{"one layer, no size", "01 00 c801", codec.VideoLayersValue{
			Streams: 1, Layers: [4][4]codec.LayerTarget{{target(0, 0, 0, 200_000)}},
		}},
		{"two streams of other layers, the third spatial one", "50 54 00 0a 14 1e", codec.VideoLayersValue{
			Stream: 1, Streams: 2,
			Layers: [4][4]codec.LayerTarget{{target(0, 0, 0, 10_000), {}, target(0, 0, 0, 20_000)}, {{}, {}, target(0, 0, 0, 30_000)}},
		}},
		{"four streams, of which one is sent", "f0 00 20 80 01 02 03 013f00b31e", codec.VideoLayersValue{
			Stream: 3, Streams: 4, HasSizes: true,
			Layers: [4][4]codec.LayerTarget{2: {1: target(320, 180, 30, 1000, 2000, 3000)}},
		}},
	}
	for _, test := range tests {
		var got codec.VideoLayersValue
		got.Streams = 9 // what was there is lost
		if ok := codec.ParseVideoLayers(unhex(t, test.value), &got); !ok || got != test.want {
			t.Errorf("%s: %v %s", test.name, ok, cmp.Diff(test.want, got))
		}
	}
	for name, bad := range map[string]string{
		"empty":                      "",
		"no temporal layers":         "01",
		"stream beyond the last":     "41 00 01",
		"no bitrate":                 "01 00",
		"bitrate cut short":          "01 00 c8",
		"bitrate of nine bytes":      "01 00 808080808080808001",
		"bitrate over 32 bits":       "01 00 ffffffffff01",
		"size cut short":             "01 00 01 013f00b3",
		"bytes behind the last size": "01 00 01 013f00b31e 00",
		"bitmasks cut short":         "f0 00",
	} {
		var v codec.VideoLayersValue
		if codec.ParseVideoLayers(unhex(t, bad), &v) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// TestVideoLayersOfCaptures: what Chromium says of the layers it sends.
func TestVideoLayersOfCaptures(t *testing.T) {
	const videoLayersID = 12
	tests := []struct {
		name   string
		packet int
		want   codec.VideoLayersValue
	}{
		{"vp8-chromium-simulcast", 0, codec.VideoLayersValue{
			Stream: 1, Streams: 2, HasSizes: true, Layers: [4][4]codec.LayerTarget{
				{target(160, 90, 30, 53_000, 80_000, 133_000)}, {target(320, 180, 30, 160_000, 240_000, 400_000)},
			},
		}},
		{"av1-chromium-l3t3", 0, codec.VideoLayersValue{
			Streams: 1, HasSizes: true, Layers: [4][4]codec.LayerTarget{{
				target(320, 180, 30, 77_000, 100_000, 142_000), target(640, 360, 30, 226_000, 294_000, 418_000),
				target(1280, 720, 30, 507_000, 661_000, 940_000),
			}},
		}},
		{"vp9-chromium-l3t3key-fewer", 34, codec.VideoLayersValue{
			Streams: 1, HasSizes: true, Layers: [4][4]codec.LayerTarget{{target(320, 180, 30, 77_000, 100_000, 142_000)}},
		}},
	}
	for _, test := range tests {
		var got codec.VideoLayersValue
		value := readFixture(t, test.name)[test.packet].GetExtension(videoLayersID)
		if ok := codec.ParseVideoLayers(value, &got); !ok || got != test.want {
			t.Errorf("%s: %v %s", test.name, ok, cmp.Diff(test.want, got))
		}
	}
}
