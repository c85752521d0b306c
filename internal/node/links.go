package node

import (
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/relay/link"
	"github.com/whippet-media/whippet/whep"
)

// A Cluster is what a node needs to be one of several. All fields but Linger are required.
type Cluster struct {
	Directory link.Directory
	ID        string       // the node's in the directory
	Secret    []byte       // the same on all nodes
	HTTP      *http.Client // asks other nodes for links

	// Listen opens a UDP socket of any port; each link from another node has one.
	Listen func() (net.PacketConn, error)

	Linger time.Duration // how long a link stays without a subscriber; 0: link.DefaultLinger
}

// links are the node's to and from others; both are nil where it is alone.
type links struct {
	origin *link.Links
	edges  *link.Edges
}

func (n *Node) startLinks() {
	c := n.deps.Cluster
	if c == nil {
		return
	}
	n.links.origin = link.NewLinks(link.LinksConfig{
		Transport: n.media, Streams: n.streams, Secret: c.Secret, Log: n.deps.Logs.For("link"),
	})
	n.links.edges = link.NewEdges(link.EdgesConfig{
		Directory: c.Directory, Streams: n.streams, Node: c.ID, Secret: c.Secret, HTTP: c.HTTP,
		Listen: c.Listen, Net: n.deps.Net, Announce: n.deps.Announce, Linger: c.Linger,
		Log: n.deps.Logs.For("link"),
	})
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
	if n.links.edges == nil {
		return 0, 0
	}
	_, in = n.links.edges.Count()
	return in, n.links.origin.Count()
}
