package api_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/apitest"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestLinksAndTree: three nodes, one below the other, as each of them tells.
func TestLinksAndTree(t *testing.T) {
	document, options := apitest.Load(t), guarded(t)
	synctest.Test(t, func(t *testing.T) {
		c := nodetest.NewCluster(t, 3, append(options, nodetest.FanOut(1))...)
		r := &rig{c.World, t, document, map[string]bool{}}
		r.do("GET", "streams/studio/tree", "").want(404, "no-such-stream")
		play := func(o *client.PlayOptions) { o.Token = mint(t, "viewer", auth.Subscribe) }
		c.Nodes[2].Publish("studio", func(o *client.PublishOptions) { o.Token = mint(t, "camera", auth.Publish) })
		r.Run(3 * time.Second)
		c.Nodes[1].Subscribe("studio", nodetest.Link{}, play)
		r.Run(3 * time.Second)
		for range 2 {
			c.Nodes[0].Subscribe("studio", nodetest.Link{}, play)
		}
		r.Run(5 * time.Second)

		links := read[wire.LinkPage](r.do("GET", "links", "").want(200, "")).Items
		if len(links) != 1 || links[0].Node != "node-1" || links[0].Direction != wire.LinkDirectionIn || links[0].Depth != 2 ||
			links[0].State != wire.LinkStateOpen || links[0].Packets == 0 || links[0].HopLatency == nil {
			t.Errorf("%+v", links)
		}
		tree := read[wire.Tree](r.do("GET", "streams/studio/tree", "").want(200, ""))
		if !tree.Complete || tree.Epoch == nil || len(tree.Nodes) != 3 {
			t.Fatalf("%+v", tree)
		}
		var before float64
		for i, n := range tree.Nodes {
			origin := i == 0
			if n.ID != c.Nodes[2-i].ID || n.Depth != i || *n.Subscribers != i || (n.Parent == nil) != origin || (n.HopLatency == nil) != origin ||
				*n.Latency < before || !origin && (*n.Latency == before || *n.State != wire.TreeNodeStateOpen || *n.Bytes == 0) {
				t.Errorf("%+v", n)
			}
			before = *n.Latency
		}
		self := read[wire.Node](r.do("GET", "nodes/self", "").want(200, ""))
		if k := self.Cluster; k == nil || !k.DirectoryAvailable || k.Nodes != 3 || k.LinksIn != 1 || k.LinksOut != 0 {
			t.Errorf("%+v", self.Cluster)
		}
		if *self.Sessions != 2 || self.AnnouncedAt == nil || time.Since(*self.AnnouncedAt) > 5*time.Second {
			t.Errorf("%+v", self)
		}

		c.Nodes[0].Refuse(true) // HTTP, not media
		tree = read[wire.Tree](r.do("GET", "streams/studio/tree", "").want(200, ""))
		if tree.Complete || len(tree.Nodes) != 1 || tree.Nodes[0].ID != "node-2" || tree.Nodes[0].Answered || tree.Nodes[0].Subscribers != nil {
			t.Errorf("%+v", tree)
		}
		c.Nodes[0].Refuse(false)
	})
}

// TestTreeOfANodeAlone is the node.
func TestTreeOfANodeAlone(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		if page := read[wire.LinkPage](r.do("GET", "links", "").want(200, "")); len(page.Items) != 0 {
			t.Errorf("%+v", page)
		}
		r.do("GET", "streams/studio/tree", "").want(404, "no-such-stream")
		r.do("GET", "streams/.studio/tree", "").want(404, "no-such-stream")
		r.publish("studio", "camera")
		r.Run(time.Second)
		tree := read[wire.Tree](r.do("GET", "streams/studio/tree", "").want(200, ""))
		if !tree.Complete || len(tree.Nodes) != 1 || tree.Nodes[0].Depth != 0 || !tree.Nodes[0].Answered {
			t.Errorf("%+v", tree)
		}
		if n := read[wire.Node](r.do("GET", "nodes/self", "").want(200, "")); n.Cluster != nil || n.Sessions != nil {
			t.Errorf("%+v", n)
		}
	})
}
