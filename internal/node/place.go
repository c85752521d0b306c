package node

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/relay"
)

// elsewhere is what requests for sessions are asked; nil: the node is alone.
func (n *Node) elsewhere() func(context.Context, string, bool) (string, error) {
	if n.cluster == nil {
		return nil
	}
	return func(ctx context.Context, stream string, placed bool) (string, error) {
		going := n.draining.Load()
		load, _ := n.report()
		if !going && (!n.cfg.Cluster.Redirect || relay.Keeps(load, n.has(stream))) {
			return "", nil
		}
		if placed {
			return "", n.refusal(going)
		}
		if to := relay.Place(n.cfg.NodeID, n.holder(ctx, stream), going, n.others(), rand.Uint32()); to != nil { //nolint:gosec // no secret
			return to.PublicURL, nil
		}
		return "", n.refusal(going)
	}
}

// sealer makes tickets for the other nodes; nil: the node is alone.
func (n *Node) sealer() signaling.Sealer {
	if n.cluster == nil {
		return nil
	}
	return relay.Sealer{Secret: n.cluster.secret, Purpose: "ticket", Now: n.cluster.keeper.Now}
}

// refusal is what a client is told that nobody else can take: a loaded node goes on until
// it is full.
func (n *Node) refusal(going bool) error {
	if going {
		return signaling.Closing()
	}
	return nil
}

// has tells whether this node has the stream's publisher, whom a subscriber costs least
// here, and who comes back to where the name is held.
func (n *Node) has(stream string) bool {
	info, ok := n.streams.Lookup(stream)
	return ok && info.Live() && !info.Relayed
}

// holder returns the node that has the stream's publisher; "" if nobody has, or it is not
// known soon.
func (n *Node) holder(ctx context.Context, stream string) string {
	ctx, cancel := context.WithTimeout(ctx, holderTimeout)
	defer cancel()
	h, err := n.cluster.keeper.Lookup(ctx, stream)
	if err != nil {
		return ""
	}
	return h.Node
}

// others returns the nodes of the cluster, this one too; nil where it is alone.
func (n *Node) others() []relay.NodeInfo {
	if n.cluster == nil {
		return nil
	}
	return n.cluster.keeper.KnownNodes()
}

// Leave lets a node of a cluster end so that its clients notice little: /readyz says so,
// new sessions go to other nodes, nodes that are fed by this one find another, and
// subscribers who listen to events are told where to go. It waits until all have gone, for
// the drain time at most, and ends publishers' sessions last. A node alone only tells
// /readyz.
func (n *Node) Leave() {
	n.Drain()
	if n.cluster == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.cfg.Cluster.DrainTime)
	defer cancel()
	if to := n.instead(""); to != "" && n.play.Subscribers() > 0 {
		n.sendSubscribers(ctx, to)
	} else {
		n.DrainLinks(ctx)
	}
	if n.instead("") != "" {
		n.sendPublishers()
	}
}

// sendSubscribers tells subscribers where to go, and waits for them while ctx lasts.
func (n *Node) sendSubscribers(ctx context.Context, to string) {
	log := n.deps.Logs.For("node")
	log.Info("node", "event", "leaving", "subscribers", n.play.Subscribers(), "to", to)
	n.play.Reconnect(func(stream string) string {
		if to := n.instead(stream); to != "" {
			return signaling.EndpointURL(to, signaling.WHEP, stream)
		}
		return ""
	})
	n.DrainLinks(ctx)
	for n.play.Subscribers() > 0 && ctx.Err() == nil {
		time.Sleep(leaveStep)
	}
	log.Info("node", "event", "left", "subscribers", n.play.Subscribers())
}

// sendPublishers ends the sessions of publishers while their POSTs are still answered:
// nothing but a redirect tells them where to go.
func (n *Node) sendPublishers() {
	if sent := n.sessions.EndAll(signaling.WHIP, signaling.Shutdown); sent > 0 {
		n.deps.Logs.For("node").Info("node", "event", "sent", "publishers", sent)
		time.Sleep(min(publisherReturn, n.cfg.Cluster.DrainTime))
	}
}

// instead returns the public URL of a node that a subscriber of the stream should go to
// while this one ends, "" for none: one that has the stream, else any, so that they spread.
// It asks nobody.
func (n *Node) instead(stream string) string {
	holder, _ := n.cluster.keeper.KnownHolder(stream)
	to := relay.Place(n.cfg.NodeID, holder.Node, true, n.others(), rand.Uint32()) //nolint:gosec // no secret
	if to == nil {
		return ""
	}
	return to.PublicURL
}
