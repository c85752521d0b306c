package api

import (
	"net/http"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
)

// self is how a path names the node that answers.
const self = "self"

// ListNodes answers GET of the nodes: this one.
func (h *Handler) ListNodes(c echo.Context, params wire.ListNodesParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	out := wire.NodePage{Items: []wire.Node{}}
	ids, next := p.cut([]string{h.cfg.Node.ID})
	out.Next = next
	for range ids {
		out.Items = append(out.Items, h.node(time.Now()))
	}
	return answer(c, http.StatusOK, out)
}

// GetNode answers GET of a node.
func (h *Handler) GetNode(c echo.Context, id wire.NodeID) error {
	if id != self && id != h.cfg.Node.ID {
		return signaling.NewProblem(http.StatusNotFound, "no-such-node", "There is no node of this id. The one that answers is self.")
	}
	return answer(c, http.StatusOK, h.node(time.Now()))
}

func (h *Handler) node(now time.Time) wire.Node {
	n := &h.cfg.Node
	out := wire.Node{
		ID: n.ID, Version: n.Version, StartedAt: stamp(n.Started), Uptime: milliseconds(now.Sub(n.Started)) / 1000,
		State: wire.NodeStateReady, Candidates: append([]string{}, n.Candidates()...), Load: h.load(),
	}
	if n.Closing() {
		out.State = wire.NodeStateClosing
	}
	return out
}

func (h *Handler) load() wire.Load {
	c := h.cfg.Streams.Counts()
	l := wire.Load{
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
