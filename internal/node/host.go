package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"

	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/udp"
	"github.com/whippet-media/whippet/relay"
)

// A Host is a node on the real network.
type Host struct {
	node   *Node
	log    *slog.Logger // of HTTP
	life   *slog.Logger // of the node's beginning and end
	media  *udp.Socket
	redis  *relay.Redis // nil: no cluster
	cert   *certificate // nil: plain HTTP
	public net.Listener // HTTP part of the public port
	admin  net.Listener
}

// Open opens all sockets of the settings and starts a node on them; Serve lets it
// answer. verifier is that of Deps, and checks are further ones of the self-test. On an
// error nothing stays open.
func Open(ctx context.Context, cfg config.Config, verifier signaling.Verifier, logs *Logs, version string, checks ...api.Check) (*Host, error) {
	h := &Host{log: logs.For("http"), life: logs.For("node")}
	announce, err := resolve(ctx, cfg.Announce, lookupNames)
	if err != nil {
		return nil, err
	}
	if cfg.TLS.On() {
		if h.cert, err = newCertificate(cfg.TLS, h.log); err != nil {
			return nil, err
		}
	}
	ice, err := h.listen(cfg)
	if err != nil {
		h.closeListeners()
		return nil, err
	}
	directory, err := h.openDirectory(&cfg)
	if err != nil {
		_ = ice.Close()
		_ = h.media.Close()
		h.closeListeners()
		return nil, err
	}
	h.node, err = New(cfg, Deps{
		UDP: []net.PacketConn{h.media}, TCP: ice, Announce: announce,
		Directory: directory, LinkSocket: h.linkSocket, Verifier: verifier, Traffic: h.traffic, Logs: logs, Version: version,
		Checks: append(h.checks(), checks...),
	})
	if err != nil {
		h.closeDirectory()
		h.closeListeners()
		return nil, err
	}
	return h, nil
}

// listen opens the three ports and returns the ICE-TCP part of the public one.
func (h *Host) listen(cfg config.Config) (ice net.Listener, err error) {
	public, err := net.Listen("tcp", cfg.HTTP)
	if err != nil {
		return nil, listenError("http", err)
	}
	h.public, ice = rtc.SplitListener(public)
	if h.admin, err = net.Listen("tcp", cfg.Admin); err != nil {
		_ = ice.Close()
		return nil, listenError("admin", err)
	}
	if h.media, err = udp.Listen(mediaAddress(cfg.Media, public.Addr())); err != nil {
		_ = ice.Close()
		return nil, listenError("media", err)
	}
	return ice, nil
}

// linkSocket opens a socket for a link: at the media socket's address, of any port.
func (h *Host) linkSocket() (net.PacketConn, error) {
	host := ""
	if a, err := netip.ParseAddrPort(h.media.LocalAddr().String()); err == nil && !a.Addr().IsUnspecified() {
		host = a.Addr().String()
	}
	s, err := udp.Listen(net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	return s, nil
}

// listenError says what to do about the two usual reasons.
func listenError(flag string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--%s: %w; another program has the port: end it or choose another", flag, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--%s: %w; ports below 1024 need a privilege: choose another", flag, err)
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

// mediaAddress is all addresses with the number of the public port, unless set.
func mediaAddress(set string, public net.Addr) string {
	if set != "" {
		return set
	}
	return ":" + strconv.Itoa(int(portOf(public)))
}

func portOf(a net.Addr) uint16 {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return 0
	}
	return ap.Port()
}

