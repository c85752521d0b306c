package codec_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestInspectAllocates: a packet costs no allocation, whatever it holds.
func TestInspectAllocates(t *testing.T) {
	for _, name := range fixtureNames(t, "") {
		f, packets := formatOf(t, name), readFixture(t, name)
		var sink codec.Info
		if n := testing.AllocsPerRun(20, func() {
			for _, p := range packets {
				sink = codec.Inspect(f, p.Payload)
			}
		}); n != 0 {
			t.Errorf("Inspect of %s: %v allocations", name, n)
		}
		_ = sink
	}
}

// TestParameterSetsAllocate: keeping and packing into a buffer cost none either.
func TestParameterSetsAllocate(t *testing.T) {
	for _, name := range []string{"h264", "h265"} {
		f, payload := formatOf(t, name), readFixture(t, name)[0].Payload
		buf := make([]byte, 0, 1200)
		if n := testing.AllocsPerRun(20, func() {
			var p codec.ParameterSets
			p.Keep(f, payload)
			buf = p.AppendPayload(buf[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestDependencyAllocates(t *testing.T) {
	packets := readFixture(t, "av1-chromium-l2t2")
	var s codec.DependencyStructure
	if n := testing.AllocsPerRun(20, func() {
		for _, p := range packets {
			if _, err := s.Parse(p.GetExtension(dependencyID)); err != nil && len(p.Payload) > 0 {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLayersAllocate: once the structure is known, reading layers costs none, nor does
// a keyframe that brings the same structure again.
func TestLayersAllocate(t *testing.T) {
	for _, name := range fixtureNames(t, "") {
		f, packets := formatOf(t, name), readFixture(t, name)
		var r codec.LayerReader
		read := func() {
			for _, p := range packets {
				r.Read(f, codec.Inspect(f, p.Payload), p.Payload, p.GetExtension(dependencyID), p.Marker)
			}
		}
		read()
		read()
		want := 0.0
		if strings.HasSuffix(name, "fewer") {
			want = 2 // what is being sent changes twice a round
		}
		if n := testing.AllocsPerRun(20, read); n > want {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkLayers is the cost of a packet beside that of Inspect.
func BenchmarkLayers(b *testing.B) {
	for _, name := range []string{"h264", "h265", "vp8", "vp9-flexible", "av1-aom", "h264-chromium-l1t3", "vp8-chromium-simulcast", "vp9-chromium-l3t3", "av1-chromium-l3t3key"} {
		b.Run(name, func(b *testing.B) {
			f, packets := formatOf(b, name), readFixture(b, name)
			infos, values := make([]codec.Info, len(packets)), make([][]byte, len(packets))
			for i, p := range packets {
				infos[i], values[i] = codec.Inspect(f, p.Payload), p.GetExtension(dependencyID)
			}
			var r codec.LayerReader
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				i %= len(packets)
				r.Read(f, infos[i], packets[i].Payload, values[i], packets[i].Marker)
			}
		})
	}
}

func BenchmarkInspect(b *testing.B) {
	for _, name := range []string{"h264", "h265", "vp8", "vp9", "vp9-chromium-l3t3", "av1-aom", "av1-chromium-l2t2"} {
		b.Run(name, func(b *testing.B) {
			f, packets := formatOf(b, name), readFixture(b, name)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				codec.Inspect(f, packets[i%len(packets)].Payload)
			}
		})
	}
}

func BenchmarkDependency(b *testing.B) {
	packets := readFixture(b, "vp9-chromium-l3t3")
	var s codec.DependencyStructure
	if _, err := s.Parse(packets[0].GetExtension(dependencyID)); err != nil {
		b.Fatal(err)
	}
	value := packets[1].GetExtension(dependencyID)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Parse(value); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParameterSets is the cost of a packet that brings parameter sets.
func BenchmarkParameterSets(b *testing.B) {
	for _, name := range []string{"h264", "h265"} {
		b.Run(name, func(b *testing.B) {
			f, payload := formatOf(b, name), readFixture(b, name)[0].Payload
			var p codec.ParameterSets
			buf := make([]byte, 0, 1200)
			b.ReportAllocs()
			for b.Loop() {
				p.Keep(f, payload)
				buf = p.AppendPayload(buf[:0])
			}
		})
	}
}
