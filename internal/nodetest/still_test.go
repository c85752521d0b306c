package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// longGroup publishes groups of pictures that are longer than a history, whatever the publisher
// is asked, in packets of a size.
func longGroup(t *testing.T, o client.SyntheticOptions, mtu int) func(*client.PublishOptions) {
	return func(p *client.PublishOptions) {
		p.IgnoreKeyframeRequests, p.MTU = true, mtu
		p.Video[0].Source = nodetest.Video(t, o)
	}
}

// wantStill wants a subscriber that has just joined to have the last keyframe, and nothing that
// follows on what it does not have.
func wantStill(t *testing.T, sub *nodetest.Subscriber, first time.Duration) {
	t.Helper()
	p := sub.Pictures()
	if p.Shown != 1 || p.Broken > 0 || p.First > first {
		t.Errorf("%d pictures, %d broken, the first after %v; want one, a still, within %v", p.Shown, p.Broken, p.First, first)
	}
	if sub.Stats().Audio.Packets < 15 {
		t.Error("no sound beside the still")
	}
}

// TestColdEdgeShowsAStill: of a group of pictures that is longer than the history, in time or in
// packets, the first subscriber of an edge has the keyframe as soon as of any other, and so has
// one that is two links away and one that joins when the edge is warm. All go on at the next.
func TestColdEdgeShowsAStill(t *testing.T) {
	for name, tt := range map[string]struct {
		source client.SyntheticOptions
		mtu    int
		at     time.Duration
	}{
		"longer than twelve seconds": {client.SyntheticOptions{KeyframeInterval: 20 * time.Second}, 0, 14 * time.Second},
		"more packets than the ring": {
			client.SyntheticOptions{KeyframeInterval: 10 * time.Second, Bitrate: 10_000_000, FPS: 60}, 280, 6500 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
				c.Nodes[0].Publish("studio", longGroup(t, tt.source, tt.mtu))
				c.Run(tt.at)
				var subs []*nodetest.Subscriber
				for i, first := range []time.Duration{400, 400, 200, 200} {
					sub := c.Nodes[[]int{1, 2, 1, 0}[i]].Subscribe("studio", nodetest.Link{})
					subs = append(subs, sub)
					c.Run(500 * time.Millisecond)
					wantStill(t, sub, first*time.Millisecond)
				}
				if d := wantTree(t, c, 1); d != 2 {
					t.Errorf("%d deep", d)
				}
				c.Run(tt.source.KeyframeInterval - tt.at)
				for i, sub := range subs {
					sub.WantMissing(codec.Video, 0)
					if p := sub.Pictures(); p.Broken > 0 || p.Shown < 10 {
						t.Errorf("subscriber %d: %d pictures, %d broken", i, p.Shown, p.Broken)
					}
					sub.WantLive(100 * time.Millisecond)
				}
			}, fanOut(1))
		})
	}
}

// TestGoesOnAfterAStill: who joined with a still goes on at the next keyframe, whatever the bitrate
// and however little was sent before: that nothing was sent does not say that nothing fits.
// Keyframes weigh half of what others do: they come in one moment, a player's buffer (pion's) has a
// megabyte, and what no longer fits is not asked for while nothing follows it.
func TestGoesOnAfterAStill(t *testing.T) {
	for name, tt := range map[string]struct {
		rate         int64
		interval, at time.Duration
	}{
		"right before the keyframe":        {10_000_000, 20 * time.Second, 19 * time.Second},
		"near the greatest estimate":       {45_000_000, 10 * time.Second, 4 * time.Second},
		"beyond it":                        {60_000_000, 10 * time.Second, 4 * time.Second},
		"beyond it, before the keyframe":   {60_000_000, 10 * time.Second, 9 * time.Second},
		"when the keyframe could be older": {10_000_000, 20 * time.Second, 13 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *nodetest.World) {
				w.Publish("studio", longGroup(t, client.SyntheticOptions{KeyframeInterval: tt.interval, KeyframeWeight: 4, Bitrate: tt.rate, FPS: 60}, 0))
				w.Run(tt.at)
				sub := w.Subscribe("studio")
				w.Run(500 * time.Millisecond)
				wantStill(t, sub, 200*time.Millisecond)
				w.Run(tt.interval - tt.at + time.Second)
				if p := sub.Pictures(); p.Shown < 30 || p.Broken > 0 {
					t.Errorf("%d pictures, %d broken", p.Shown, p.Broken)
				}
				sub.WantMedia(3 * time.Second)
			})
		})
	}
}
