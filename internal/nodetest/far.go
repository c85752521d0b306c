package nodetest

import (
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A Web is the servers of others that nodes of a test can reach by HTTP, by host name.
type Web struct {
	// mu guards the field below.
	mu    sync.Mutex
	sites map[string]http.Handler
}

// Serve makes a host answer; nil: it cannot be reached any more.
func (w *Web) Serve(host string, h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sites == nil {
		w.sites = map[string]http.Handler{}
	}
	w.sites[host] = h
}

// RoundTrip carries a request to the host it names.
func (w *Web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	h := w.sites[r.URL.Host]
	w.mu.Unlock()
	if h == nil {
		return nil, errors.New("nodetest: no such host")
	}
	return direct{handler: h}.RoundTrip(r)
}

// On lets the World's nodes reach the servers of a Web.
func On(web *Web) Option {
	return func(s *settings) { s.deps.FarTransport = web }
}

// Settings changes the node's settings as flags would.
func Settings(push []config.Push, pull []config.Pull) Option {
	return func(s *settings) { s.config.Pushes, s.config.Pulls = push, pull }
}

// A Far is a node that shares nothing with the World's but the network, under a host name.
type Far struct {
	*node.Node
	Host *Host

	world    *World
	web      *Web
	name     string
	settings settings
}

// Far starts an open node on a host of its own, which ends with the test.
func (w *World) Far(web *Web, name string, options ...Option) *Far {
	w.t.Helper()
	s := settings{seed: 1, config: config.Config{MaxSessions: signaling.DefaultSessions, Open: true, NodeID: name}}
	for _, o := range options {
		o(&s)
	}
	f := &Far{world: w, web: web, name: name, settings: s}
	f.Start()
	return f
}

// Start starts the node, anew after Close or Kill: on a host of its own.
func (f *Far) Start() {
	f.world.t.Helper()
	f.Host = f.world.Host(Link{})
	f.Node = f.world.start(f.Host, f.settings.config, f.settings.deps)
	f.web.Serve(f.name, f.Handler())
}

// Serve lets another handler answer for the node.
func (f *Far) Serve(h http.Handler) { f.web.Serve(f.name, h) }

// Kill lets no packet and no request reach the node any more.
func (f *Far) Kill() {
	f.Host.Cut()
	f.web.Serve(f.name, nil)
}

// Stop ends the node as an operator would.
func (f *Far) Stop() {
	f.web.Serve(f.name, nil)
	f.Close()
}

func (f *Far) client() *http.Client { return &http.Client{Transport: direct{handler: f.Handler()}} }

// Publish publishes on this node from a host of its own.
func (f *Far) Publish(stream string, change ...func(*client.PublishOptions)) *Publisher {
	f.world.t.Helper()
	at := func(o *client.PublishOptions) { o.URL, o.HTTP = "http://"+f.name+"/whip/"+stream, f.client() }
	return f.world.Publish(stream, append([]func(*client.PublishOptions){at}, change...)...)
}

// Subscribe plays from this node, from a host of its own.
func (f *Far) Subscribe(stream string, change ...func(*client.PlayOptions)) *Subscriber {
	f.world.t.Helper()
	at := func(o *client.PlayOptions) { o.URL, o.HTTP = "http://"+f.name+"/whep/"+stream, f.client() }
	return f.world.Subscribe(stream, append([]func(*client.PlayOptions){at}, change...)...)
}

// farSocket opens a socket of any port for a session with another server.
func (h *Host) farSocket() (net.PacketConn, error) {
	return h.ListenUDP("udp4", &net.UDPAddr{IP: h.IP()})
}
