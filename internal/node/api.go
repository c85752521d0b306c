package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/whippet-media/whippet"
	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/rtc"
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
		cfg.Node.Cluster = n.cluster.members
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
		all = append(all, api.Member{ID: n.ID, URL: n.URL, Version: n.Version, Busy: n.Load, Closing: n.Draining})
	}
	return all, err
}
