package nodetest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/relay/link"
)

// fanOut lets nodes feed so many links of a stream.
func fanOut(n int) nodetest.Option { return nodetest.FanOut(n) }

// wantTree wants every node but the origin to have one parent, nearer to the origin than
// itself, and nobody to feed more than most. It returns the depth of the last one.
func wantTree(t *testing.T, c *nodetest.Cluster, most int, dead ...*nodetest.Member) (deepest int) {
	t.Helper()
	gone := map[string]bool{}
	for _, m := range dead {
		gone[m.ID] = true
	}
	parents, fed := map[string]string{}, map[string]int{}
	for _, m := range c.Nodes[1:] {
		if gone[m.ID] {
			continue
		}
		all := m.Parents()
		if len(all) != 1 {
			t.Errorf("%s has %d parents", m.ID, len(all))
			continue
		}
		parents[m.ID] = all[0].Node
		if fed[all[0].Node]++; fed[all[0].Node] > most {
			t.Errorf("%s feeds more than %d", all[0].Node, most)
		}
		deepest = max(deepest, all[0].Depth)
	}
	for id := range parents {
		steps := 0
		for at := id; at != c.Nodes[0].ID; at = parents[at] {
			if steps++; steps > len(c.Nodes) || parents[at] == "" {
				t.Fatalf("the way from %s does not lead to the origin: %v", id, parents)
			}
		}
	}
	return deepest
}

// TestChain: with one link for each node they are one below the other.
func TestChain(t *testing.T) {
	cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio", likeOBS(t))
		c.Run(12 * time.Second)
		var subs []*nodetest.Subscriber
		for _, m := range c.Nodes[1:] {
			sub := m.Subscribe("studio", nodetest.Link{})
			c.Run(3 * time.Second)
			wantFastStart(t, sub, 400*time.Millisecond)
			subs = append(subs, sub)
		}
		if d := wantTree(t, c, 1); d != 3 {
			t.Errorf("%d deep", d)
		}
		last := subs[2]
		last.WantMedia(time.Minute)
		last.WantLive(100 * time.Millisecond)
		last.WantSync(20 * time.Millisecond)
		last.WantMissing(codec.Video, 0)
		last.WantMissing(codec.Audio, 0)
		subs[0].Leave()
		subs[1].Leave()
		c.Run(nodetest.Linger + time.Second)
		last.WantMedia(10 * time.Second)
		last.WantMissing(codec.Video, 0)
		last.Leave()
		c.Run(4*nodetest.Linger + time.Second)
		for _, m := range c.Nodes {
			if in, out := m.Links(); in+out != 0 {
				t.Errorf("%s still has %d+%d links", m.ID, in, out)
			}
		}
	}, fanOut(1))
}

// TestLossInAChain: each hop repairs its own.
func TestLossInAChain(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(time.Second)
		sub := c.Nodes[2].Subscribe("studio", nodetest.Link{})
		c.Run(2 * time.Second)
		n := 0
		c.Nodes[0].Host.Refuse(func([]byte) bool { n++; return n%20 == 0 })
		sub.WantMedia(30 * time.Second)
		c.Nodes[0].Host.Refuse(nil)
		c.Run(time.Second)
		sub.WantMissing(codec.Video, 0)
		sub.WantMissing(codec.Audio, 0)
	}, fanOut(1))
}

// TestManyNodes: the origin feeds two, however many watch.
func TestManyNodes(t *testing.T) {
	cluster(t, 13, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		var subs []*nodetest.Subscriber
		for _, m := range c.Nodes[1:] {
			subs = append(subs, m.Subscribe("studio", nodetest.Link{}))
		}
		c.Run(5 * time.Second)
		if d := wantTree(t, c, 2); d > 4 {
			t.Errorf("%d deep", d)
		}
		for _, s := range subs {
			s.WantMedia(time.Second)
		}
	}, fanOut(2))
}

// TestAParentDies: those below it go on with another one, under the same session.
func TestAParentDies(t *testing.T) {
	cluster(t, 6, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		subs := map[*nodetest.Member]*nodetest.Subscriber{}
		for _, m := range c.Nodes[1:] {
			subs[m] = m.Subscribe("studio", nodetest.Link{})
			c.Run(2 * time.Second)
		}
		dead := c.Nodes[1]
		if len(dead.Children()) == 0 {
			dead = c.Nodes[2]
		}
		if len(dead.Children()) == 0 {
			t.Fatal("neither of the origin's children feeds anybody")
		}
		dead.Kill()
		c.Run(7 * time.Second)
		wantTree(t, c, 2, dead)
		for m, s := range subs {
			if m != dead {
				s.WantMedia(5 * time.Second)
				s.WantLive(100 * time.Millisecond)
			}
		}
	}, fanOut(2))
}

