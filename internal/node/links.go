package node

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/link"
	"github.com/whippet-media/whippet/relay/tree"
	"github.com/whippet-media/whippet/whep"
)

// links are the node's to and from others; both are nil where it is alone.
type links struct {
	origin *link.Links
	edges  *link.Edges
}

func (n *Node) startLinks() {
	c := n.cluster
	if c == nil {
		return
	}
	if n.deps.LinkSocket != nil {
		n.startEdges(c)
	}
	n.links.origin = link.NewLinks(link.LinksConfig{
		Transport: n.media, Streams: n.streams, Secret: c.secret, Now: c.keeper.Now,
		Edges: n.links.edges, MaxLinks: n.cfg.Cluster.MaxLinks, Load: n.loadOf, Log: n.deps.Logs.For("relay"),
	})
}

func (n *Node) startEdges(c *cluster) {
	n.links.edges = link.NewEdges(link.EdgesConfig{
		Directory: c.keeper, Streams: n.streams, Node: n.cfg.NodeID, URL: c.url, Secret: c.secret,
		HTTP:   &http.Client{Transport: clusterTransport(n.deps), CheckRedirect: noRedirect},
		Listen: n.deps.LinkSocket, Net: n.deps.Net, Announce: n.deps.Announce,
		Nodes: n.peers, Linger: n.deps.LinkLinger, Log: n.deps.Logs.For("relay"),
	})
}

// peers returns the other nodes that links may come from. How deep they are in a stream's
// tree they say themselves: at least 1.
func (n *Node) peers() []tree.Candidate {
	var all []tree.Candidate
	for _, o := range n.others() {
		if o.ID != n.cfg.NodeID && !o.Draining {
			all = append(all, tree.Candidate{ID: o.ID, URL: o.URL, Depth: 1, Room: 1, Load: o.Load})
		}
	}
	return all
}

// loadOf returns how busy a node is, as it told the directory of late; "" is this one.
func (n *Node) loadOf(node string) float64 {
	if node == "" {
		load, _ := n.report()
		return load
	}
	all := n.others()
	i, ok := slices.BinarySearchFunc(all, node, func(o relay.NodeInfo, id string) int { return cmp.Compare(o.ID, id) })
	if !ok {
		return 0
	}
	return all[i].Load
}

// register adds the route of links that others ask for.
func (l *links) register(e *echo.Echo) {
	if l.origin != nil {
		l.origin.Register(e)
	}
}

// elsewhere is where subscribers' streams may be besides this node.
func (l *links) elsewhere() whep.Elsewhere {
	if l.edges == nil {
		return nil
	}
	return l.edges
}

// look looks at once for a stream that another node took from this one.
func (l *links) look(name string) {
	if l.edges != nil {
		l.edges.Look(name)
	}
}

func (l *links) close() {
	if l.edges != nil {
		l.edges.Close()
	}
	if l.origin != nil {
		l.origin.Close()
	}
}

// Links returns how many streams come from other nodes, and how many links go to others.
func (n *Node) Links() (in, out int) {
	if n.links.edges != nil {
		_, in = n.links.edges.Count()
	}
	if n.links.origin != nil {
		out = n.links.origin.Count()
	}
	return in, out
}

// Parents returns the links that feed this node, in no order.
func (n *Node) Parents() []link.Parent {
	if n.links.edges == nil {
		return nil
	}
	return n.links.edges.Info()
}

// Children returns the links that this node feeds, in no order.
func (n *Node) Children() []link.Child {
	if n.links.origin == nil {
		return nil
	}
	return n.links.origin.Info()
}

// DrainLinks takes no more links of others' streams, and lets the nodes that this one feeds with such
// streams look for other parents. It returns when they have gone, at the latest when ctx ends or they took too long.
func (n *Node) DrainLinks(ctx context.Context) {
	if n.links.origin != nil {
		n.links.origin.Drain(ctx)
	}
}
