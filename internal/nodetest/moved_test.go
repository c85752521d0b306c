package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestTakenFromTheSubscribersNode: the subscribers of a node that had the publisher follow
// it to another one at once.
func TestTakenFromTheSubscribersNode(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[0].Subscribe("studio", nodetest.Link{})
		sub.WantMedia(5 * time.Second)
		c.Nodes[1].Publish("studio")
		c.Run(3 * time.Second) // a renewal tells, and a keyframe comes
		sub.WantMedia(5 * time.Second)
		sub.WantLive(100 * time.Millisecond)
	}, nodetest.Takeover())
}

// TestDeadPublisherReplacedElsewhere: the same where its publisher died.
func TestDeadPublisherReplacedElsewhere(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		first := c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[0].Subscribe("studio", nodetest.Link{})
		sub.WantMedia(5 * time.Second)
		first.Kill()
		c.Run(3 * time.Second)
		c.Nodes[1].Publish("studio")
		c.Run(3 * time.Second)
		sub.WantMedia(5 * time.Second)
	})
}

// TestAPublisherThatLeavesBeforeItIsKnownToHaveLost: another node took the stream while this one did not
// reach the directory, and its own publisher leaves before a renewal tells so. Nobody tells of a lease that
// was another one's already: the subscribers of this node follow all the same.
func TestAPublisherThatLeavesBeforeItIsKnownToHaveLost(t *testing.T) {
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		here, there := c.Nodes[0], c.Nodes[1]
		first := here.Publish("studio")
		c.Run(time.Second)
		sub := here.Subscribe("studio", nodetest.Link{})
		sub.WantMedia(5 * time.Second)
		here.Reach(false)
		c.Run(4 * time.Second) // its lease ends
		there.Publish("studio")
		c.Run(time.Second)
		here.Reach(true)
		c.Run(0)
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if info, _ := here.Streams().Lookup("studio"); info.Live() && !info.Relayed {
			t.Fatal("the publisher has not left")
		}
		c.Run(3 * time.Second)
		sub.WantMedia(5 * time.Second)
	})
}
