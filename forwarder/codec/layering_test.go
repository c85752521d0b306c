package codec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A layered is a packet of a fixture with its layering.
type layered struct {
	codec.Layering
	timestamp uint32
	marker    bool
	dep       codec.Dependency // of its descriptor, or of VP8 what is derived; else the zero one
}

// layeredFixtures are the captures with layers, which descriptors tell but in plain ones.
func layeredFixtures(t testing.TB) []string { return fixtureNames(t, "*-chromium") }

func isPlain(fixture string) bool { return strings.HasSuffix(fixture, "-plain") }

// readLayers reads the layering of a fixture's packets with payload.
func readLayers(t testing.TB, name string, descriptors bool) []layered {
	t.Helper()
	return readPackets(t, formatOf(t, name), readFixture(t, name), descriptors)
}

func readPackets(t testing.TB, f codec.Format, packets []*rtp.Packet, descriptors bool) []layered {
	t.Helper()
	var r codec.LayerReader
	var s codec.DependencyStructure
	var plain plainReferences
	var out []layered
	for i, p := range packets {
		if len(p.Payload) == 0 {
			continue
		}
		value := p.GetExtension(dependencyID)
		dep, err := s.Parse(value)
		if value != nil && err != nil && !errors.Is(err, codec.ErrNoStructure) {
			t.Fatalf("packet %d: %v", i, err)
		}
		if value == nil && f.Name == codec.VP8 {
			dep = plain.read(p)
		}
		if !descriptors {
			value = nil
		}
		l := r.Read(f, codec.Inspect(f, p.Payload), p.Payload, value, p.Marker)
		out = append(out, layered{l, p.Timestamp, p.Marker, dep})
	}
	return out
}

// plainReferences derives what a picture of VP8 may need where no descriptor tells it (RFC 7741
// §4.2): the last picture of layer 0, and unless its Y bit is set the last one of each layer up
// to its own; of those without the N bit. Picture ids stand for frame numbers.
type plainReferences struct {
	last [4]uint16
	has  [4]bool
	now  codec.Dependency
	of   uint32 // its timestamp
}

func (r *plainReferences) read(p *rtp.Packet) codec.Dependency {
	d, _ := codec.ParseVP8(p.Payload)
	if !d.HasTID || r.now.FrameNumber != 0 && r.of == p.Timestamp {
		return r.now
	}
	if codec.Inspect(codec.Format{Name: codec.VP8}, p.Payload).Keyframe {
		r.has = [4]bool{}
	}
	r.of, r.now = p.Timestamp, codec.Dependency{}
	r.now.FrameNumber, r.now.Temporal = d.PictureID, d.TID
	for t := range d.TID + 1 {
		if r.has[t] && (t == 0 || !d.LayerSync) {
			r.now.References[r.now.ReferenceCount] = d.PictureID - r.last[t]
			r.now.ReferenceCount++
		}
	}
	if !d.NonReference {
		r.last[d.TID], r.has[d.TID] = d.PictureID, true
	}
	return r.now
}

// eachLayer calls do for every layer a Layering tells apart.
func eachLayer(do func(spatial, temporal uint8)) {
	for s := range uint8(codec.MaxSpatial) {
		for u := range uint8(codec.MaxTemporal) {
			do(s, u)
		}
	}
}

// A watcher gets one layer of a capture and checks that it can decode it: it has what
// each frame refers to.
type watcher struct {
	spatial, temporal uint8
	has               map[uint16]bool
	kept              int
}

func (w *watcher) needs(p *layered) bool {
	return p.Needed&codec.LayerBit(w.spatial, w.temporal) != 0
}

// take takes a packet if it is needed.
func (w *watcher) take(p *layered) error {
	if !w.needs(p) {
		return nil
	}
	w.kept++
	for _, diff := range p.dep.References[:p.dep.ReferenceCount] {
		if !w.has[p.dep.FrameNumber-diff] {
			return fmt.Errorf("layer %d, %d: frame %d of %d, %d refers to %d, which it has not",
				w.spatial, w.temporal, p.dep.FrameNumber, p.Spatial, p.Temporal, p.dep.FrameNumber-diff)
		}
	}
	if w.has == nil {
		w.has = map[uint16]bool{}
	}
	w.has[p.dep.FrameNumber] = true
	return nil
}

// closed lets a receiver get a layer from the beginning.
func closed(packets []layered, s, u uint8) error {
	w := watcher{spatial: s, temporal: u}
	for i := range packets {
		if err := w.take(&packets[i]); err != nil {
			return err
		}
	}
	return nil
}

// TestLayersAreClosed: what a receiver of any layer gets refers only to what it gets,
// whether descriptors or payloads tell the layers.
func TestLayersAreClosed(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		for _, descriptors := range []bool{true, false} {
			packets := readLayers(t, name, descriptors)
			eachLayer(func(s, u uint8) {
				if err := closed(packets, s, u); err != nil {
					t.Errorf("%s, descriptors %v: %v", name, descriptors, err)
				}
			})
		}
	}
}

