package node

import (
	"context"
	"net"
	"net/http"

	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/outbound"
	"github.com/whippet-media/whippet/whep"
)

// startOutbound makes the node a client of the servers that the settings name.
func (n *Node) startOutbound() {
	cfg := outbound.Config{
		Streams: n.streams, HTTP: n.farTransport(), Agent: "whippet/" + n.deps.Version,
		Listen: n.deps.LinkSocket, Net: n.deps.Net, Announce: n.deps.Announce,
		Elsewhere: n.heldElsewhere(), Log: n.deps.Logs.For("relay"),
	}
	if cfg.Listen == nil {
		return
	}
	var targets []outbound.Target
	for _, p := range n.cfg.Pushes {
		targets = append(targets, outbound.Target{Streams: p.Streams, URL: string(p.URL.Bytes()), Token: string(p.Token.Bytes())})
	}
	if len(targets) > 0 {
		n.pushes = outbound.NewPushes(cfg, targets)
	}
	var origins []outbound.Origin
	for _, p := range n.cfg.Pulls {
		origins = append(origins, outbound.Origin{Stream: p.Stream, URL: string(p.URL.Bytes()), Token: string(p.Token.Bytes()), Always: p.Always})
	}
	if len(origins) > 0 {
		n.pulls = outbound.NewPulls(cfg, origins, n.links.elsewhere())
	}
}

func (n *Node) closeOutbound() {
	if n.pushes != nil {
		n.pushes.Close()
	}
	if n.pulls != nil {
		n.pulls.Close()
	}
}

// farTransport carries requests to servers of others. Those it is asked for are few: no
// connection is kept for long.
func (n *Node) farTransport() http.RoundTripper {
	if n.deps.FarTransport != nil {
		return n.deps.FarTransport
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: nodeDialTimeout}).DialContext,
		TLSHandshakeTimeout: nodeDialTimeout,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     farIdleTimeout,
		ForceAttemptHTTP2:   true,
	}
}

// heldElsewhere tells whether another node of the cluster has a stream's publisher; nil: the
// node is alone. What is not known soon is not so.
func (n *Node) heldElsewhere() func(context.Context, string) bool {
	if n.cluster == nil {
		return nil
	}
	return func(ctx context.Context, stream string) bool {
		node := n.holder(ctx, stream)
		return node != "" && node != n.cfg.NodeID
	}
}

// sources is where subscribers' streams may come from besides publishers of this node.
func (n *Node) sources() whep.Elsewhere {
	if n.pulls != nil {
		return n.pulls
	}
	return n.links.elsewhere()
}

// Pushes describes the streams that are on their way to other servers.
func (n *Node) Pushes() []outbound.Info {
	if n.pushes == nil {
		return nil
	}
	return n.pushes.Info()
}

// Pulls describes the streams that may come from other servers.
func (n *Node) Pulls() []outbound.Info {
	if n.pulls == nil {
		return nil
	}
	return n.pulls.Info()
}

// fars counts pushes and pulls.
func (n *Node) fars() (push, pull metrics.Far) {
	if n.pushes != nil {
		push = farOf(n.pushes.Info(), n.pushes.Total())
	}
	if n.pulls != nil {
		pull = farOf(n.pulls.Info(), n.pulls.Total())
	}
	return push, pull
}

func farOf(all []outbound.Info, total outbound.Total) metrics.Far {
	f := metrics.Far{States: map[string]int{}, Ends: map[string]uint64{}, Opened: total.Opened, Failed: total.Failed}
	for reason, n := range total.Ends {
		f.Ends[string(reason)] = n
	}
	for _, s := range outbound.States() { // also those that none is in
		f.States[string(s)] = 0
	}
	for _, i := range all {
		f.States[string(i.State)]++
	}
	return f
}
