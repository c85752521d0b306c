package codec_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A layered is a packet of a fixture with its layering.
type layered struct {
	codec.Layering
	marker bool
	dep    codec.Dependency // of its descriptor, the zero one if it has none
}

// readLayers reads the layering of a fixture's packets with payload.
func readLayers(t testing.TB, name string, descriptors bool) []layered {
	t.Helper()
	var r codec.LayerReader
	var s codec.DependencyStructure
	var out []layered
	f := formatOf(t, name)
	for i, p := range readFixture(t, name) {
		if len(p.Payload) == 0 {
			continue
		}
		value := p.GetExtension(dependencyID)
		dep, err := s.Parse(value)
		if value != nil && err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if !descriptors {
			value = nil
		}
		l := r.Read(f, codec.Inspect(f, p.Payload), p.Payload, value, p.Marker)
		out = append(out, layered{l, p.Marker, dep})
	}
	return out
}

// TestLayersAreClosed: what a receiver of any layer gets refers only to what it gets.
func TestLayersAreClosed(t *testing.T) {
	for _, name := range []string{
		"vp9-chromium-l3t3", "av1-chromium-l2t2", "av1-chromium-l1t3", "vp8-chromium-l1t3", "h264-chromium-l1t2",
	} {
		for _, descriptors := range []bool{true, false} {
			packets := readLayers(t, name, descriptors)
			for s := range uint8(codec.MaxSpatial) {
				for u := range uint8(codec.MaxTemporal) {
					n := checkClosed(t, packets, s, u)
					t.Logf("%s %v %d,%d: %d of %d", name, descriptors, s, u, n, len(packets))
				}
			}
		}
	}
}

func checkClosed(t *testing.T, packets []layered, spatial, temporal uint8) (kept int) {
	t.Helper()
	has := map[uint16]bool{}
	for i, p := range packets {
		if p.Needed&codec.LayerBit(spatial, temporal) == 0 {
			continue
		}
		kept++
		if p.dep.NewStructure {
			clear(has)
		}
		for _, diff := range p.dep.References[:p.dep.ReferenceCount] {
			if !has[p.dep.FrameNumber-diff] {
				t.Errorf("layer %d, %d: packet %d refers to %d, which is dropped", spatial, temporal, i, p.dep.FrameNumber-diff)
			}
		}
		has[p.dep.FrameNumber] = true
	}
	return kept
}
