package link

import (
	"context"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay"
)

// self is a directory that takes every stream to be of node "a".
type self struct{}

func (self) Lookup(context.Context, string) (relay.Holder, error) {
	return relay.Holder{Node: "a", Epoch: 1}, nil
}
func (self) Watch(string) (<-chan struct{}, func()) { return nil, func() {} }
func (self) Now() time.Time                         { return time.Now() }

type mute struct{}

func (mute) WriteRTCP([]byte) error { return nil }
func (mute) RTT() time.Duration     { return 0 }
func (mute) Began(stream.Beginning) {}
func (mute) Close(error)            {}

// TestOwnStreamsAreLookedForRarely, but not where the directory is wrong about that: it is what was last
// heard of it while it does not answer.
func TestOwnStreamsAreLookedForRarely(t *testing.T) {
	streams := stream.NewRegistry(stream.Config{})
	defer streams.Close()
	e := NewEdges(EdgesConfig{Directory: self{}, Streams: streams, Node: "a"})
	defer e.Close()
	x := newEdge(e, "studio")
	if d := x.step(t.Context(), nil); d != lookupInterval {
		t.Errorf("nobody publishes here: again after %v", d)
	}
	claim, err := streams.Claim(t.Context(), "studio", "")
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	pub := claim.Start(mute{}, forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Audio, MID: "0", Formats: map[uint8]codec.Format{111: {Name: codec.Opus}}},
	}})
	pub.PushRTP([]byte{2 << 6, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3}, time.Now())
	if d := x.step(t.Context(), nil); d != ownInterval {
		t.Errorf("somebody publishes here: again after %v", d)
	}
}
