package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/whippet-media/whippet"
	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/relay"
)

// newAPI returns the REST API, which both ports serve.
func (n *Node) newAPI() *api.Handler {
	cfg := api.Config{
		Service: n.sessions, Streams: n.streams, Layers: n.play,
		Node: api.Node{
			ID: n.cfg.NodeID, Version: n.deps.Version, Started: n.started,
			Candidates: n.media.Candidates, Closing: n.draining.Load,
		},
		Settings: n.cfg.InForce, Pushes: n.Pushes, Pulls: n.Pulls,
		Checks:   append([]api.Check{{Name: "addresses", Run: n.checkAddresses}}, n.deps.Checks...),
		Document: whippet.OpenAPI,
	}
	if n.cluster != nil {
		cfg.Node.Cluster, cfg.Node.Standing = n.cluster.members, n.standing
		cfg.Parents, cfg.Children = n.Parents, n.Children
	}
	if n.links.edges != nil {
		cfg.Tree = n.links.edges.Tree
	}
	if n.deps.Logs != nil {
		cfg.Levels = n.deps.Logs
	}
	return api.New(cfg)
}

// checkAddresses is the check that clients are told where to send media.
func (n *Node) checkAddresses(context.Context) (text string, good bool) {
	all := n.Candidates()
	if len(all) == 0 {
		return "The node found no address of its own. Name one with --announce.", false
	}
	if problem := rtc.ReachabilityProblem(all); problem != "" {
		return problem, true // on a private network that is how it should be
	}
	var addresses []string
	for _, c := range all {
		if f := strings.Fields(c); len(f) > 5 {
			addresses = append(addresses, f[4]+" port "+f[5]+" "+f[2])
		}
	}
	return fmt.Sprintf("Clients are told %s.", strings.Join(addresses, ", ")), true
}

// members are the nodes of the cluster as the API shows them.
func (c *cluster) members(ctx context.Context) ([]api.Member, error) {
	nodes, err := c.keeper.Nodes(ctx)
	var all []api.Member
	for _, n := range nodes {
		all = append(all, api.Member{
			ID: n.ID, URL: n.URL, Version: n.Version, Busy: n.Load, Closing: n.Draining, PublicURL: n.PublicURL, Sessions: n.Sessions, Announced: announced(n),
		})
	}
	return all, err
}

func announced(n relay.NodeInfo) time.Time {
	if n.Announced == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n.Announced)
}

// standing says how the node stands in its cluster.
func (n *Node) standing() api.Standing {
	k := n.cluster.keeper.Status()
	s := api.Standing{DirectoryUp: k.Up, Nodes: k.Nodes, Leases: k.Leases, Provisional: k.Provisional, LeasesLost: k.Lost}
	s.LinksIn, s.LinksOut = n.Links()
	if n.links.edges != nil {
		for _, failed := range n.links.edges.Counts().Failed {
			s.LinkFailures += failed
		}
	}
	return s
}
