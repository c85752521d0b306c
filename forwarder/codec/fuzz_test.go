package codec_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// fixtureNames returns the fixtures whose name begins with prefix.
func fixtureNames(t testing.TB, prefix string) []string {
	t.Helper()
	paths, err := filepath.Glob(fixturePath(prefix + "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures %q: %v", prefix, err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".rtp"))
	}
	return names
}

// fuzzInspect seeds f with a codec's fixtures and checks what every Info promises.
func fuzzInspect(f *testing.F, name codec.Name, spatial, temporal uint8, parameters codec.ParameterKind, more func(t *testing.T, payload []byte, in codec.Info)) {
	for _, fixture := range fixtureNames(f, strings.ToLower(name.String())) {
		for _, p := range readFixture(f, fixture)[:12] {
			f.Add(p.Payload)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		in := codec.Inspect(codec.Format{Name: name}, payload)
		switch {
		case !bytes.Equal(before, payload):
			t.Error("the payload changed")
		case len(payload) == 0 && in != codec.Info{}:
			t.Error("an empty payload says something")
		case in.Keyframe && !in.IDR:
			t.Error("a keyframe is not decodable alone")
		case in.Keyframe && in.Spatial != 0:
			t.Error("a keyframe begins in a higher layer")
		case (in.Width == 0) != (in.Height == 0):
			t.Error("half a size")
		case in.Width != 0 && !in.Keyframe && in.Parameters == 0:
			t.Error("a size without reason")
		case in.Spatial > spatial || in.Temporal > temporal:
			t.Error("layer out of range")
		case in.Parameters&^parameters != 0:
			t.Error("parameter sets of another codec")
		}
		if t.Failed() {
			t.Logf("%+v", in)
		}
		more(t, payload, in)
	})
}

func FuzzH264(f *testing.F) {
	fuzzInspect(f, codec.H264, 0, 7, codec.SPS|codec.PPS, checkKept(h264))
}

func FuzzH265(f *testing.F) {
	fuzzInspect(f, codec.H265, 63, 6, codec.VPS|codec.SPS|codec.PPS, checkKept(h265))
}

// checkKept checks that what is kept of a packet is what the packet said it has,
// and survives being packed.
func checkKept(format codec.Format) func(*testing.T, []byte, codec.Info) {
	return func(t *testing.T, payload []byte, in codec.Info) {
		var p, again codec.ParameterSets
		changed := p.Keep(format, payload)
		if p.Kinds()&^in.Parameters != 0 || changed != (p.Kinds() != 0) {
			t.Errorf("kept %b of %b, changed %v", p.Kinds(), in.Parameters, changed)
		}
		packed := p.AppendPayload(nil)
		if len(packed) > 1200 {
			t.Errorf("packed into %d bytes", len(packed))
		}
		again.Keep(format, packed)
		if again.Kinds() != p.Kinds() || len(again.AppendPayload(nil)) != len(packed) {
			t.Errorf("packed %b, read back %b", p.Kinds(), again.Kinds())
		}
	}
}

func FuzzVP8(f *testing.F) {
	fuzzInspect(f, codec.VP8, 0, 3, 0, func(t *testing.T, payload []byte, in codec.Info) {
		if in.Keyframe && !in.FrameStart {
			t.Error("a keyframe that does not start")
		}
		d, ok := codec.ParseVP8(payload)
		if !ok {
			return
		}
		payload = bytes.Clone(payload)
		d.Rewrite(payload, 0x7abc, 0x63)
		got, ok := codec.ParseVP8(payload)
		if d.PictureIDBits > 0 {
			d.PictureID = 0x7abc & (1<<d.PictureIDBits - 1)
		}
		if d.HasTL0PicIdx {
			d.TL0PicIdx = 0x63
		}
		if !ok || got != d || d.Len < 1 || d.Len > len(payload) {
			t.Errorf("rewritten: %+v, %v\nwant %+v", got, ok, d)
		}
	})
}

func FuzzVP9(f *testing.F) {
	fuzzInspect(f, codec.VP9, 7, 7, 0, func(t *testing.T, payload []byte, in codec.Info) {
		if in.Keyframe && !in.FrameStart {
			t.Error("a keyframe that does not start")
		}
		d, ok := codec.ParseVP9(payload)
		if !ok {
			return
		}
		payload = bytes.Clone(payload)
		d.Rewrite(payload, 0x7abc, 0x63)
		got, ok := codec.ParseVP9(payload)
		if d.PictureIDBits > 0 {
			d.PictureID = 0x7abc & (1<<d.PictureIDBits - 1)
		}
		if d.HasLayers && !d.Flexible {
			d.TL0PicIdx = 0x63
		}
		if !ok || got != d || d.Len < 1 || d.Len > len(payload) {
			t.Errorf("rewritten: %+v, %v\nwant %+v", got, ok, d)
		}
	})
}

func FuzzAV1(f *testing.F) {
	fuzzInspect(f, codec.AV1, 3, 7, codec.SequenceHeader, func(t *testing.T, payload []byte, in codec.Info) {
		if in.Keyframe && payload[0]&0x80 != 0 {
			t.Error("a keyframe begins in a packet that continues an OBU")
		}
	})
}

func FuzzSPS(f *testing.F) {
	f.Add(unhex(f, h264SPS))
	f.Add(spsBits{profile: 244, chroma: 3, lists: true, width: 20, height: 15, bottom: 7}.nal())
	f.Add(unhex(f, "42010101600000030090000003000003001ea0152069c926592a4932bc05a02000000300200000030141"))
	f.Fuzz(func(t *testing.T, nal []byte) {
		if s, err := codec.ParseH264SPS(nal); err == nil {
			if s.ID > 31 || s.Width == 0 || s.Height == 0 || s.MaxReorder > s.MaxBuffering || s.MaxBuffering > 16 {
				t.Errorf("H264: %+v", s)
			}
		}
		if s, err := codec.ParseH265SPS(nal); err == nil {
			if s.ID > 15 || s.VPS > 15 || s.Width == 0 || s.Height == 0 || s.Layers < 1 || s.Layers > 7 ||
				s.MaxReorder >= s.MaxBuffering || s.MaxBuffering > 16 {
				t.Errorf("H265: %+v", s)
			}
		}
	})
}

