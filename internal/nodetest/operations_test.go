package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// TestOperationsPerJoin: the first subscriber of a stream at a node costs a watch and two
// look-ups, further ones nothing; a publisher one claim.
func TestOperationsPerJoin(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		origin, edge := c.Nodes[0], c.Nodes[1]
		c.Run(1500 * time.Millisecond)
		for _, s := range []struct {
			what string
			at   *nodetest.Member
			do   func()
			want relaytest.Operations
		}{
			{"a publisher", origin, func() { origin.Publish("studio") }, relaytest.Operations{Claims: 1}},
			{"the first subscriber of a node", edge, func() { edge.Subscribe("studio", nodetest.Link{}) }, relaytest.Operations{Lookups: 2, Watches: 1}},
			{"the second one", edge, func() { edge.Subscribe("studio", nodetest.Link{}) }, relaytest.Operations{}},
			{"the first one where the publisher is", origin, func() { origin.Subscribe("studio", nodetest.Link{}) }, relaytest.Operations{Watches: 1}},
		} {
			before := s.at.Operations()
			s.do()
			c.Run(3 * time.Second)
			got := s.at.Operations().Minus(before)
			got.Renewals, got.Announces, got.Lists = 0, 0, 0
			if got != s.want {
				t.Errorf("%s: %+v, want %+v", s.what, got, s.want)
			}
		}
	})
}

// TestNoOperationPerPacket: in a minute of media nodes ask for what goes by the clock alone, however
// many watch.
func TestNoOperationPerPacket(t *testing.T) {
	const minute, subscribers = 60, 8
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Nodes[1].Publish("hall")
		var all []*nodetest.Subscriber
		for i := range subscribers {
			all = append(all, c.Nodes[i%3].Subscribe([]string{"studio", "hall"}[i%2], nodetest.Link{}))
		}
		c.Run(3500 * time.Millisecond)
		var before []relaytest.Operations
		for _, m := range c.Nodes {
			before = append(before, m.Operations())
		}
		for _, s := range all {
			s.WantMedia(time.Second)
		}
		c.Run((minute - subscribers) * time.Second)
		for i, m := range c.Nodes {
			got := m.Operations().Minus(before[i])
			want := relaytest.Operations{Announces: minute, Lists: 3 * minute / 2}
			if i < 2 {
				want.Renewals = minute
			}
			if got != want {
				t.Errorf("%s: %+v, want %+v", m.ID, got, want)
			}
		}
		if got := all[0].Stats().Video.Packets; got < minute*30 {
			t.Errorf("only %d packets came", got)
		}
	})
}
