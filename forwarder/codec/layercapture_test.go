package codec_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

var update = flag.Bool("update", false, "write testdata/layers/*.txt anew")

// describeLayers writes the frames of a fixture as text, one a line.
func describeLayers(packets []layered) string {
	var b strings.Builder
	for i, p := range packets {
		fmt.Fprintf(&b, "%d: %s\n", i, describeLayer(p.Layering))
	}
	return b.String()
}

func describeLayer(l codec.Layering) string {
	return fmt.Sprintf("S%dT%d needed %s entry %s last %s%s",
		l.Spatial, l.Temporal, rows(l.Needed), rows(l.Entry), rows(l.Last), flags(l))
}

// rows writes the temporal layers of each spatial layer in whose bits are set.
func rows(bits uint32) string {
	var out []string
	for s := range uint8(codec.MaxSpatial) {
		row, text := bits>>(s*codec.MaxTemporal)&0xff, ""
		for u := range uint8(codec.MaxTemporal) {
			if row>>u == 0xff>>u {
				text += fmt.Sprintf("%d+", u)
				break
			}
			if row&(1<<u) != 0 {
				text += fmt.Sprint(u)
			}
		}
		if text == "" {
			text = "-"
		}
		out = append(out, text)
	}
	return strings.Join(out, ",")
}

func flags(l codec.Layering) string {
	text := ""
	for i, name := range []string{"start", "end", "key"} {
		if l.Flags&(1<<i) != 0 {
			text += " " + name
		}
	}
	if l.Flags&codec.HasPictureID != 0 {
		text += fmt.Sprint(" picture ", l.PictureID)
	}
	if l.Flags&codec.HasTL0PicIdx != 0 {
		text += fmt.Sprint(" tl0 ", l.TL0PicIdx)
	}
	if l.Flags&codec.HasFrameNumber != 0 {
		text += fmt.Sprint(" frame ", l.FrameNumber)
	}
	return text
}

// TestLayersOfCaptures holds every packet of the captures to what was checked by hand
// and by the tests above.
func TestLayersOfCaptures(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		for _, descriptors := range []bool{true, false} {
			path := filepath.Join("testdata", "layers", name+".txt")
			switch {
			case !descriptors && isPlain(name):
				continue
			case !descriptors:
				path = filepath.Join("testdata", "layers", name+"-payload.txt")
			}
			got := describeLayers(readLayers(t, name, descriptors))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if line := firstDifference(got, string(want)); line != "" {
				t.Errorf("%s: %s", path, line)
			}
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return "want " + w[i]
		case i >= len(w):
			return "got " + g[i]
		case g[i] != w[i]:
			return fmt.Sprintf("got  %s\nwant %s", g[i], w[i])
		}
	}
	return ""
}

// TestLayersOfLatePackets: packets out of order are read as if they were in order, or
// as needed by more while their structure has not come; they let nobody else step up.
func TestLayersOfLatePackets(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		if strings.HasSuffix(name, "-fewer") {
			continue // what is sent changes within the shuffled packets
		}
		f, packets := formatOf(t, name), readFixture(t, name)
		want := map[uint16]layered{}
		for i, l := range readPackets(t, f, withPayload(packets), true) {
			want[withPayload(packets)[i].SequenceNumber] = l
		}
		for seed := range uint64(20) {
			late := shuffled(withPayload(packets), seed)
			for i, l := range readPackets(t, f, late, true) {
				checkLate(t, fmt.Sprintf("%s, seed %d, packet %d", name, seed, i), l, want[late[i].SequenceNumber])
			}
		}
	}
}

func checkLate(t *testing.T, what string, got, want layered) {
	t.Helper()
	if want.Needed&^got.Needed != 0 {
		t.Errorf("%s: needed %s, want %s", what, rows(got.Needed), rows(want.Needed))
	}
	if got.Masks == nil || got.Masks.Targets == 0 {
		return // by the payload
	}
	if got.Needed != want.Needed || got.Spatial != want.Spatial || got.Temporal != want.Temporal {
		t.Errorf("%s: %d, %d needed %s, want %d, %d needed %s", what,
			got.Spatial, got.Temporal, rows(got.Needed), want.Spatial, want.Temporal, rows(want.Needed))
	}
	if got.Entry&^want.Entry != 0 {
		t.Errorf("%s: entry %s, want at most %s", what, rows(got.Entry), rows(want.Entry))
	}
}

func withPayload(packets []*rtp.Packet) []*rtp.Packet {
	var out []*rtp.Packet
	for _, p := range packets {
		if len(p.Payload) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// shuffled delays packets by up to nine others.
func shuffled(packets []*rtp.Packet, seed uint64) []*rtp.Packet {
	random := rand.New(rand.NewPCG(seed, 1))
	out := append([]*rtp.Packet(nil), packets...)
	for range len(out) / 5 {
		from := random.IntN(len(out))
		to := min(from+1+random.IntN(9), len(out)-1)
		p := out[from]
		copy(out[from:to], out[from+1:to+1])
		out[to] = p
	}
	return out
}

// TestLayersWrap: frame numbers wrap like any others.
func TestLayersWrap(t *testing.T) {
	for _, name := range layeredFixtures(t) {
		f, packets := formatOf(t, name), readFixture(t, name)
		want := readPackets(t, f, packets, true)
		for _, p := range packets {
			if value := p.GetExtension(dependencyID); value != nil {
				h, _ := codec.ParseDependencyHeader(value)
				codec.PutFrameNumber(value, h.FrameNumber-want[0].FrameNumber-20)
			}
		}
		for i, got := range readPackets(t, f, packets, true) {
			if got.Needed != want[i].Needed || got.Entry != want[i].Entry || got.Last != want[i].Last {
				t.Fatalf("%s: packet %d: %+v, want %+v", name, i, got.Layering, want[i].Layering)
			}
		}
	}
}
