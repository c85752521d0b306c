package nodetest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/outbound"
)

// TestPull: a stream of the far node is had here by those who ask, while they do.
func TestPull(t *testing.T) {
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) {
		far := w.Far(&web, "far.example")
		far.Publish("origin")
		w.Run(5 * time.Second)
		if all, _ := far.Sessions(); all != 1 {
			t.Errorf("%d sessions at the far node before anybody asked", all)
		}
		begun := time.Now()
		sub := w.Subscribe("studio")
		w.Run(500 * time.Millisecond)
		if sub.Stats().Video.FirstKeyframe == 0 {
			t.Errorf("no keyframe %v after the POST", time.Since(begun))
		}
		sub.WantMedia(time.Minute)
		sub.WantSync(20 * time.Millisecond)
		second := w.Subscribe("studio")
		second.WantMedia(10 * time.Second)
		if all, _ := far.Sessions(); all != 2 {
			t.Errorf("%d sessions at the far node", all)
		}
		sub.Leave()
		second.Leave()
		w.Run(outbound.PullLinger + 2*time.Second)
		w.WantEmpty()
		if all, _ := far.Sessions(); all != 1 {
			t.Errorf("%d sessions at the far node after all left", all)
		}
	}, nodetest.On(&web), nodetest.Settings(nil, []config.Pull{pullFrom("studio", false)}))
}

// pulling runs f with a node that pulls studio from the far node's origin.
func pulling(t *testing.T, f func(t *testing.T, w *nodetest.World, far *nodetest.Far)) {
	t.Helper()
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) { f(t, w, w.Far(&web, "far.example")) },
		nodetest.On(&web), nodetest.Settings(nil, []config.Pull{pullFrom("studio", false)}))
}

// TestPullFarRestarts: subscribers keep their sessions while the far end is away, and get what it
// sends when it is back.
func TestPullFarRestarts(t *testing.T) {
	pulling(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		far.Publish("origin")
		w.Run(2 * time.Second)
		sub := w.Subscribe("studio")
		sub.WantMedia(15 * time.Second)
		far.Stop()
		w.Run(10 * time.Second)
		far.Start()
		far.Publish("origin")
		w.Run(30 * time.Second)
		sub.WantMedia(10 * time.Second) // and one SSRC for life, says the oracle
		far.Kill()
		w.Run(20 * time.Second)
		far.Start()
		far.Publish("origin")
		w.Run(40 * time.Second)
		sub.WantMedia(10 * time.Second)
		if p := w.Node.Pulls(); len(p) != 1 || p[0].Opened != 3 {
			t.Errorf("pulls %+v", p)
		}
	})
}

// TestPullBeforeThePublisher: who subscribes before the far end has the stream gets it when it
// does, whether the far end lets us wait or refuses.
func TestPullBeforeThePublisher(t *testing.T) {
	for name, option := range map[string]nodetest.Option{"waits": nodetest.Seed(1), "refuses": nodetest.RejectAbsent()} {
		t.Run(name, func(t *testing.T) {
			var web nodetest.Web
			run(t, func(t *testing.T, w *nodetest.World) {
				far := w.Far(&web, "far.example", option)
				sub := w.Subscribe("studio")
				w.Run(20 * time.Second)
				begun := time.Now()
				w.Subscribe("studio")
				if took := time.Since(begun); took > 2*time.Second {
					t.Errorf("the second subscriber waited %v for what is not there", took)
				}
				far.Publish("origin")
				w.Run(35 * time.Second)
				sub.WantMedia(10 * time.Second)
			}, nodetest.On(&web), nodetest.Settings(nil, []config.Pull{pullFrom("studio", false)}))
		})
	}
}

// TestPullGivesWay: a publisher of this node that takes the name has it, and its subscribers.
func TestPullGivesWay(t *testing.T) {
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) {
		far := w.Far(&web, "far.example")
		far.Publish("origin")
		w.Run(2 * time.Second)
		sub := w.Subscribe("studio")
		sub.WantMedia(5 * time.Second)
		pub := w.Publish("studio")
		w.Run(2 * time.Second)
		sub.WantMedia(20 * time.Second)
		if all, _ := far.Sessions(); all != 1 {
			t.Errorf("%d sessions at the far node", all)
		}
		pub.Leave()
		w.Run(5 * time.Second)
		sub.WantMedia(5 * time.Second)
	}, nodetest.On(&web), nodetest.Takeover(), nodetest.Settings(nil, []config.Pull{pullFrom("studio", false)}))
}

// TestPullInACluster: one node pulls for all, and when it dies another one.
func TestPullInACluster(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		t.Run(fmt.Sprint("takeover=", takeover), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var web nodetest.Web
				c := nodetest.NewCluster(t, 3, nodetest.On(&web), nodetest.Settings(nil, []config.Pull{pullFrom("studio", false)}),
					nodetest.Config(func(c *config.Config) { c.Takeover = takeover }))
				far := c.Far(&web, "far.example")
				far.Publish("origin")
				c.Run(2 * time.Second)
				first := c.Nodes[0].Subscribe("studio", nodetest.Link{})
				first.WantMedia(5 * time.Second)
				second, third := c.Nodes[1].Subscribe("studio", nodetest.Link{}), c.Nodes[2].Subscribe("studio", nodetest.Link{})
				c.Run(2 * time.Second)
				second.WantMedia(10 * time.Second)
				third.WantMedia(10 * time.Second)
				if all, _ := far.Sessions(); all != 2 { // its publisher, and one node
					t.Errorf("%d sessions at the far node", all)
				}
				first.Leave()
				c.Run(outbound.PullLinger + 10*time.Second)
				second.WantMedia(10 * time.Second) // the links keep it
				if in, out := c.Nodes[0].Links(); in != 0 || out != 2 {
					t.Errorf("%d links in, %d out", in, out)
				}
				c.Nodes[0].Kill()
				c.Run(25 * time.Second)
				second.WantMedia(10 * time.Second)
				third.WantMedia(10 * time.Second)
				if in, out := c.Nodes[1].Links(); in+out != 1 {
					t.Errorf("%d links in, %d out", in, out)
				}
				second.Leave()
				third.Leave()
				c.Run(outbound.PullLinger + 20*time.Second)
				for _, m := range c.Nodes[1:] {
					if p := m.Pulls(); p[0].State != outbound.Idle {
						t.Errorf("%s: %+v", m.ID, p)
					}
				}
			})
		})
	}
}