// FuzzParameterSets keeps any sequence of NAL units; a zero length ends it.
func FuzzParameterSets(f *testing.F) {
	f.Add([]byte("\x00\x1a" + string(unhex(f, h264SPS)) + "\x00\x06" + string(unhex(f, h264PPS))))
	f.Fuzz(func(t *testing.T, script []byte) {
		var p codec.ParameterSets
		for len(script) > 2 {
			size := int(script[0]&7)<<8 | int(script[1])
			format := h264
			if script[0]&0x80 != 0 {
				format = h265
			}
			nal := script[2:min(2+size, len(script))]
			script = script[2+len(nal):]
			kept := p.KeepNAL(format, nal)
			packed := p.AppendPayload(nil)
			if len(packed) > 1200 {
				t.Fatalf("packed into %d bytes", len(packed))
			}
			if kept && !bytes.Contains(packed, nal) {
				t.Fatalf("%x was kept and is not in %x", nal, packed)
			}
			if p.KeepNAL(format, nal) {
				t.Fatal("the same again is a change")
			}
		}
	})
}

func FuzzDependency(f *testing.F) {
	for _, fixture := range fixtureNames(f, "av1-chromium") {
		packets := readFixture(f, fixture)
		for _, p := range packets[1:8] {
			f.Add(packets[0].GetExtension(dependencyID), p.GetExtension(dependencyID))
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var s codec.DependencyStructure
		for _, value := range [][]byte{first, second} {
			before := s
			d, err := s.Parse(value)
			header, ok := codec.ParseDependencyHeader(value)
			if d.DependencyHeader != header || !ok && err == nil {
				t.Errorf("header %+v, want %+v, %v", d.DependencyHeader, header, err)
			}
			if err == nil {
				checkDependency(t, d, s)
			}
			if (err != nil || !d.NewStructure) && s != before {
				t.Errorf("the structure changed; error %v", err)
			}
			if errors.Is(err, codec.ErrNoStructure) && d != (codec.Dependency{DependencyHeader: header}) {
				t.Errorf("without structure: %+v", d)
			}
		}
	})
}

func checkDependency(t *testing.T, d codec.Dependency, s codec.DependencyStructure) {
	t.Helper()
	if s.TemplateCount < 1 || s.TemplateCount > 64 || s.Targets < 1 || s.Targets > 32 || s.Chains > s.Targets ||
		s.SpatialLayers < 1 || s.SpatialLayers > 4 || s.TemporalLayers < 1 || s.TemporalLayers > 8 {
		t.Errorf("structure %+v", s)
	}
	for i := range s.Targets {
		if s.Chains > 0 && s.ProtectedBy[i] >= s.Chains {
			t.Errorf("target %d protected by chain %d of %d", i, s.ProtectedBy[i], s.Chains)
		}
		spatial, temporal := s.Target(int(i))
		if spatial >= s.SpatialLayers || temporal >= s.TemporalLayers {
			t.Errorf("target %d: layers %d, %d", i, spatial, temporal)
		}
	}
	if d.Spatial >= s.SpatialLayers || d.Temporal >= s.TemporalLayers || d.Targets != s.Targets || d.Chains != s.Chains ||
		uint64(d.Active) >= 1<<s.Targets || (d.Width == 0) != (d.Height == 0) {
		t.Errorf("dependency %+v", d)
	}
	for _, diff := range d.References[:d.ReferenceCount] {
		if diff < 1 || diff > 4096 {
			t.Errorf("reference %d", diff)
		}
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte("\x00\xa0\x64"))
	f.Add([]byte("\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Fuzz(func(t *testing.T, value []byte) {
		if v, ok := codec.ParseAbsCaptureTime(value); ok && !bytes.Equal(v.Append(nil), value) {
			t.Errorf("capture time %+v", v)
		}
		if v, ok := codec.ParsePlayoutDelay(value); ok && (!bytes.Equal(v.Append(nil), value) || v.Min > v.Max) {
			t.Errorf("playout delay %+v", v)
		}
		if v, ok := codec.ParseAudioLevel(value); ok && v.Level > 127 {
			t.Errorf("audio level %+v", v)
		}
		if v, ok := codec.ParseFrameMarking(value); ok != (len(value) > 0) || v.Temporal > 7 || !v.HasLayers && v.HasTL0PicIdx {
			t.Errorf("frame marking %+v", v)
		}
		if v, ok := codec.ParseAbsSendTime(value); ok && (v < 0 || v >= 64e9) {
			t.Errorf("send time %v", v)
		}
	})
}

func FuzzSprop(f *testing.F) {
	f.Add("packetization-mode=1; sprop-parameter-sets=Z2QACqyyBZ/ERGAiAAADAAIAAAMAKB4kTJA=,aOvDyyLA")
	f.Add("sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE=,RAI=")
	f.Fuzz(func(t *testing.T, fmtp string) {
		for _, format := range []codec.Format{h264, h265} {
			nals, err := codec.SpropNALs(format, fmtp)
			if err != nil && nals != nil {
				t.Error("an error and an answer")
			}
			for _, nal := range nals {
				if len(nal) == 0 || len(nal) > 8192 {
					t.Errorf("NAL unit of %d bytes", len(nal))
				}
			}
		}
	})
}
