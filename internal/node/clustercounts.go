package node

import (
	"time"

	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/relay/link"
)

// clusterCounts are the numbers of the node's cluster; nil: it is alone.
func (n *Node) clusterCounts() *metrics.Cluster {
	if n.cluster == nil {
		return nil
	}
	k := n.cluster.keeper.Status()
	c := &metrics.Cluster{
		DirectoryUp: k.Up, Nodes: k.Nodes, LeasesHeld: k.Leases - k.Provisional, Provisional: k.Provisional, LeasesLost: k.Lost,
		LinksIn: map[string]int{"connecting": 0, "open": 0, "moving": 0}, LinksOut: map[string]int{"connecting": 0, "open": 0},
		Depths: map[int]int{}, Opened: map[string]uint64{}, EndsIn: reasons(), EndsOut: reasons(), Failed: map[string]uint64{},
	}
	n.countParents(c)
	n.countChildren(c)
	return c
}

// reasons are those why links end, also those that did not come yet.
func reasons() map[string]uint64 {
	all := map[string]uint64{}
	for _, r := range link.EndReasons() {
		all[string(r)] = 0
	}
	return all
}

func (n *Node) countParents(c *metrics.Cluster) {
	if n.links.edges == nil {
		return
	}
	parents := n.Parents()
	c.LinksIn["connecting"] = max(n.links.edges.Seeking(), 0)
	var sum time.Duration
	measured := 0
	for _, p := range parents {
		if c.Depths[p.Depth]++; p.Moving {
			c.LinksIn["moving"]++
		} else {
			c.LinksIn["open"]++
		}
		if hop := p.RTT / 2; hop > 0 {
			measured++
			sum += hop
			c.HopMost = max(c.HopMost, hop)
		}
	}
	if measured > 0 {
		c.HopMean = sum / time.Duration(measured)
	}
	counts := n.links.edges.Counts()
	for _, how := range link.Hows() {
		c.Opened[string(how)] = counts.Opened[how]
	}
	for _, why := range link.FailReasons() {
		c.Failed[string(why)] = counts.Failed[why]
	}
	for why, count := range counts.Ended {
		c.EndsIn[string(why)] = count
	}
}

func (n *Node) countChildren(c *metrics.Cluster) {
	if n.links.origin == nil {
		return
	}
	for _, child := range n.Children() {
		if child.Connected {
			c.LinksOut["open"]++
		} else {
			c.LinksOut["connecting"]++
		}
	}
	counts := n.links.origin.Counts()
	for why, count := range counts.Ended {
		c.EndsOut[string(why)] = count
	}
	c.Served, c.Referred = counts.Opened[link.HowFirst], counts.Referred
}