// TestTheMiddleOfAChainDies: its place at the origin is free for whom it fed, though the
// origin does not give it up yet.
func TestTheMiddleOfAChainDies(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(time.Second)
		sub := c.Nodes[2].Subscribe("studio", nodetest.Link{})
		c.Run(3 * time.Second)
		wantParent(t, c.Nodes[2], c.Nodes[1])
		c.Nodes[1].Kill()
		c.Run(1500 * time.Millisecond)
		wantParent(t, c.Nodes[2], c.Nodes[0])
		sub.WantMedia(10 * time.Second)
		sub.WantLive(100 * time.Millisecond)
		sub.WantMissing(codec.Video, 0)
	}, fanOut(1))
}

// TestWantsPassOn: what nobody wants at the end of a chain sleeps on every link of it, and
// the end knows of it nevertheless.
func TestWantsPassOn(t *testing.T) {
	cluster(t, 3, wantsPassOn, fanOut(1))
}

func wantsPassOn(t *testing.T, c *nodetest.Cluster) {
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
	first := c.Nodes[1].Subscribe("studio", nodetest.Link{})
	c.Run(time.Second)
	if err := first.SelectLayer(t.Context(), "low"); err != nil {
		t.Fatal(err)
	}
	last := c.Nodes[2].Subscribe("studio", nodetest.Link{})
	c.Run(8 * time.Second)
	for _, step := range []struct {
		rid  string
		rate int64 // bits per second of the encoding
	}{{"low", 180_000}, {"high", 720_000}, {"mid", 360_000}, {"low", 180_000}} {
		if err := last.SelectLayer(t.Context(), step.rid); err != nil {
			t.Fatal(err)
		}
		c.Run(8 * time.Second) // a keyframe, and wantHold at each hop
		near, far := c.Nodes[1].LinkBytes(), c.Nodes[2].LinkBytes()
		last.WantMedia(8 * time.Second)
		near, far = c.Nodes[1].LinkBytes()-near, c.Nodes[2].LinkBytes()-far // bits per second, in 8 s
		both := step.rate
		if step.rid != "low" {
			both += 180_000 // which the first subscriber is on
		}
		if far < step.rate || far > step.rate*13/10+80_000 || near < both || near > both*13/10+80_000 {
			t.Errorf("%s: %d bit/s over the first link, %d over the second", step.rid, near, far)
		}
		info, _ := c.Nodes[2].Streams().Lookup("studio")
		if len(info.Encodings) != 3 {
			t.Fatalf("the last node knows %d encodings", len(info.Encodings))
		}
		for _, e := range info.Encodings {
			if w, _ := e.Size(); w == 0 || !e.Active(time.Now()) {
				t.Errorf("%s: %q is %d wide, active %v", step.rid, e.RID(), w, e.Active(time.Now()))
			}
		}
	}
}

// TestLinksDrain: who is fed by a node that drains goes on below another one.
func TestLinksDrain(t *testing.T) {
	cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		var subs []*nodetest.Subscriber
		for _, m := range c.Nodes[1:] {
			subs = append(subs, m.Subscribe("studio", nodetest.Link{}))
			c.Run(2 * time.Second)
		}
		draining := c.Nodes[1]
		if len(draining.Children()) == 0 {
			draining = c.Nodes[2]
		}
		if len(draining.Children()) != 1 {
			t.Fatalf("it feeds %v", draining.Children())
		}
		child := c.Member(draining.Children()[0].Node)
		child.Host.Set(nodetest.Link{Delay: 40 * time.Millisecond}) // another link takes several round trips
		c.Run(time.Second)
		for _, s := range subs {
			s.WantMedia(time.Second)
		}
		gone := drained(t, draining)
		for range 1500 {
			c.Run(2 * time.Millisecond)
			if n := len(child.Parents()); n != 1 {
				t.Fatalf("%s has %d parents while %s drains", child.ID, n, draining.ID)
			}
		}
		if !gone() {
			t.Error("the node does not know that it feeds nobody")
		}
		for _, s := range subs {
			for kind, most := range map[codec.Kind]time.Duration{codec.Audio: 50 * time.Millisecond, codec.Video: 80 * time.Millisecond} {
				if p := s.Pause(kind); p > most {
					t.Errorf("%v paused for %v", kind, p)
				}
			}
		}
		if all := draining.Children(); len(all) != 0 {
			t.Errorf("it still feeds %v", all)
		}
		wantTree(t, c, 2)
		for _, s := range subs {
			s.WantMedia(5 * time.Second)
			s.WantMissing(codec.Video, 0)
		}
	}, fanOut(2))
}

