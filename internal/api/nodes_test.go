package api_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/internal/api/apitest"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestNodes: this one, by its id and as self, with what it does.
func TestNodes(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.publish("studio", "camera")
		r.Run(2 * time.Second)
		r.subscribe("studio", "viewer")
		r.subscribe("empty", "viewer")
		r.Run(8 * time.Second)
		page := read[wire.NodePage](r.do("GET", "nodes", "").want(200, ""))
		if len(page.Items) != 1 || page.Next != nil {
			t.Fatalf("%+v", page)
		}
		n := page.Items[0]
		if got := read[wire.Node](r.do("GET", "nodes/"+n.ID, "").want(200, "")); got.ID != n.ID || *got.StartedAt != *n.StartedAt {
			t.Errorf("%+v, not %+v", got, n)
		}
		r.do("GET", "nodes/other", "").want(404, "no-such-node")
		n = read[wire.Node](r.do("GET", "nodes/self", "").want(200, ""))
		if n.State != wire.NodeStateReady || *n.Uptime < 10 || *n.Uptime > 20 || len(*n.Candidates) == 0 || n.URL != nil || n.Busy != nil {
			t.Errorf("%+v", n)
		}
		l := n.Load
		if l.Streams != 2 || l.Publishers != 1 || l.Subscribers != 2 || l.Sessions != 3 || l.Unconnected != 0 ||
			l.PacketsReceived < 300 || l.PacketsSent < 200 || l.BytesSent < 10_000 || l.HistoryBytes == 0 || l.HeapBytes == 0 || l.CPUTime == 0 {
			t.Errorf("%+v", l)
		}
		r.Node.Drain()
		if got := read[wire.Node](r.do("GET", "nodes/self", "")); got.State != wire.NodeStateClosing {
			t.Errorf("%+v", got)
		}
		if got := read[wire.NodePage](r.do("GET", "nodes?after="+n.ID, "")); len(got.Items) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestNodesOfACluster: each tells all of itself, and of the others what they announce.
func TestNodesOfACluster(t *testing.T) {
	document, options := apitest.Load(t), guarded(t)
	synctest.Test(t, func(t *testing.T) {
		c := nodetest.NewCluster(t, 3, options...)
		r := &rig{c.World, t, document, map[string]bool{}}
		c.Nodes[2].Drain()
		r.Run(10 * time.Second)
		page := read[wire.NodePage](r.do("GET", "nodes", "").want(200, ""))
		if len(page.Items) != 3 {
			t.Fatalf("%+v", page)
		}
		for i, n := range page.Items {
			state := wire.NodeStateReady
			if i == 2 {
				state = wire.NodeStateClosing
			}
			if n.ID != c.Nodes[i].ID || *n.URL != c.Nodes[i].URL || n.State != state || n.Busy == nil || (n.Load != nil) != (i == 0) {
				t.Errorf("%+v", n)
			}
		}
		if n := read[wire.Node](r.do("GET", "nodes/node-1", "").want(200, "")); n.ID != "node-1" || n.Load != nil {
			t.Errorf("%+v", n)
		}
		if n := read[wire.Node](r.do("GET", "nodes/self", "").want(200, "")); n.ID != "node-0" || n.Load == nil {
			t.Errorf("%+v", n)
		}
		if page := read[wire.NodePage](r.do("GET", "nodes?limit=1&after=node-0", "").want(200, "")); len(page.Items) != 1 || *page.Next != "node-1" {
			t.Errorf("%+v", page)
		}
		r.do("GET", "nodes/node-3", "").want(404, "no-such-node")
	})
}

// TestSettingsInForce are those the node was started with, as they were listed.
func TestSettingsInForce(t *testing.T) {
	given := []config.Setting{
		{Name: "max-sessions", Values: []string{"7"}, Changed: true}, {Name: "turn-secret", Values: []string{"[hidden]"}, Secret: true}, {Name: "media"},
	}
	run(t, func(t *testing.T, r *rig) {
		got := read[wire.Settings](r.do("GET", "settings", "").want(200, "")).Settings
		want := []wire.Setting{
			{Name: "max-sessions", Values: []string{"7"}, Changed: true}, {Name: "turn-secret", Values: []string{"[hidden]"}, Secret: true}, {Name: "media", Values: []string{}},
		}
		if !slices.EqualFunc(got, want, func(a, b wire.Setting) bool {
			return a.Name == b.Name && slices.Equal(a.Values, b.Values) && a.Secret == b.Secret && a.Changed == b.Changed
		}) {
			t.Errorf("%+v", got)
		}
	}, nodetest.Config(func(c *config.Config) { c.InForce = given }))
}

func TestDocumentNeedsNoToken(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		for _, h := range []http.Handler{r.Node.Handler(), r.Node.AdminHandler()} {
			got := r.send(h, "GET", "openapi.yaml", "").want(200, "")
			if got.Header.Get("Content-Type") != "application/yaml" || len(got.text) < 10_000 || got.text[:8] != "openapi:" {
				t.Errorf("%s %.30q", got.Header.Get("Content-Type"), got.text)
			}
		}
	})
}
