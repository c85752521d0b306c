package forwarder_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestLinkTypesAreTheSameAtEveryDepth: an edge that goes on below another parent, which is
// an inner node or the origin, reads its packets by the types it knows. Of more formats than there are
// types the rest is left out.
func TestLinkTypesAreTheSameAtEveryDepth(t *testing.T) {
	for _, c := range []struct{ formats, described int }{{1, 1}, {32, 32}, {33, 33}, {61, 61}, {62, 61}, {100, 61}} {
		sound, pictures := map[uint8]codec.Format{100: opus}, map[uint8]codec.Format{}
		for i := range c.formats - 1 {
			pictures[uint8(i)] = codec.Format{Name: codec.H264, Profile: uint16(i + 1), Mode: 1}
		}
		origin := forwarder.NewPublisher(forwarder.PublisherConfig{ID: 7, Tracks: []forwarder.PublisherTrack{
			{Kind: codec.Audio, MID: "0", Formats: sound}, {Kind: codec.Video, MID: "1", Formats: pictures},
		}})
		first := origin.Describe()
		if n := len(first.Tracks[0].Types) + len(first.Tracks[1].Types); n != c.described {
			t.Errorf("%d formats: %d are described, want %d", c.formats, n, c.described)
		}
		at := first
		for depth := range 3 {
			at = forwarder.NewPublisher(at.PublisherConfig()).Describe()
			if diff := cmp.Diff(types(first), types(at)); diff != "" {
				t.Fatalf("%d formats, depth %d: %s", c.formats, depth+1, diff)
			}
		}
	}
}

// types returns the format of each payload type of a link.
func types(d forwarder.Description) map[uint8]codec.Format {
	all := map[uint8]codec.Format{}
	for _, t := range d.Tracks {
		for _, f := range t.Types {
			all[f.PT] = f.Format
		}
	}
	return all
}
