package api

import (
	"context"
	"maps"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
)

// self is how a path names the node that answers.
const self = "self"

// ListNodes answers GET of the nodes: this one, and those of its cluster.
func (h *Handler) ListNodes(c echo.Context, params wire.ListNodesParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	nodes := h.nodes(c.Request().Context(), time.Now())
	out := wire.NodePage{Items: []wire.Node{}}
	ids, next := p.cut(slices.Collect(maps.Keys(nodes)))
	out.Next = next
	for _, id := range ids {
		out.Items = append(out.Items, nodes[id])
	}
	return answer(c, http.StatusOK, out)
}

// GetNode answers GET of a node.
func (h *Handler) GetNode(c echo.Context, id wire.NodeID) error {
	if id == self {
		id = h.cfg.Node.ID
	}
	n, ok := h.nodes(c.Request().Context(), time.Now())[id]
	if !ok {
		return signaling.NewProblem(http.StatusNotFound, "no-such-node", "There is no node of this id. The one that answers is self.")
	}
	return answer(c, http.StatusOK, n)
}

// nodes returns the nodes by id. While nobody knows the others it is this one alone.
func (h *Handler) nodes(ctx context.Context, now time.Time) map[string]wire.Node {
	own := h.node(now)
	all := map[string]wire.Node{}
	if h.cfg.Node.Cluster != nil {
		members, _ := h.cfg.Node.Cluster(ctx) // the node logs that its directory does not answer
		for _, m := range members {
			all[m.ID] = member(m)
		}
	}
	if known, ok := all[own.ID]; ok {
		own.URL, own.PublicURL, own.Busy, own.Sessions, own.AnnouncedAt = known.URL, known.PublicURL, known.Busy, known.Sessions, known.AnnouncedAt
	}
	all[own.ID] = own
	return all
}

func member(m Member) wire.Node {
	return wire.Node{
		ID: m.ID, URL: known(m.URL), Version: known(m.Version), Busy: new(min(max(m.Busy, 0), 1)), State: stateOfNode(m.Closing),
		PublicURL: known(m.PublicURL), Sessions: &m.Sessions, AnnouncedAt: when(m.Announced),
	}
}

func stateOfNode(closing bool) wire.NodeState {
	if closing {
		return wire.NodeStateClosing
	}
	return wire.NodeStateReady
}

func (h *Handler) node(now time.Time) wire.Node {
	n := &h.cfg.Node
	return wire.Node{
		ID: n.ID, Version: &n.Version, StartedAt: when(n.Started), Uptime: new(now.Sub(n.Started).Seconds()),
		State: stateOfNode(n.Closing()), Candidates: new(append([]string{}, n.Candidates()...)), Load: h.load(), Cluster: h.standing(),
	}
}

// standing shows how the node stands in its cluster; nil if it is alone.
func (h *Handler) standing() *wire.NodeInCluster {
	if h.cfg.Node.Standing == nil {
		return nil
	}
	s := h.cfg.Node.Standing()
	return &wire.NodeInCluster{
		DirectoryAvailable: s.DirectoryUp, Nodes: s.Nodes, Leases: s.Leases, ProvisionalLeases: s.Provisional,
		LeasesLost: int64(s.LeasesLost), LinksIn: s.LinksIn, LinksOut: s.LinksOut, LinkFailures: int64(s.LinkFailures),
	}
}

func (h *Handler) load() *wire.Load {
	c := h.cfg.Streams.Counts()
	l := &wire.Load{
		Streams: c.Streams, Subscribers: c.Subscribers, HistoryBytes: c.HistoryBytes,
		PacketsReceived: int64(c.Received.Packets), BytesReceived: int64(c.Received.Bytes),
		PacketsSent: int64(c.PacketsOut), BytesSent: int64(c.BytesOut),
		CPUCount: runtime.GOMAXPROCS(0), CPUTime: cpuTime().Seconds(), LoadAverage: loadAverage(),
		Goroutines: runtime.NumGoroutine(), HeapBytes: heap(),
	}
	l.Sessions, l.Unconnected = h.cfg.Service.Sessions()
	for _, s := range h.cfg.Streams.List() {
		if s.Live() {
			l.Publishers++
		}
	}
	return l
}

// heap returns how many bytes objects of the heap take. It does not stop the program.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}