func (h *Host) closeListeners() {
	for _, l := range []net.Listener{h.public, h.admin} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// traffic reads the media socket's counters.
func (h *Host) traffic() metrics.Traffic {
	s := h.media.Stats()
	t := metrics.Traffic{
		PacketsRead: s.PacketsRead, BytesRead: s.BytesRead,
		PacketsWritten: s.PacketsWritten, BytesWritten: s.BytesWritten,
		Reads: s.Reads, Batches: s.Batches,
		ReadSizes:  metrics.Sizes{Bounds: udp.SizeBounds(), Counts: s.ReadSizes[:]},
		BatchSizes: metrics.Sizes{Bounds: udp.SizeBounds(), Counts: s.SendSizes[:]}, Runs: s.OffloadRuns, RunPackets: s.OffloadPackets,
		CoalescedPackets: s.CoalescedPackets, KernelDrops: s.KernelDrops, Truncated: s.Truncated,
		WriteErrors: s.WriteErrors, Refusals: make(map[string]uint64),
		Sending: s.Sending.String(), Receiving: s.Receiving.String(),
	}
	for _, kind := range udp.SendErrors() {
		t.Refusals[kind.String()] = s.SendErrors[kind]
	}
	return t
}

// Node returns the node.
func (h *Host) Node() *Node { return h.node }

// HTTPAddr returns the address of the public port as it was opened.
func (h *Host) HTTPAddr() net.Addr { return h.public.Addr() }

// AdminAddr returns the address of the admin port as it was opened.
func (h *Host) AdminAddr() net.Addr { return h.admin.Addr() }

// MediaAddr returns the address of the media socket as it was opened.
func (h *Host) MediaAddr() net.Addr { return h.media.LocalAddr() }

// CertificateName returns a name the certificate is for; "" if there is none.
func (h *Host) CertificateName() string {
	if h.cert == nil {
		return ""
	}
	return h.cert.name()
}

// Warnings returns sentences about what will hurt later, each naming what to change.
func (h *Host) Warnings() []string {
	var all []string
	if problem := rtc.ReachabilityProblem(h.node.Candidates()); problem != "" {
		all = append(all, problem)
	}
	for _, w := range h.node.cfg.Webhooks.Receivers {
		if w.Plain {
			all = append(all, fmt.Sprintf("Events go to %s without TLS: others on the way can read them. Use https in --webhook.", w.Host))
		}
	}
	for _, far := range h.node.cfg.Fars() {
		if far.Plain && !far.Token.Empty() {
			all = append(all, fmt.Sprintf("The token for %s goes there without TLS: others on the way can read it. Use https in --push and --pull.", far.Host))
		}
	}
	if problem := nodeURLProblem(h.node.cfg.Cluster); problem != "" {
		all = append(all, problem)
	}
	read, write, wanted := h.media.Buffers()
	if problem := bufferProblem(min(read, write), wanted); problem != "" {
		all = append(all, problem)
	}
	return all
}

// Serve answers requests until ctx is done, or until a listener fails, which is an
// error. Then it closes everything in order and waits: no new requests, sessions
// ended so that their far ends know, health answered until the end.
func (h *Host) Serve(ctx context.Context) error {
	public, admin := h.publicServer(), h.adminServer()
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- h.servePublic(public) })
	serving.Go(func() { failed <- admin.Serve(h.admin) })
	watching, stop := context.WithCancel(ctx)
	serving.Go(func() { (&socketWatch{log: h.life}).run(watching, h.media.Stats) })

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop()
	h.close(public, admin)
	serving.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// close ends the node in order.
func (h *Host) close(public, admin *http.Server) {
	sessions, _ := h.node.Sessions()
	h.life.Info("node", "event", "closing", "sessions", sessions)
	h.node.Leave()
	h.node.EndEvents()
	shutdown(public)
	h.node.Close()
	h.closeDirectory()
	shutdown(admin)
	h.life.Info("node", "event", "closed")
}

func (h *Host) servePublic(s *http.Server) error {
	if s.TLSConfig != nil {
		return s.ServeTLS(h.public, "", "")
	}
	return s.Serve(h.public)
}

// publicServer bounds what a stranger may take. Bodies have their own bounds where
// they are read.
func (h *Host) publicServer() *http.Server {
	s := h.adminServer()
	s.Handler = h.node.Handler()
	s.WriteTimeout = writeTimeout
	s.ConnState = newCrowd(maxConns).changed
	if h.cert != nil {
		s.TLSConfig = h.cert.config()
	}
	return s
}

// adminServer has no write timeout: a profile takes as long as it was asked to.
func (h *Host) adminServer() *http.Server {
	return &http.Server{
		Handler:           h.node.AdminHandler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
}

// shutdown lets requests end for a while, then cuts them off.
func shutdown(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		_ = s.Close()
	}
}
