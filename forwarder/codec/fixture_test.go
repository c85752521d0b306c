package codec_test

import (
	"strings"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// formatOf returns what a fixture holds, by its name.
func formatOf(t testing.TB, fixture string) codec.Format {
	t.Helper()
	short, _, _ := strings.Cut(fixture, "-")
	name, ok := codec.ParseName(short)
	if !ok {
		t.Fatalf("%s: no such codec", fixture)
	}
	return codec.Format{Name: name}
}

// A picture is a frame of a fixture as the caller of Inspect sees it.
type picture struct {
	timestamp     uint32
	keyframe      bool
	begins        int // index of the first packet whose timestamp is the picture's
	keyframeAt    int // where the keyframe begins by the rule of Info
	starts        int // packets with FrameStart
	width, height uint16
	parameters    codec.ParameterKind
}

// pictures applies the rule documented on Info to whole streams.
func pictures(f codec.Format, packets []*rtp.Packet) []picture {
	var list []picture
	candidate := -1
	for i, p := range packets {
		if len(list) == 0 || list[len(list)-1].timestamp != p.Timestamp {
			list = append(list, picture{timestamp: p.Timestamp, begins: i})
			candidate = -1
		}
		pic, in := &list[len(list)-1], codec.Inspect(f, p.Payload)
		if in.Parameters != 0 && candidate < 0 {
			candidate = i
		}
		if in.Keyframe {
			pic.keyframe, pic.keyframeAt = true, i
			if candidate >= 0 {
				pic.keyframeAt = candidate
			}
		}
		if in.FrameStart {
			pic.starts++
		}
		if in.Width != 0 {
			pic.width, pic.height = in.Width, in.Height
		}
		pic.parameters |= in.Parameters
	}
	return list
}

// TestFixtures checks real streams against what was encoded. Those of Chromium
// hold padding packets too, which must not look like frames.
func TestFixtures(t *testing.T) {
	tests := []struct {
		name          string
		keyframes     []int // indices of pictures
		pictures      int
		width, height uint16
	}{
		{"h264", []int{0, 5, 10}, 12, 162, 98},
		{"h264-refresh", []int{0}, 16, 160, 96}, // recovery points at 6 and 12 do not count
		{"h264-opengop", []int{0}, 16, 160, 96},
		{"h264-mode0", []int{0, 3}, 6, 96, 64},
		{"h265", []int{0, 5, 10}, 12, 162, 98},
		{"h265-cra", []int{0, 6, 12}, 16, 160, 96},
		{"vp8", []int{0, 5, 10}, 12, 162, 98},
		{"vp9", []int{0, 5, 10}, 12, 162, 98},
		{"vp9-flexible", []int{0, 5, 10}, 12, 162, 98},
		{"vp9-structure", []int{0, 5, 10}, 12, 162, 98},
		{"av1-aom", []int{0, 5}, 10, 162, 98},
		{"av1-svt", []int{0, 5}, 10, 176, 144},
		{"h264-chromium-l1t2", []int{0, 11, 22, 32}, 34, 160, 90},
		{"vp8-chromium-l1t3", []int{0, 11, 22, 33}, 34, 160, 90},
		{"h264-chromium-l1t3", []int{0}, 40, 160, 90},
		{"vp8-chromium-l1t3-plain", []int{0}, 40, 160, 90},
		{"vp8-chromium-simulcast", []int{0}, 46, 320, 180},
		{"vp9-chromium-l1t3", []int{0}, 40, 160, 90},
		{"vp9-chromium-l3t3", []int{0}, 21, 1280, 720},
		{"vp9-chromium-l3t3key", []int{0}, 11, 1280, 720},
		{"vp9-chromium-l3t3-fewer", []int{0}, 120, 1280, 720},
		{"vp9-chromium-l3t3key-fewer", []int{0, 58}, 118, 1280, 720},
		{"av1-chromium-l3t3", []int{0}, 21, 1280, 720},
		{"av1-chromium-l3t3key", []int{0}, 21, 1280, 720},
		{"av1-chromium-l1t3", []int{0, 11, 22, 33}, 34, 160, 90},
		{"av1-chromium-l2t2", []int{0}, 16, 1280, 720},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := formatOf(t, test.name)
			got := pictures(f, readFixture(t, test.name))
			if len(got) != test.pictures {
				t.Fatalf("%d pictures, want %d", len(got), test.pictures)
			}
			want := map[int]bool{}
			for _, i := range test.keyframes {
				want[i] = true
			}
			for i, p := range got {
				checkPicture(t, f, i, p, want[i])
				if want[i] && (p.width != test.width || p.height != test.height) {
					t.Errorf("picture %d: %dx%d, want %dx%d", i, p.width, p.height, test.width, test.height)
				}
			}
		})
	}
}

