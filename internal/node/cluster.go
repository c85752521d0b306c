package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay"
)

// A cluster is what makes a node one of several.
type cluster struct {
	keeper *relay.Keeper
	secret relay.Secret
	url    string
}

// newCluster joins the node to its cluster; nil if it is alone. Close the keeper.
func newCluster(cfg config.Config, d Deps, report func() (float64, bool), sessions func() int) *cluster {
	if d.Directory == nil {
		return nil
	}
	c := &cluster{secret: relay.NewSecret(cfg.Cluster.Secret.Bytes()), url: cfg.Cluster.NodeURL}
	asker := relay.Asker{
		Secret: c.secret, Now: d.Directory.Now,
		Client: &http.Client{Transport: clusterTransport(d), CheckRedirect: noRedirect},
	}
	c.keeper = relay.NewKeeper(relay.KeeperConfig{
		Directory: d.Directory, Node: cfg.NodeID, NodeURL: cfg.Cluster.NodeURL, Version: d.Version, PublicURL: cfg.PublicURL,
		Report: report, Sessions: sessions, Takeover: cfg.Takeover, Ask: asker.Ask, Logger: d.Logs.For("relay"),
	})
	return c
}

// clusterTransport carries requests to other nodes.
func clusterTransport(d Deps) http.RoundTripper {
	if d.NodeTransport != nil {
		return d.NodeTransport
	}
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: nodeDialTimeout}).DialContext,
		TLSHandshakeTimeout: nodeDialTimeout,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     idleTimeout,
		ForceAttemptHTTP2:   true,
	}
}

// noRedirect: a node's URL is the node's, and a redirect would carry a token elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// directory is what the registry asks. look is told of each stream that another node took, or that
// this one gave back.
func (c *cluster) directory(look func(name string)) stream.Directory {
	if c == nil {
		return nil
	}
	return holds{c.keeper, look}
}

// holds makes a keeper the registry's directory.
type holds struct {
	keeper *relay.Keeper
	look   func(name string)
}

// Claim implements [stream.Directory].
func (h holds) Claim(ctx context.Context, name, owner string, lost func()) (stream.Hold, error) {
	got, err := h.keeper.Claim(ctx, name, owner, func(relay.Holder) {
		lost()
		h.look(name)
	})
	switch {
	case errors.Is(err, relay.ErrHeld):
		return nil, stream.ErrBusy
	case errors.Is(err, relay.ErrClosed):
		return nil, signaling.Closing()
	case err != nil:
		return nil, fmt.Errorf("claiming %s: %w", name, err)
	}
	return hold{got, func() { h.look(name) }}, nil
}

type hold struct {
	*relay.Hold
	released func()
}

// Release implements [stream.Hold]. The directory may have given the stream to another node already,
// without this one knowing: then it tells nobody of the end.
func (h hold) Release() {
	h.Hold.Release()
	h.released()
}

// Epoch implements [stream.Hold].
func (h hold) Epoch() int64 { return h.Holder().Epoch }

// holderHandler answers other nodes about this one's publishers.
func (c *cluster) holderHandler(publisher func(name string) (owner string, alive bool)) http.Handler {
	return relay.HolderHandler{Secret: c.secret, Now: c.keeper.Now, URL: c.url, Publisher: publisher}
}

// report says how busy the node is. One that has not started wants nothing yet.
func (n *Node) report() (load float64, draining bool) {
	if !n.complete.Load() {
		return 0, true
	}
	all, _ := n.sessions.Sessions()
	return float64(all) / float64(n.cfg.MaxSessions), n.draining.Load()
}

// sessionCount returns how many sessions there are.
func (n *Node) sessionCount() int {
	if !n.complete.Load() {
		return 0
	}
	all, _ := n.sessions.Sessions()
	return all
}

// openDirectory connects to the cluster's Redis, if the node is in one, and gives the node
// a URL if it has none.
func (h *Host) openDirectory(cfg *config.Config) (relay.Directory, error) {
	if !cfg.Cluster.On() {
		return nil, nil
	}
	if cfg.Cluster.NodeURL == "" {
		u, err := nodeURL(h.public.Addr())
		if err != nil {
			return nil, err
		}
		cfg.Cluster.NodeURL = u
	}
	r, err := relay.OpenRedis(string(cfg.Cluster.Redis.Bytes()), cfg.Cluster.Namespace)
	if err != nil {
		return nil, fmt.Errorf("--redis: %w", err)
	}
	h.redis = r
	return r, nil
}

func (h *Host) closeDirectory() {
	if h.redis != nil {
		_ = h.redis.Close()
	}
}

// nodeURL is how other nodes most likely reach the public port: at the address it is bound
// to, or that of a network interface.
func nodeURL(public net.Addr) (string, error) {
	at, err := netip.ParseAddrPort(public.String())
	if err != nil {
		return "", fmt.Errorf("--node-url: cannot be found out: %w", err)
	}
	host := at.Addr()
	if host.IsUnspecified() {
		all, err := rtc.LocalAddresses(nil)
		if err != nil || len(all) == 0 {
			return "", errors.New("--node-url: there is no network interface whose address it could have; give one")
		}
		host = all[max(0, slices.IndexFunc(all, netip.Addr.IsPrivate))] // nodes are near each other
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host.String(), strconv.Itoa(int(at.Port())))}
	return u.String(), nil
}

// nodeURLProblem says if other machines cannot reach the node under the URL they are told.
func nodeURLProblem(c config.Cluster) string {
	if !c.On() {
		return ""
	}
	u, err := url.Parse(c.NodeURL)
	if err != nil {
		return ""
	}
	at, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() != "localhost" && (err != nil || !at.IsLoopback()) {
		return ""
	}
	return "Other nodes are told to reach this one at " + c.NodeURL + ", which only this machine can. Set --node-url."
}
