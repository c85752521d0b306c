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
