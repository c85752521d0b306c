package clustertest

import (
	"fmt"
	"time"

	"github.com/whippet-media/whippet/relay/relaytest"
	"github.com/whippet-media/whippet/relay/tree"
)

const (
	// mostPerJoin bounds the operations of the directory for one join.
	mostPerJoin = 5

	// deeper is how much deeper than the least depth a tree may be: it grows by chance.
	deeper = 1

	// healBound is how long after a loss all nodes have media again whose origin lived: two
	// searches, in which questions to dead nodes are waited for, the pause between them, and as
	// much for a node above; originBound for those who must wait for a publisher, too, that comes
	// back within three seconds, when the lease has ended.
	healBound, originBound = 10 * time.Second, 15 * time.Second
)

// Faults returns what is not as it should be.
func (r *Report) Faults() (all []string) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	c := r.Config
	want(r.Unlinked == 0, "%d nodes wait for a link in vain", r.Unlinked)
	want(r.Refused == 0, "%d subscribers were refused", r.Refused)
	want(r.Publishers == c.Streams, "%d of %d publishers are there", r.Publishers, c.Streams)
	want(r.Origin <= c.Links && r.FanOut <= c.Links, "a node feeds %d others, an origin %d", r.FanOut, r.Origin)
	for i, t := range r.Trees {
		want(t.Depth <= leastDepth(t.Nodes, c.Links)+deeper, "%d nodes that watch stream %d are %d deep", t.Nodes, i, t.Depth)
	}
	want(r.PerJoin.Most <= mostPerJoin, "a join takes %d operations", r.PerJoin.Most)
	links := int64(r.PerColdJoin.Count)
	want(r.Joining.Lookups <= 2*links+links/10+int64(r.Placements), "%d look-ups for %d links and %d placements", r.Joining.Lookups, links, r.Placements)
	want(r.Joining.Watches == int64(r.Links), "%d watches for %d links", r.Joining.Watches, r.Links)
	want(r.Requests.Most <= 2+2*tree.MaxAsked, "a link takes %d requests", r.Requests.Most)
	want(r.Quiet == r.renewals(quietTime), "in a quiet minute: %+v, want %+v", r.Quiet, r.renewals(quietTime))
	want(r.QuietRequests == 0, "%d requests in a quiet minute", r.QuietRequests)
	want(r.Dark > 0 && r.StillDark == 0, "of %d links lost %d are dark", r.Dark, r.StillDark)
	want(r.Healed.Most <= healBound, "links are back after %v", r.Healed.Most)
	want(r.HealedOrigin.Most <= originBound, "links are back after %v where the origin died", r.HealedOrigin.Most)
	want(r.HealedFanOut <= c.Links, "a node feeds %d others after the loss", r.HealedFanOut)
	return all
}

// renewals is what nodes ask of the directory while nothing happens: each announces itself,
// renews its leases and reads the list of nodes.
func (r *Report) renewals(d time.Duration) relaytest.Operations {
	rounds := int64(d / renewEvery)
	return relaytest.Operations{
		Renewals:  rounds * int64(r.Config.Streams),
		Announces: rounds * int64(r.Config.Nodes),
		Lists:     int64(d/nodesEvery) * int64(r.Config.Nodes) * 3,
	}
}

// leastDepth is that of a full tree with so many nodes below the origin.
func leastDepth(nodes, links int) (depth int) {
	for level := links; nodes > 0; level *= links {
		nodes -= level
		depth++
	}
	return depth
}
