package forwarder

import (
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// FuzzLinkMessages feeds messages of a link to both of its ends: whatever they say, what is believed of it
// keeps its bounds, and can be said on.
func FuzzLinkMessages(f *testing.F) {
	found := newFoundList([]Finding{{FindingBFrames, "a"}, {FindingProfile, "b"}})
	whole := appendWhole(nil, 1, 5, found)
	f.Add(slices.Concat(whole, appendFinding(nil, 1, found, 0), appendFinding(nil, 1, found, 1)))
	f.Add(slices.Concat(whole, appendFinding(nil, 1, found, 1), appendWhole(nil, 1, 5, nil)))
	f.Add(appendAudience(nil, 1, 1<<31))
	f.Add([]byte{0x82, 204, 0, 12, 0, 0, 0, 0, 'W', 'H', 'P', 'T', 0, 0, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(1000, 0)
		edge := NewPublisher(PublisherConfig{Relayed: true, Tracks: []PublisherTrack{
			{Kind: codec.Video, NACK: true, PLI: true, SSRCs: []uint32{7}, Formats: map[uint8]codec.Format{96: {Name: codec.VP8}}},
		}})
		tap := NewTap(edge, TapConfig{SSRC: 9})
		out := Output{}
		for range 2 {
			edge.HandleRTCP(now, b)
			tap.HandleRTCP(now, b, &out)
			out.Reset()
			tap.Pull(now, &out)
			now = now.Add(findingSpacing)
		}
		if n := edge.Audience(now); n < 0 || n > maxAudience || tap.Audience() < 0 || tap.Audience() > maxAudience {
			t.Fatalf("%d subscribers, %d below", n, tap.Audience())
		}
		list := edge.Diagnose(now)
		if len(list) > maxFindings {
			t.Fatalf("%d findings", len(list))
		}
		for _, f := range list {
			if !f.legible() || len(f.Code) > maxFindingCode || len(f.Text) > maxFindingText || !utf8.ValidString(f.Text) {
				t.Fatalf("%q", f)
			}
		}
		for i := range list {
			if said, ok := readFinding(appendFinding(nil, 1, edge.found.Load(), i)[12:]); !ok || said.Finding != list[i] {
				t.Fatalf("%q is said on as %q", list[i], said.Finding)
			}
		}
	})
}
