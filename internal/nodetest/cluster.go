package nodetest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/relay"
)

// A Cluster is a network with several nodes that share a directory.
type Cluster struct {
	*World
	Nodes     []*Member
	Directory *relay.Memory
	owners    *owners
}

// A Member is one node of a cluster.
type Member struct {
	*node.Node
	Host    *Host
	ID, URL string
	cluster *Cluster
	made    settings
	gate    *gate
	handler atomic.Pointer[http.Handler] // of the node that lives now
	refuse  atomic.Bool
	drop    atomic.Bool
	dead    atomic.Bool
	slow    atomic.Int64 // nanoseconds that requests to it take
	bytes   atomic.Int64 // that came over links
}

// Linger is how long the nodes of a Cluster keep a link without a subscriber.
const Linger = 5 * time.Second

// NewCluster starts a network and n nodes on it, which end with the test.
func NewCluster(t testing.TB, n int, options ...Option) *Cluster {
	t.Helper()
	s := settings{seed: 1, config: config.Config{MaxSessions: signaling.DefaultSessions, Open: true}}
	for _, o := range options {
		o(&s)
	}
	c := &Cluster{World: newNetwork(t, s.seed), Directory: &relay.Memory{}, owners: &owners{}}
	c.by = map[string]http.Handler{}
	for i := range n {
		m := &Member{Host: c.Host(Link{}), ID: fmt.Sprintf("node-%d", i), cluster: c, made: s}
		m.URL = "http://" + m.ID + ".example"
		m.gate = newGate(c.Directory, c.owners)
		m.live()
		c.by[m.ID+".example"] = m
		c.Nodes = append(c.Nodes, m)
	}
	c.Node, c.server = c.Nodes[0].Node, c.Nodes[0].Host
	return c
}

// Member returns the node of a name; nil: there is none.
func (c *Cluster) Member(id string) *Member {
	for _, m := range c.Nodes {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// live starts the member's node.
func (m *Member) live() {
	m.cluster.t.Helper()
	cfg, deps := m.made.config, m.made.deps
	cfg.NodeID, cfg.Cluster.NodeURL = m.ID, m.URL
	cfg.Cluster.Secret = config.NewSecret("a secret of the whole cluster, of 32 bytes or more")
	if m.made.logsOf != nil {
		deps.Logs = m.made.logsOf(m.ID)
	}
	deps.Directory, deps.NodeTransport, deps.LinkSocket, deps.LinkLinger = m.gate, m, m.listen, Linger
	m.Node = m.cluster.start(m.Host, cfg, deps)
	handler := m.Handler()
	m.handler.Store(&handler)
}

// ServeHTTP lets the node that lives now answer.
func (m *Member) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*m.handler.Load()).ServeHTTP(w, r)
}

func (m *Member) listen() (net.PacketConn, error) {
	socket, err := m.Host.ListenUDP("udp4", &net.UDPAddr{IP: m.Host.IP()})
	return &linkSocket{socket, m}, err
}

// A linkSocket is that of one link, which Drop concerns.
type linkSocket struct {
	net.PacketConn
	member *Member
}

// ReadFrom returns the next packet that is not lost.
func (s *linkSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		if err != nil || !s.member.drop.Load() {
			s.member.bytes.Add(int64(n))
			return n, from, err
		}
	}
}

// WriteTo sends a packet, unless it is lost.
func (s *linkSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	if s.member.drop.Load() {
		return len(b), nil
	}
	return s.PacketConn.WriteTo(b, to)
}

// Refuse lets no request of this node reach another one, or ends that.
func (m *Member) Refuse(on bool) { m.refuse.Store(on) }

// Slow lets requests of other nodes to this one take so much longer.
func (m *Member) Slow(d time.Duration) { m.slow.Store(int64(d)) }

// Drop loses all packets between this node and the others, or ends that.
func (m *Member) Drop(on bool) { m.drop.Store(on) }

// LinkBytes returns how many bytes have come from other nodes.
func (m *Member) LinkBytes() int64 { return m.bytes.Load() }

// RoundTrip carries a request to another node, and its answer back.
func (m *Member) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.unreachable(r.URL.Hostname()) {
		return nil, errCut
	}
	if to, ok := m.cluster.by[r.URL.Hostname()].(*Member); ok {
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(time.Duration(to.slow.Load())):
		}
	}
	answer, err := direct{http.NotFoundHandler(), m.cluster.by}.RoundTrip(r)
	if m.unreachable(r.URL.Hostname()) { // meanwhile
		return nil, errCut
	}
	return answer, err
}

// At lets a player play a stream from this node.
func (m *Member) At(stream string) func(*client.PlayOptions) {
	return func(o *client.PlayOptions) { o.URL = m.URL + "/whep/" + stream }
}

// Publish publishes on this node from a host of its own.
func (m *Member) Publish(stream string, change ...func(*client.PublishOptions)) *Publisher {
	m.cluster.t.Helper()
	at := func(o *client.PublishOptions) { o.URL = m.URL + "/whip/" + stream }
	return m.cluster.World.Publish(stream, append([]func(*client.PublishOptions){at}, change...)...)
}

// Subscribe plays from this node, from a host of its own behind a link.
func (m *Member) Subscribe(stream string, link Link, change ...func(*client.PlayOptions)) *Subscriber {
	m.cluster.t.Helper()
	return m.cluster.World.Host(link).Subscribe(stream, append([]func(*client.PlayOptions){m.At(stream)}, change...)...)
}

// WantEmpty fails the test unless no node holds anything for anybody.
func (c *Cluster) WantEmpty() {
	c.t.Helper()
	c.Run(0)
	for _, m := range c.Nodes {
		if got := m.left(); got != emptyMember {
			c.t.Errorf("%s still holds %s", m.ID, got)
		}
	}
}

// IsEmpty tells whether no node holds anything for anybody.
func (c *Cluster) IsEmpty() bool {
	return !slices.ContainsFunc(c.Nodes, func(m *Member) bool { return m.left() != emptyMember })
}

const emptyMember = Empty + " links=0+0"

func (m *Member) left() string {
	w := World{Node: m.Node}
	in, out := m.Links()
	return fmt.Sprintf("%s links=%d+%d", w.Left(), in, out)
}

// FanOut lets each node feed so many links of a stream.
func FanOut(n int) Option {
	return func(s *settings) { s.config.Cluster.MaxLinks = n }
}

// MaxSessions lets each node have so many sessions.
func MaxSessions(n int) Option {
	return func(s *settings) { s.config.MaxSessions = n }
}

// LogsOf lets each node of a cluster log by itself.
func LogsOf(of func(id string) *node.Logs) Option {
	return func(s *settings) { s.logsOf = of }
}