// TestLayersAreDropped: lower layers get fewer packets, the highest gets all it can use.
func TestLayersAreDropped(t *testing.T) {
	tests := []struct {
		name        string
		descriptors bool
		want        [3][3]int // packets kept, by spatial and temporal layer
	}{
		{"vp9-chromium-l3t3", true, [3][3]int{{6, 11, 21}, {12, 22, 42}, {17, 32, 62}}},
		{"vp9-chromium-l3t3", false, [3][3]int{{6, 11, 21}, {12, 22, 42}, {17, 32, 62}}},
		{"vp9-chromium-l3t3key", true, [3][3]int{{3, 6, 11}, {5, 8, 13}, {7, 9, 14}}},
		{"vp9-chromium-l3t3key", false, [3][3]int{{3, 6, 11}, {5, 8, 13}, {7, 9, 14}}},
	}
	for _, test := range tests {
		packets := readLayers(t, test.name, test.descriptors)
		var got [3][3]int
		for s := range uint8(3) {
			for u := range uint8(3) {
				w := watcher{spatial: s, temporal: u}
				for i := range packets {
					if w.needs(&packets[i]) {
						got[s][u]++
					}
				}
			}
		}
		if got != test.want {
			t.Errorf("%s, descriptors %v: kept %v, want %v", test.name, test.descriptors, got, test.want)
		}
	}
}

// TestLayersStepUp: a receiver that goes on with the next temporal layer wherever
// Entry lets it has all it needs from then on, and is not kept waiting for long.
func TestLayersStepUp(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		for _, descriptors := range []bool{true, false} {
			packets := readLayers(t, name, descriptors)
			entries := 0
			eachLayer(func(s, u uint8) {
				if u == 0 {
					return
				}
				for at := range packets {
					if packets[at].Entry&codec.LayerBit(s, u) == 0 || packets[at].Flags&codec.LayerKeyframe != 0 {
						continue
					}
					entries++
					if err := stepUp(packets, at, s, u); err != nil {
						t.Errorf("%s, descriptors %v, step up at %d: %v", name, descriptors, at, err)
					}
				}
			})
			if entries == 0 && (descriptors || strings.HasPrefix(name, "vp9")) {
				t.Errorf("%s, descriptors %v: nowhere to step up", name, descriptors)
			}
		}
	}
}

// stepUp lets a receiver of the next lower temporal layer step up at a packet.
func stepUp(packets []layered, at int, s, u uint8) error {
	if packets[at].Flags&codec.LayerStart == 0 {
		return errors.New("inside of a frame")
	}
	w := watcher{spatial: s, temporal: u - 1}
	for i := range packets {
		if i == at {
			w.temporal = u
		}
		if err := w.take(&packets[i]); err != nil {
			return err
		}
	}
	return nil
}

// TestLayersStepDown: a receiver may go on with any layer within its own at any
// picture, by the masks of its first packet or of the one before.
func TestLayersStepDown(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		for _, descriptors := range []bool{true, false} {
			packets := readLayers(t, name, descriptors)
			stride := 1 + len(packets)/32
			eachLayer(func(s, u uint8) {
				for at := 1; at < len(packets) && u < 3; at += stride {
					for at < len(packets)-1 && packets[at].timestamp == packets[at-1].timestamp {
						at++
					}
					for _, masks := range []*codec.LayerMasks{packets[at-1].Masks, packets[at].Masks} {
						if err := stepDowns(packets, at, masks, s, u); err != nil {
							t.Fatalf("%s, descriptors %v, step down at %d: %v", name, descriptors, at, err)
						}
					}
				}
			})
		}
	}
}

func stepDowns(packets []layered, at int, masks *codec.LayerMasks, s, u uint8) error {
	if masks == nil {
		return nil
	}
	before := watcher{spatial: s, temporal: u}
	for i := range packets[:at] {
		if err := before.take(&packets[i]); err != nil {
			return err
		}
	}
	var failed error
	eachLayer(func(lower, slower uint8) {
		if masks.Within[s][u]&codec.LayerBit(lower, slower) == 0 {
			return
		}
		w := watcher{spatial: lower, temporal: slower, has: map[uint16]bool{}}
		for number := range before.has {
			w.has[number] = true
		}
		for i := range packets[at:] {
			if err := w.take(&packets[at+i]); err != nil && failed == nil {
				failed = fmt.Errorf("from %d, %d: %w", s, u, err)
			}
		}
	})
	return failed
}

// TestLayersEndPictures: every receiver gets a marker on the last packet that it gets of
// each picture that has one as sent, and only there.
func TestLayersEndPictures(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		for _, descriptors := range []bool{true, false} {
			packets := readLayers(t, name, descriptors)
			eachLayer(func(s, u uint8) {
				if err := checkMarkers(packets, codec.LayerBit(s, u)); err != nil {
					t.Errorf("%s, descriptors %v, layer %d, %d: %v", name, descriptors, s, u, err)
				}
			})
		}
	}
}

func checkMarkers(packets []layered, bit uint32) error {
	var last *layered
	marked := map[uint32]bool{}
	for i := range packets {
		marked[packets[i].timestamp] = marked[packets[i].timestamp] || packets[i].marker
	}
	for i := range packets {
		p := &packets[i]
		if p.Needed&bit == 0 {
			if p.Last&bit != 0 {
				return fmt.Errorf("packet %d ends a picture for who does not get it", i)
			}
			continue
		}
		same := last != nil && last.timestamp == p.timestamp
		if same && last.Last&bit != 0 {
			return fmt.Errorf("packet %d follows the end of its picture", i)
		}
		if last != nil && !same && last.Last&bit == 0 && marked[last.timestamp] {
			return fmt.Errorf("the picture before packet %d has no end", i)
		}
		last = p
	}
	return nil
}