// drained lets a node's links go, and tells whether that has ended.
func drained(t *testing.T, m *nodetest.Member) func() bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.DrainLinks(t.Context())
	}()
	return func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// TestLinksDrainWithoutRoom: who finds no other parent stays until the node ends.
func TestLinksDrainWithoutRoom(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(time.Second)
		sub := c.Nodes[2].Subscribe("studio", nodetest.Link{})
		c.Run(2 * time.Second)
		sub.WantMedia(time.Second)
		gone := drained(t, c.Nodes[1])
		sub.WantMedia(8 * time.Second)
		sub.WantMissing(codec.Video, 0)
		if p := sub.Pause(codec.Audio); p > 50*time.Millisecond {
			t.Errorf("sound paused for %v", p)
		}
		if gone() || len(c.Nodes[2].Parents()) != 1 {
			t.Error("the child went though nobody else has room")
		}
		c.Run(3 * time.Second)
		if !gone() {
			t.Error("the node waits for longer than it may")
		}
		c.Nodes[1].Kill()
		c.Run(8 * time.Second)
		sub.WantMedia(time.Second)
	}, fanOut(1))
}

// TestNoLoops: nodes come, go, drain and die in any order; whoever is left has a way to the origin.
func TestNoLoops(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		cluster(t, 9, func(t *testing.T, c *nodetest.Cluster) { comeAndGo(t, c, seed) }, fanOut(1+int(seed%3)))
	}
}

func comeAndGo(t *testing.T, c *nodetest.Cluster, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 25))
	c.Nodes[0].Publish("studio")
	c.Run(time.Second)
	subs, dead, drains := map[*nodetest.Member]*nodetest.Subscriber{}, []*nodetest.Member{}, false
	for range 40 {
		m := c.Nodes[1+rnd.IntN(len(c.Nodes)-1)]
		switch sub := subs[m]; {
		case slices.Contains(dead, m):
		case sub == nil:
			subs[m] = m.Subscribe("studio", nodetest.Link{})
		case rnd.IntN(5) == 0:
			c.Part(c.Nodes[0], m, rnd.IntN(2) == 0)
		case !drains && seed%3 > 0 && rnd.IntN(4) == 0:
			drains = true
			drained(t, m)
		case len(dead) < 3 && rnd.IntN(3) == 0:
			m.Kill()
			dead = append(dead, m)
		case rnd.IntN(3) == 0:
			sub.Leave()
			delete(subs, m)
		}
		c.Run(time.Duration(rnd.IntN(1500)) * time.Millisecond)
		wantNoLoop(t, c, dead)
	}
	for _, m := range c.Nodes[1:] {
		c.Part(c.Nodes[0], m, false)
		if subs[m] == nil && !slices.Contains(dead, m) {
			subs[m] = m.Subscribe("studio", nodetest.Link{})
		}
	}
	c.Run(15 * time.Second)
	wantTree(t, c, 1+int(seed%3), dead...)
	for m, s := range subs {
		if !slices.Contains(dead, m) {
			s.WantMedia(2 * time.Second)
		}
	}
}

// TestAnInnerNodeLosesTheOrigin: it cannot be fed by those it feeds. It lets them go, and
// then takes the stream from one that reached the origin.
func TestAnInnerNodeLosesTheOrigin(t *testing.T) {
	cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
		origin, inner := c.Nodes[0], c.Nodes[1]
		origin.Publish("studio")
		c.Run(4 * time.Second) // and nodes know of each other
		var subs []*nodetest.Subscriber
		for _, m := range c.Nodes[1:] {
			subs = append(subs, m.Subscribe("studio", nodetest.Link{}))
			c.Run(time.Second)
		}
		if len(inner.Children()) == 0 {
			inner = c.Nodes[2]
		}
		c.Part(origin, inner, true)
		for range 1000 {
			c.Run(5 * time.Millisecond)
			wantNoLoop(t, c, nil)
		}
		wantTree(t, c, 2)
		if p := inner.Parents(); len(p) == 1 && p[0].Node == origin.ID {
			t.Errorf("%s is fed by %v", inner.ID, p)
		}
		for _, s := range subs {
			s.WantMedia(5 * time.Second)
			s.WantLive(100 * time.Millisecond)
		}
	}, fanOut(2))
}

