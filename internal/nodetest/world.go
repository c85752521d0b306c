package nodetest

import (
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v4/vnet"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A World is a network with one node on it. It belongs to the test's goroutine.
type World struct {
	Node *node.Node

	t      testing.TB
	seed   uint64
	router *vnet.Router
	server *Host
	hosts  int
	by     map[string]http.Handler // of a cluster's nodes, by host name

	// mu guards the fields below; hosts are added while packets fly.
	mu    sync.Mutex
	byIP  map[string]*Host
	apart map[[2]*Host]bool // see Cluster.Part
	asked map[[2]*Host]bool // of those apart, whose requests pass
}

// An Option changes how a World is made.
type Option func(*settings)

type settings struct {
	logsOf func(id string) *node.Logs // of a cluster; nil: deps.Logs
	seed   uint64
	config config.Config
	deps   node.Deps
}

// Seed chooses the network's faults; 1 unless set.
func Seed(seed uint64) Option { return func(s *settings) { s.seed = seed } }

// Takeover lets a second publisher replace the first.
func Takeover() Option { return func(s *settings) { s.config.Takeover = true } }

// RejectAbsent refuses subscribers of a stream nobody publishes.
func RejectAbsent() Option { return func(s *settings) { s.config.RejectAbsent = true } }

// Guarded makes the node want tokens.
func Guarded(v *auth.Verifier) Option {
	return func(s *settings) { s.deps.Verifier, s.config.Open = v, false }
}

// Keyless makes a node that knows no keys.
func Keyless() Option { return func(s *settings) { s.deps.Verifier, s.config.Open = nil, true } }

// Limits bounds sessions.
func Limits(l signaling.Limits) Option { return func(s *settings) { s.deps.Limits = l } }

// Config changes the node's settings.
func Config(change func(*config.Config)) Option { return func(s *settings) { change(&s.config) } }

// Deps changes what the node needs from outside.
func Deps(change func(*node.Deps)) Option { return func(s *settings) { change(&s.deps) } }

// Logs lets the node log.
func Logs(l *node.Logs) Option { return func(s *settings) { s.deps.Logs = l } }

// Checks adds checks to the node's self-test.
func Checks(all ...api.Check) Option { return func(s *settings) { s.deps.Checks = all } }

const mediaPort = 8080

// New starts a network and an open node on it. Both end with the test, the node first.
func New(t testing.TB, options ...Option) *World {
	t.Helper()
	s := settings{seed: 1, config: config.Config{MaxSessions: signaling.DefaultSessions, Open: true, NodeID: "node"}}
	for _, o := range options {
		o(&s)
	}
	w := newNetwork(t, s.seed)
	w.server = w.Host(Link{})
	w.Node = w.start(w.server, s.config, s.deps)
	return w
}

// newNetwork starts a network without a node.
func newNetwork(t testing.TB, seed uint64) *World {
	t.Helper()
	w := &World{t: t, seed: seed, byIP: map[string]*Host{}}
	w.startNetwork()
	return w
}

// start starts a node on a host.
func (w *World) start(h *Host, cfg config.Config, deps node.Deps) *node.Node {
	w.t.Helper()
	socket, err := h.ListenUDP("udp4", &net.UDPAddr{IP: h.IP(), Port: mediaPort})
	if err != nil {
		w.t.Fatal(err)
	}
	deps.UDP, deps.Net = []net.PacketConn{socket}, h
	if deps.LinkSocket == nil {
		deps.LinkSocket = h.farSocket
	}
	n, err := node.New(cfg, deps)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(n.Close)
	return n
}

func (w *World) startNetwork() {
	w.t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/8", MinDelay: time.Millisecond, QueueSize: 1 << 20, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.router = router
	if err := router.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := router.Stop(); err != nil {
			w.t.Error(err)
		}
	})
}

// Server returns the node's own host, whose link all sessions share.
func (w *World) Server() *Host { return w.server }

// Client returns an HTTP client whose requests go straight to the node.
func (w *World) Client() *http.Client {
	return &http.Client{Transport: direct{w.Node.Handler(), w.by}}
}

// Run lets time pass, and everything settle that happens at its end.
func (w *World) Run(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
