package nodetest_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// cluster runs a test with several nodes in virtual time.
func cluster(t *testing.T, n int, f func(t *testing.T, c *nodetest.Cluster), options ...nodetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, nodetest.NewCluster(t, n, options...)) })
}

func TestLinkCarriesAStream(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		pub := c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		sub.WantMedia(time.Minute)
		sub.WantLive(100 * time.Millisecond)
		sub.WantSync(10 * time.Millisecond)
		sub.WantMissing(codec.Video, 0)
		sub.WantMissing(codec.Audio, 0)
		sub.Leave()
		c.Run(nodetest.Linger + time.Second)
		if in, _ := c.Nodes[1].Links(); in != 0 {
			t.Error("the link stayed after the last subscriber")
		}
		pub.Leave()
		c.WantEmpty()
	})
}

// wantLinks wants one link, from the first node to the second.
func wantLinks(t *testing.T, c *nodetest.Cluster) {
	t.Helper()
	_, out := c.Nodes[0].Links()
	in, _ := c.Nodes[1].Links()
	if in != 1 || out != 1 {
		t.Errorf("%d links go out and %d come in, want one", out, in)
	}
}

// TestColdEdge: the first subscriber of an edge has a keyframe soon, and a live picture, and
// so has the second, though the publisher makes one each ten seconds whatever it is asked.
func TestColdEdge(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio", likeOBS(t))
		c.Run(17 * time.Second)
		first := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(3 * time.Second)
		wantFastStart(t, first, 250*time.Millisecond)
		wantLinks(t, c)
		second := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(3 * time.Second)
		wantFastStart(t, second, 200*time.Millisecond)
		for _, sub := range []*nodetest.Subscriber{first, second} {
			sub.WantSync(15 * time.Millisecond)
			sub.WantMissing(codec.Video, 0)
			sub.WantMissing(codec.Audio, 0)
		}
		wantLinks(t, c)
	})
}

// TestManyJoinAColdEdge: one link is opened, whoever comes first.
func TestManyJoinAColdEdge(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio", likeOBS(t))
		c.Run(13 * time.Second)
		joined := make(chan *nodetest.Subscriber)
		const n = 10
		for range n {
			h := c.Host(nodetest.Link{})
			go func() {
				s, err := h.TrySubscribe("studio", c.Nodes[1].At("studio"))
				if err != nil {
					t.Error(err)
				}
				joined <- s
			}()
		}
		var subs []*nodetest.Subscriber
		for range n {
			subs = append(subs, <-joined)
		}
		c.Run(3 * time.Second)
		wantLinks(t, c)
		for _, s := range subs {
			wantFastStart(t, s, 300*time.Millisecond)
		}
	})
}

// TestLossOnTheLink: what the network between nodes loses is repaired there.
func TestLossOnTheLink(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(2 * time.Second)
		rnd, lost := rand.New(rand.NewPCG(6, 2)), 0
		c.Nodes[0].Host.Refuse(func([]byte) bool { // nearly all it sends goes to the edge
			drop := rnd.IntN(20) == 0
			if drop {
				lost++
			}
			return drop
		})
		sub.WantMedia(time.Minute)
		c.Nodes[0].Host.Refuse(nil)
		c.Run(time.Second)
		sub.WantMissing(codec.Video, 0)
		sub.WantMissing(codec.Audio, 0)
		if lost < 100 {
			t.Errorf("%d packets were lost", lost)
		}
		wantLinks(t, c)
	})
}

// TestEdgeWaitsForThePublisher: who comes first has the picture as soon as on one node.
func TestEdgeWaitsForThePublisher(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(time.Minute)
		if s := sub.Stats(); s.Video.Packets != 0 || sub.Err() != nil {
			t.Fatalf("%d packets, %v", s.Video.Packets, sub.Err())
		}
		c.Nodes[0].Publish("studio", likeOBS(t))
		start := time.Now()
		for sub.Pictures().Shown == 0 && time.Since(start) < 5*time.Second {
			c.Run(10 * time.Millisecond)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("the first picture came %v after the publisher", d)
		}
		sub.WantMedia(20 * time.Second)
		sub.WantMissing(codec.Video, 0)
	})
}

// TestLinkIsCut: subscribers keep their sessions. What the origin still has they get late,
// else they go on at a keyframe.
func TestLinkIsCut(t *testing.T) {
	for cut, whole := range map[time.Duration]bool{1200 * time.Millisecond: true, 5 * time.Second: false, 30 * time.Second: false} {
		t.Run(cut.String(), func(t *testing.T) {
			cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) { cutLink(t, c, cut, whole) })
		})
	}
}

