package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/link"
)

// ListLinks answers GET of the node's links.
func (h *Handler) ListLinks(c echo.Context, params wire.ListLinksParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	all := h.links()
	out := wire.LinkPage{Items: []wire.Link{}}
	keys, next := p.cut(slices.Collect(maps.Keys(all)))
	out.Next = next
	for _, k := range keys {
		out.Items = append(out.Items, all[k])
	}
	return answer(c, http.StatusOK, out)
}

// links returns the node's links by stream, direction and node.
func (h *Handler) links() map[string]wire.Link {
	all := map[string]wire.Link{}
	if h.cfg.Parents == nil {
		return all
	}
	for _, p := range h.cfg.Parents() {
		l := wire.Link{
			Stream: p.Stream, Direction: wire.LinkDirectionIn, Node: p.Node, URL: known(p.URL), Depth: p.Depth,
			State: wire.LinkStateOpen, Since: stamp(p.Since), Packets: int64(p.Packets), Bytes: int64(p.Bytes),
			RoundTripTime: known(milliseconds(p.RTT)), HopLatency: hop(p.RTT),
		}
		if p.Moving {
			l.State = wire.LinkStateMoving
		}
		all[p.Stream+" in "+p.Node] = l
	}
	for _, c := range h.cfg.Children() {
		key := fmt.Sprintf("%s out %s %d", c.Stream, c.Node, c.Since.UnixMilli()) // a node may have an old one beside its new one
		all[key] = wire.Link{
			Stream: c.Stream, Direction: wire.LinkDirectionOut, Node: c.Node, URL: known(c.URL), Depth: c.Depth,
			State: outState(c.Connected), Since: stamp(c.Since), Packets: int64(c.Packets), Bytes: int64(c.Bytes),
			RoundTripTime: known(milliseconds(c.RTT)), HopLatency: hop(c.RTT),
		}
	}
	return all
}

func outState(connected bool) wire.LinkState {
	if connected {
		return wire.LinkStateOpen
	}
	return wire.LinkStateConnecting
}

// hop is what a packet takes over a link: half the round trip; nil: not known.
func hop(rtt time.Duration) *float64 { return known(milliseconds(rtt / 2)) }

// GetTree answers GET of a stream's tree.
func (h *Handler) GetTree(c echo.Context, name wire.Stream) error {
	if err := streamOf(name); err != nil {
		return err
	}
	t, err := h.tree(c, name)
	switch {
	case errors.Is(err, relay.ErrUnavailable):
		return signaling.NewProblem(http.StatusServiceUnavailable, "stream-unknown",
			"The node does not know where the stream is, and cannot find out now.").RetryAfter(absentRetry)
	case err != nil:
		return signaling.NewProblem(http.StatusNotFound, "no-such-stream", "Nobody publishes the stream.")
	}
	return answer(c, http.StatusOK, treeOf(&t))
}

// tree returns a stream's tree; that of a node alone is itself.
func (h *Handler) tree(c echo.Context, name string) (link.Tree, error) {
	if h.cfg.Tree != nil {
		return h.cfg.Tree(c.Request().Context(), name)
	}
	info, ok := h.cfg.Streams.Lookup(name)
	if !ok || !info.Live() {
		return link.Tree{}, relay.ErrAbsent
	}
	return link.Tree{Stream: name, Places: []link.Place{{Node: h.cfg.Node.ID, Answered: true, Subscribers: info.Subscribers}}}, nil
}

func treeOf(t *link.Tree) wire.Tree {
	out := wire.Tree{Stream: t.Stream, Epoch: known(t.Epoch), Complete: t.Complete(), Nodes: []wire.TreeNode{}}
	latency := map[string]*time.Duration{} // of each node from the origin; nil: not known
	for i, p := range t.Places {
		n := wire.TreeNode{ID: p.Node, URL: known(p.URL), Parent: known(p.Parent), Depth: p.Depth, Answered: p.Answered}
		if p.Answered {
			n.Subscribers = &t.Places[i].Subscribers
		}
		sum := new(time.Duration)
		if p.Parent != "" {
			fed(&n, &p)
			sum = added(latency[p.Parent], p.RTT/2)
		}
		if latency[p.Node] = sum; sum != nil {
			n.Latency = new(milliseconds(*sum))
		}
		out.Nodes = append(out.Nodes, n)
	}
	return out
}

// fed shows the link that a node is fed by.
func fed(n *wire.TreeNode, p *link.Place) {
	state := wire.TreeNodeStateConnecting
	if p.Connected {
		state = wire.TreeNodeStateOpen
	}
	n.State, n.Since, n.HopLatency = &state, when(p.Since), hop(p.RTT)
	n.Packets, n.Bytes = new(int64(p.Packets)), new(int64(p.Bytes))
}

// added returns a latency and one more hop; nil if one of them is not known.
func added(latency *time.Duration, hop time.Duration) *time.Duration {
	if latency == nil || hop == 0 {
		return nil
	}
	return new(*latency + hop)
}