// TestTwoLoseTheOriginAtOnce: while they look they do not take each other.
func TestTwoLoseTheOriginAtOnce(t *testing.T) {
	cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(4 * time.Second) // and nodes know of each other
		var subs []*nodetest.Subscriber
		for _, m := range c.Nodes[1:3] {
			subs = append(subs, m.Subscribe("studio", nodetest.Link{}))
		}
		c.Run(2 * time.Second)
		for _, m := range c.Nodes[1:3] {
			m.Slow(100 * time.Millisecond) // both look before either knows that the other does
			c.Part(c.Nodes[0], m, true)
		}
		for i := range 1500 {
			c.Run(2 * time.Millisecond)
			wantNoLoop(t, c, nil)
			if i == 1000 { // nobody has the stream until then
				subs = append(subs, c.Nodes[3].Subscribe("studio", nodetest.Link{}))
			}
		}
		c.Run(5 * time.Second)
		wantTree(t, c, 2)
		for _, s := range subs {
			s.WantMedia(5 * time.Second)
			s.WantLive(100 * time.Millisecond)
		}
	}, fanOut(2))
}

// feeds tells whether a node knows another one as its child: that one may not have heard yet
// that it was let go.
func feeds(m, child *nodetest.Member) bool {
	return slices.ContainsFunc(m.Children(), func(c link.Child) bool { return c.Node == child.ID })
}

// wantNoLoop walks up from every node that lives.
func wantNoLoop(t *testing.T, c *nodetest.Cluster, dead []*nodetest.Member) {
	t.Helper()
	parents := map[string]string{}
	for _, m := range c.Nodes {
		for _, p := range m.Parents() {
			if !slices.Contains(dead, m) && feeds(c.Member(p.Node), m) {
				parents[m.ID] = p.Node
			}
		}
	}
	for id := range parents {
		at, steps := id, 0
		for ; parents[at] != ""; at = parents[at] {
			if steps++; steps > len(c.Nodes) {
				t.Fatalf("a loop: %v", parents)
			}
		}
	}
}

// TestTheBetterParentIsTaken: of two nodes with room the one that is not busy, then the one
// that is nearer.
func TestTheBetterParentIsTaken(t *testing.T) {
	for _, better := range []int{1, 2} {
		cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
			worse := c.Nodes[3-better]
			c.Nodes[0].Publish("studio")
			c.Run(time.Second)
			for _, m := range c.Nodes[1:3] {
				m.Subscribe("studio", nodetest.Link{})
				c.Run(time.Second)
			}
			worse.Slow(50 * time.Millisecond)
			sub := c.Nodes[3].Subscribe("studio", nodetest.Link{})
			c.Run(time.Second)
			wantParent(t, c.Nodes[3], c.Nodes[better])
			sub.Leave()
			c.Run(nodetest.Linger + time.Second)

			worse.Slow(0)
			c.Nodes[better].Slow(50 * time.Millisecond)
			for range 8 { // 9 of 10 sessions
				worse.Subscribe("studio", nodetest.Link{})
			}
			c.Run(3 * time.Second)
			c.Nodes[3].Subscribe("studio", nodetest.Link{})
			c.Run(time.Second)
			wantParent(t, c.Nodes[3], c.Nodes[better])
		}, fanOut(2), nodetest.MaxSessions(10))
	}
}

func wantParent(t *testing.T, m, want *nodetest.Member) {
	t.Helper()
	if all := m.Parents(); len(all) != 1 || all[0].Node != want.ID {
		t.Errorf("%s is fed by %v, want %s", m.ID, all, want.ID)
	}
}

// TestTheOriginCannotBeReached: an edge that is cut off from the origin alone takes the
// stream from another node, whether it is then that it comes or has a link already.
func TestTheOriginCannotBeReached(t *testing.T) {
	for name, part := range map[string]func(c *nodetest.Cluster, a, b *nodetest.Member, on bool){
		"at all": (*nodetest.Cluster).Part, "by media": (*nodetest.Cluster).PartMedia,
	} {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, before: %v", name, before), func(t *testing.T) {
				cluster(t, 5, func(t *testing.T, c *nodetest.Cluster) {
					cutOff(t, c, before, func(a, b *nodetest.Member) { part(c, a, b, true) })
				})
			})
		}
	}
}

func cutOff(t *testing.T, c *nodetest.Cluster, before bool, part func(a, b *nodetest.Member)) {
	origin, inner, cut := c.Nodes[0], c.Nodes[1], c.Nodes[4]
	origin.Publish("studio")
	c.Run(4 * time.Second) // and nodes know of each other
	inner.Subscribe("studio", nodetest.Link{})
	c.Run(time.Second)
	if before {
		part(origin, cut)
	}
	sub := cut.Subscribe("studio", nodetest.Link{})
	c.Run(4 * time.Second)
	if !before {
		part(origin, cut)
	}
	c.Run(7 * time.Second) // a link over which nothing comes is given up after five
	wantParent(t, cut, inner)
	sub.WantMedia(10 * time.Second)
	sub.WantLive(100 * time.Millisecond)
	if n := sub.Missing(codec.Video); n > 0 && (before || n > 7*100) { // those of the wait at most
		t.Errorf("%d packets are missing", n)
	}
}
