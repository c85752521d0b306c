package nodetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
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