func cutLink(t *testing.T, c *nodetest.Cluster, cut time.Duration, whole bool) {
	c.Nodes[0].Publish("studio", likeOBS(t))
	c.Run(12 * time.Second)
	sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
	sub.WantMedia(2 * time.Second)
	c.Nodes[1].Refuse(true) // no link can be opened
	c.Nodes[1].Drop(true)
	c.Run(cut)
	c.Nodes[1].Drop(false)
	c.Nodes[1].Refuse(false)
	healed := time.Now()
	for in, _ := c.Nodes[1].Links(); in == 0 && time.Since(healed) < 10*time.Second; in, _ = c.Nodes[1].Links() {
		c.Run(10 * time.Millisecond)
	}
	if d := time.Since(healed); d > 3100*time.Millisecond {
		t.Errorf("another link after %v", d)
	}
	c.Run(time.Second)
	if whole { // it was only late
		sub.WantMissing(codec.Video, 0)
		sub.WantMissing(codec.Audio, 0)
	}
	sub.WantMedia(time.Minute)
	sub.WantLive(100 * time.Millisecond)
	wantLinks(t, c)
}

// TestPublisherMoves: the next publisher may be on any node, and subscribers go on.
func TestPublisherMoves(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		first := c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[2].Subscribe("studio", nodetest.Link{})
		sub.WantMedia(5 * time.Second)
		first.Leave()
		c.Run(2 * time.Second)
		if in, _ := c.Nodes[2].Links(); in != 0 {
			t.Error("there is a link without a publisher")
		}
		second := c.Nodes[1].Publish("studio")
		c.Run(2 * time.Second)
		sub.WantMedia(5 * time.Second)
		second.Leave()
		c.Nodes[2].Publish("studio") // where the subscriber is
		c.Run(2 * time.Second)
		sub.WantMedia(5 * time.Second)
		sub.Leave()
		c.Run(nodetest.Linger + time.Second)
		if in, _ := c.Nodes[2].Links(); in != 0 {
			t.Error("there is a link to itself")
		}
	})
}

// TestPublisherReturns: the same node, another session.
func TestPublisherReturns(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		first := c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		sub.WantMedia(5 * time.Second)
		first.Leave()
		c.Run(time.Second)
		c.Nodes[0].Publish("studio")
		c.Run(2 * time.Second)
		sub.WantMedia(5 * time.Second)
		wantLinks(t, c)
	})
}

// TestAbsentEverywhere: a stream that nobody publishes anywhere is refused as on one node,
// and one that another node has is not.
func TestAbsentEverywhere(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		if _, err := c.Host(nodetest.Link{}).TrySubscribe("studio", c.Nodes[1].At("studio")); err == nil {
			t.Error("a subscriber waits")
		}
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		c.Nodes[1].Subscribe("studio", nodetest.Link{}).WantMedia(5 * time.Second)
	}, nodetest.RejectAbsent())
}

// TestOnlyWantedLayersTravel: what no subscriber of the edge gets does not come there, and
// comes as soon as one wants it, though the encoder does not make a keyframe for that.
func TestOnlyWantedLayersTravel(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio", func(o *client.PublishOptions) {
			o.IgnoreKeyframeRequests = true
			o.Video = nil
			for rid, lines := range map[string]int{"low": 180, "mid": 360, "high": 720} {
				o.Video = append(o.Video, client.Encoding{RID: rid, Source: nodetest.Video(t, client.SyntheticOptions{
					Width: lines * 16 / 9, Height: lines, Bitrate: int64(lines) * 1000, KeyframeInterval: 4 * time.Second,
				})})
			}
		})
		c.Run(2 * time.Second)
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(12 * time.Second)
		for _, step := range []struct {
			rid  string
			rate int64 // bits per second over the link, with what is around payload, and sound
		}{{"low", 180_000}, {"high", 720_000}, {"mid", 360_000}, {"low", 180_000}} {
			if err := sub.SelectLayer(t.Context(), step.rid); err != nil {
				t.Fatal(err)
			}
			c.Run(5 * time.Second) // a keyframe, and wantHold
			link, got := c.Nodes[1].LinkBytes(), sub.Stats().Video.Bytes
			sub.WantMedia(8 * time.Second)
			link, got = c.Nodes[1].LinkBytes()-link, sub.Stats().Video.Bytes-got // bits per second, in 8 s
			if most := step.rate*13/10 + 80_000; link < step.rate || link > most || got < step.rate || got > most {
				t.Errorf("%s: %d bit/s over the link, %d to the subscriber", step.rid, link, got)
			}
		}
		info, _ := c.Nodes[1].Streams().Lookup("studio")
		if len(info.Encodings) != 3 {
			t.Fatalf("the edge knows %d encodings", len(info.Encodings))
		}
		for _, e := range info.Encodings {
			if w, _ := e.Size(); w == 0 || !e.Active(time.Now()) {
				t.Errorf("%q: %d wide, active %v", e.RID(), w, e.Active(time.Now()))
			}
		}
		second := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(8 * time.Second)
		got := second.Stats().Video.Bytes
		second.WantMedia(8 * time.Second)
		second.WantLive(100 * time.Millisecond)
		if first := second.Stats().Video.FirstKeyframe; first == 0 || first > 300*time.Millisecond {
			t.Errorf("the keyframe of a layer that did not come yet came after %v", first)
		}
		if got = second.Stats().Video.Bytes - got; got < 720_000 {
			t.Errorf("who chooses by bandwidth gets %d bit/s", got)
		}
	})
}