func checkPicture(t *testing.T, f codec.Format, i int, p picture, keyframe bool) {
	t.Helper()
	if p.keyframe != keyframe {
		t.Errorf("picture %d: keyframe %v, want %v", i, p.keyframe, keyframe)
	}
	if p.keyframe && p.keyframeAt != p.begins {
		t.Errorf("picture %d: the keyframe begins at packet %d, want %d", i, p.keyframeAt, p.begins)
	}
	if p.keyframe && f.Parameters()&^p.parameters != 0 {
		t.Errorf("picture %d: parameter sets %b, want %b", i, p.parameters, f.Parameters())
	}
	exact := f.Name == codec.VP8 || f.Name == codec.VP9
	if p.starts == 0 || exact && p.starts != 1 {
		t.Errorf("picture %d: %d packets start the frame", i, p.starts)
	}
}

// TestFixtureParameters keeps the sets of real streams and packs them again.
func TestFixtureParameters(t *testing.T) {
	for _, name := range []string{"h264", "h264-mode0", "h265", "h265-cra"} {
		t.Run(name, func(t *testing.T) {
			f := formatOf(t, name)
			var kept codec.ParameterSets
			changes := 0
			for _, p := range readFixture(t, name) {
				if kept.Keep(f, p.Payload) {
					changes++
				}
			}
			if !kept.Complete(f) {
				t.Fatalf("kept %b, want %b", kept.Kinds(), f.Parameters())
			}
			if limit := 3; changes > limit { // repeated sets are the same
				t.Errorf("%d changes, want at most %d", changes, limit)
			}
			payload := kept.AppendPayload(nil)
			in := codec.Inspect(f, payload)
			if in.Parameters != f.Parameters() || in.Keyframe || in.Width == 0 || !in.FrameStart {
				t.Errorf("packed payload reads as %+v", in)
			}
			var again codec.ParameterSets
			again.Keep(f, payload)
			if again.Kinds() != kept.Kinds() || string(again.AppendPayload(nil)) != string(payload) {
				t.Error("what was packed does not give the same sets again")
			}
		})
	}
}

// TestFixtureSPS checks what the encoders said about reordering.
func TestFixtureSPS(t *testing.T) {
	nal := func(name string, aggregate, header, typ int) []byte {
		payload := readFixture(t, name)[0].Payload
		for b := payload[aggregate:]; len(b) > 2; {
			size := int(b[0])<<8 | int(b[1])
			if kind := int(b[2]); header == 1 && kind&0x1f == typ || header == 2 && kind>>1 == typ {
				return b[2 : 2+size]
			}
			b = b[2+size:]
		}
		t.Fatalf("%s: no SPS in the first packet", name)
		return nil
	}
	h264 := func(name string, want codec.H264SPS) {
		t.Helper()
		if got, err := codec.ParseH264SPS(nal(name, 1, 1, 7)); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	h265 := func(name string, want codec.H265SPS) {
		t.Helper()
		if got, err := codec.ParseH265SPS(nal(name, 2, 2, 33)); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	h264("h264", codec.H264SPS{Profile: 100, Level: 10, Width: 162, Height: 98, HasReorder: true, MaxBuffering: 3})
	h264("h264-opengop", codec.H264SPS{Profile: 100, Level: 10, Width: 160, Height: 96, HasReorder: true, MaxReorder: 2, MaxBuffering: 4})
	// Chromium's encoder.
	h264("h264-chromium-l1t2", codec.H264SPS{Profile: 66, Constraints: 0xc0, Level: 12, Width: 160, Height: 90, HasReorder: true, MaxBuffering: 1})
	h264("h264-chromium-l1t3", codec.H264SPS{Profile: 66, Constraints: 0xc0, Level: 12, Width: 160, Height: 90, HasReorder: true, MaxBuffering: 2})
	h265("h265", codec.H265SPS{Profile: 1, Level: 30, Width: 162, Height: 98, Layers: 1, MaxBuffering: 4})
	h265("h265-cra", codec.H265SPS{Profile: 1, Level: 30, Width: 160, Height: 96, Layers: 1, MaxReorder: 2, MaxBuffering: 5})
}
