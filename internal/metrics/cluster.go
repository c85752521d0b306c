package metrics

import (
	"strconv"
	"time"
)

// A Cluster is what a node counted of its cluster. Words are those of package link.
type Cluster struct {
	DirectoryUp             bool
	Nodes                   int
	LeasesHeld, Provisional int
	LeasesLost              uint64

	LinksIn, LinksOut map[string]int // open and other links, by state
	Depths            map[int]int    // links that feed the node, by its depth
	HopMean, HopMost  time.Duration  // of them, as far as it is known; 0: nothing is

	Opened          map[string]uint64 // links that fed the node, by how it came to them
	Served          uint64            // links that the node fed
	EndsIn, EndsOut map[string]uint64 // by reason
	Failed          map[string]uint64 // attempts for a link, by reason
	Referred        uint64
}

// cluster sends the numbers of a cluster; nil: there is none.
func (w writer) cluster(c *Cluster) {
	if c == nil {
		return
	}
	up := 0.0
	if c.DirectoryUp {
		up = 1
	}
	w.value("whippet_directory_available", up)
	w.value("whippet_cluster_nodes", float64(c.Nodes))
	w.value("whippet_leases", float64(c.LeasesHeld), "held")
	w.value("whippet_leases", float64(c.Provisional), "provisional")
	w.count("whippet_leases_lost_total", c.LeasesLost)
	w.links("in", c.LinksIn, c.EndsIn)
	w.links("out", c.LinksOut, c.EndsOut)
	w.depths(c.Depths)
	w.value("whippet_link_hop_seconds", c.HopMean.Seconds(), "mean")
	w.value("whippet_link_hop_seconds", c.HopMost.Seconds(), "greatest")
	for how, n := range c.Opened {
		w.count("whippet_links_opened_total", n, how)
	}
	w.count("whippet_links_served_total", c.Served)
	w.reasons("whippet_link_failures_total", c.Failed)
	w.count("whippet_link_referrals_total", c.Referred)
}

// depths sends how many links there are of each depth; those that are deeper than a tree may be
// count with the deepest.
func (w writer) depths(all map[int]int) {
	by := map[int]int{1: 0} // so that a node without links has the series
	for depth, n := range all {
		by[min(max(depth, 1), maxDepths)] += n
	}
	for depth, n := range by {
		w.value("whippet_links_by_depth", float64(n), strconv.Itoa(depth))
	}
}

func (w writer) links(direction string, states map[string]int, ends map[string]uint64) {
	for state, n := range states {
		w.value("whippet_links", float64(n), direction, state)
	}
	for reason, n := range ends {
		w.count("whippet_link_ends_total", n, direction, reason)
	}
}
