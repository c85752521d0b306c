package stream

import (
	"fmt"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestLayersWithinReach: a subscriber is told of the layers that it can have: without the
// Dependency Descriptor one spatial layer of AV1, and pictures as small as it may have, or
// the smallest that are sent.
func TestLayersWithinReach(t *testing.T) {
	of := func(name codec.Name, bitrates ...int64) (all []Layer) {
		for i, bitrate := range bitrates {
			all = append(all, Layer{Codec: name, LayerStatus: forwarder.LayerStatus{
				Spatial: uint8(i), Bitrate: bitrate, Width: 320 << i, Height: 180 << i,
			}})
		}
		return all
	}
	for _, c := range []struct {
		name          string
		all           []Layer
		described     bool
		width, height int
		want          string // spatial layers
	}{
		{"VP9", of(codec.VP9, 1, 2, 3), false, 0, 0, "0 1 2"},
		{"AV1 without the descriptor", of(codec.AV1, 1, 2, 3), false, 0, 0, "0"},
		{"AV1 with it", of(codec.AV1, 1, 2, 3), true, 0, 0, "0 1 2"},
		{"a height", of(codec.VP9, 1, 2, 3), true, 0, 360, "0 1"},
		{"a width", of(codec.VP9, 1, 2, 3), true, 1279, 0, "0 1"},
		{"both", of(codec.VP9, 1, 2, 3), true, 640, 200, "0"},
		{"nothing so small", of(codec.VP9, 1, 2, 3), true, 0, 100, "0"},
		{"nothing so small is sent", of(codec.VP9, 0, 2, 3), true, 0, 180, "0 1"},
		{"what pauses is told", of(codec.VP9, 1, 0, 3), true, 0, 360, "0 1"},
		{"size unknown", []Layer{{Codec: codec.H264, LayerStatus: forwarder.LayerStatus{Bitrate: 1}}}, false, 0, 100, "0"},
		{"nothing", nil, false, 0, 100, ""},
	} {
		s := &Subscription{described: c.described, width: c.width, height: c.height}
		var got []string
		for _, l := range s.Within(c.all) {
			got = append(got, fmt.Sprint(l.Spatial))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestDescribedSubscribers: whether one is, its tracks say.
func TestDescribedSubscribers(t *testing.T) {
	r := NewRegistry(Config{})
	defer r.Close()
	for _, described := range []bool{false, true} {
		track := forwarder.SubscriberTrack{Kind: codec.Video, SSRC: 1, Formats: []forwarder.SubscriberFormat{{Format: codec.Format{Name: codec.AV1}, PT: 96}}}
		if described {
			track.Extensions = map[codec.Extension]uint8{codec.DependencyDescriptor: 3}
		}
		sub, err := r.Subscribe("a", &sink{}, []forwarder.SubscriberTrack{track})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		if sub.described != described {
			t.Errorf("described: %v, want %v", sub.described, described)
		}
	}
}
