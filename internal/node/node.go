package node

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pion/transport/v4"

	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/authz"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/outbound"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/internal/trace"
	"github.com/whippet-media/whippet/internal/web"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/whep"
	"github.com/whippet-media/whippet/whip"
)

// Deps are what a Node needs from outside. Only UDP is required.
type Deps struct {
	// UDP are the media sockets. The Node closes them, also when New fails.
	UDP []net.PacketConn
	// TCP hands over ICE-TCP connections; nil: there is no ICE-TCP. The Node closes it.
	TCP net.Listener
	// Announce are the addresses of candidates; empty: those of the interfaces.
	Announce []netip.AddrPort
	// Net replaces the operating system's network in tests; nil is the real one.
	Net transport.Net

	// Verifier checks tokens: where the settings say that anyone may publish and play,
	// those of operators alone. Nil: there are none, and the node is open.
	Verifier signaling.Verifier

	// Directory is shared with the other nodes of the cluster that the settings describe;
	// nil: the node is alone. The Node does not close it.
	Directory relay.Directory
	// NodeTransport carries requests to other nodes; nil: the operating system's network.
	NodeTransport http.RoundTripper

	// Limits bound sessions; zero fields mean the defaults, and the number of
	// sessions comes from the settings.
	Limits signaling.Limits
	// Traffic counts what went through the media sockets; nil: not counted.
	Traffic func() metrics.Traffic

	// LinkSocket opens a UDP socket of any port, for the media of one link from another
	// node, or of one session with another server; nil: none can be opened.
	LinkSocket func() (net.PacketConn, error)
	// LinkLinger is how long a link stays without a subscriber; 0: link.DefaultLinger.
	LinkLinger time.Duration

	// Checks are further ones of the self-test, of what the node is made by.
	Checks []api.Check

	// FarTransport carries requests to servers of others; nil: the network.
	FarTransport http.RoundTripper

	// HookTransport sends webhooks; nil: the network.
	HookTransport http.RoundTripper

	Logs    *Logs  // nil: nothing is logged
	Version string // shown by /metrics and the API
}

// A Node is one Whippet node. Its handlers are safe for concurrent use.
type Node struct {
	cfg      config.Config
	deps     Deps
	started  time.Time
	media    *rtc.Transport
	streams  *stream.Registry
	sessions *signaling.Service
	links    links
	pushes   *outbound.Pushes // nil: there are none
	pulls    *outbound.Pulls  // nil: there are none
	authz    *authz.Client    // nil: nobody is asked
	cluster  *cluster         // nil: alone
	hooks    *hooks
	refused  *refusalCounter
	revoked  *revoked
	spread   *relay.Spreader
	watching ticker // streams, for webhooks
	telling  ticker // of refusals
	play     *whep.Handler
	api      *api.Handler
	public   http.Handler
	admin    http.Handler
	complete atomic.Bool // all parts are there
	draining atomic.Bool
	close    sync.Once

	instruments *metrics.Instruments
	tracer      *trace.Tracer // nil: there are no traces
}

// New starts a node. It takes over the sockets of d, also when it fails. Close it.
func New(cfg config.Config, d Deps) (*Node, error) {
	n := &Node{cfg: cfg, deps: d, started: time.Now(), instruments: metrics.NewInstruments()}
	if cfg.Trace.On() {
		n.tracer = trace.New(trace.Config{
			Endpoint: cfg.Trace.Endpoint, Share: cfg.Trace.Share,
			Node: cfg.NodeID, Version: d.Version, Log: d.Logs.For("node"),
		})
	}
	if err := n.start(); err != nil {
		n.Close()
		return nil, err
	}
	n.play = whep.New(whep.Config{
		Service: n.sessions, Transport: n.media, Streams: n.streams,
		RequireLive: n.cfg.RejectAbsent, Elsewhere: n.sources(),
	})
	n.api = n.newAPI()
	n.public = n.routes()
	n.admin = n.adminRoutes()
	return n, nil
}

// caps are the bitrates that settings bound.
func caps(cfg *config.Config) stream.Caps {
	return stream.Caps{Session: cfg.MaxSessionBitrate, Stream: cfg.MaxStreamBitrate, Node: cfg.MaxBitrate}
}

// start makes the parts from the bottom up; Close takes what there is from the top down.
func (n *Node) start() error {
	var err error
	n.cluster = newCluster(n.cfg, n.deps, n.report, n.sessionCount)
	n.streams = stream.NewRegistry(stream.Config{
		Takeover:       n.cfg.Takeover,
		MaxNode:        n.cfg.MaxSessions,
		MaxSubscribers: n.cfg.MaxSubscribers,
		Caps:           caps(&n.cfg),
		CountApart:     n.cfg.MetricsStreams,
		Left:           n.left,
		Logger:         n.deps.Logs.For("stream"),
		Directory:      n.cluster.directory(func(name string) { n.links.look(name) }),
		NewBatch:       func() stream.Batch { return n.media.NewBatch() },
	})
	n.media, err = rtc.New(rtc.Config{
		UDP: n.deps.UDP, TCP: n.deps.TCP, Announce: n.deps.Announce, Net: n.deps.Net,
		AfterRead: n.streams.Serve,
	})
	if err != nil {
		n.closeSockets() // they are still ours
		return err
	}
	n.startLinks()
	n.startOutbound()
	n.startHooks()
	authoriser, err := n.startAuthoriser()
	if err != nil {
		return err
	}
	n.spread = n.newSpreader()
	n.revoked = newRevoked(n.cfg.Data, n.deps.Logs.For("node"), n.spread.List)
	n.sessions, err = signaling.New(signaling.Config{
		Verifier:       n.deps.Verifier,
		Authoriser:     authoriser,
		Announce:       n.announce,
		Elsewhere:      n.elsewhere(),
		Sealer:         n.sealer(),
		Open:           n.cfg.Open,
		RequireBearer:  n.cfg.SessionToken,
		BareToken:      n.cfg.BareToken,
		QueryToken:     n.cfg.QueryToken,
		LenientIfMatch: n.cfg.LenientIfMatch,
		CORSOrigins:    n.cfg.CORSOrigins,
		PublicURL:      n.cfg.PublicURL,
		TrustedProxies: n.cfg.TrustedProxies,
		ICEServers:     n.cfg.ICEServers,
		TURNSecret:     string(n.cfg.TURNSecret.Bytes()),
		Limits:         n.limits(),
		Log:            n.deps.Logs.For("signaling"),
		Observe: func(news signaling.News) {
			n.measure(news)
			n.hooks.session(news)
		},
		ObserveRefusal: n.refused.add,
		ObserveMedia:   n.measureMedia,
		ObservePost:    func(k signaling.Kind, code string) { n.instruments.Posted(k.String(), code) },
	})
	if err == nil {
		err = n.startRevoked()
	}
	n.complete.Store(err == nil)
	return err
}

// startAuthoriser returns who decides about tokens that are not ours; nil: nobody does.
func (n *Node) startAuthoriser() (signaling.Authoriser, error) {
	if n.cfg.AuthURL == "" {
		return nil, nil //nolint:nilnil // as Config.Authoriser has it
	}
	var err error
	if n.authz, err = authz.New(n.cfg.AuthURL); err != nil {
		return nil, fmt.Errorf("--auth-url: %w", err)
	}
	return n.authz, nil
}

// limits are those of the settings, and what only tests set.
func (n *Node) limits() signaling.Limits {
	l := n.deps.Limits
	l.Sessions = n.cfg.MaxSessions
	if n.cfg.MaxUnconnected > 0 {
		l.HalfOpen = n.cfg.MaxUnconnected
	}
	l.TokenSessions, l.SubjectSessions, l.AddressSessions = n.cfg.MaxTokenSessions, n.cfg.MaxSubjectSessions, n.cfg.MaxAddressSessions
	l.RequestRate, l.FailureRate = n.cfg.MaxRequestRate, n.cfg.MaxFailureRate
	return l
}

func (n *Node) closeSockets() {
	for _, s := range n.deps.UDP {
		_ = s.Close()
	}
	if n.deps.TCP != nil {
		_ = n.deps.TCP.Close()
	}
}

// routes is what the public port serves.
func (n *Node) routes() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = n.sessions.HandleError
	e.Use(n.sessions.CORS, n.sessions.Recover)
	whip.New(whip.Config{
		Service: n.sessions, Transport: n.media, Streams: n.streams,
		MaxBitrate: n.cfg.MaxPublishBitrate,
	}).Register(e)
	n.play.Register(e)
	n.links.register(e)
	if n.cfg.PublicAPI {
		e.Any(api.Prefix+"*", echo.WrapHandler(n.api))
	}
	e.Any(streamsPath, n.listStreams)
	if n.cluster != nil {
		e.GET(relay.HolderPath, echo.WrapHandler(n.cluster.holderHandler(n.streams.Holder)))
	}
	pages := echo.WrapHandler(web.New(web.Config{ConnectOrigins: n.connectOrigins}))
	e.Any("/*", pages)
	e.Any("/", pages)
	return e
}

// connectOrigins is where a page must be able to go besides its own origin: Location
// headers are built from the public URL, and a node of a cluster that ends sends pages to
// another one. That may be a node that has joined since the page was loaded: hence all of
// the schemes that the nodes have.
func (n *Node) connectOrigins() []string {
	if n.cluster != nil {
		origins := []string{"https:"}
		plain := func(url string) bool { return strings.HasPrefix(url, "http:") }
		if plain(n.cfg.PublicURL) || slices.ContainsFunc(n.others(), func(o relay.NodeInfo) bool { return plain(o.PublicURL) }) {
			origins = append(origins, "http:")
		}
		return origins
	}
	if u, err := url.Parse(n.cfg.PublicURL); err == nil && u.Host != "" {
		return []string{u.Scheme + "://" + u.Host}
	}
	return nil
}

// Handler serves the public port: WHIP, WHEP, pages, the list of streams, and the API
// unless the settings keep it off.
func (n *Node) Handler() http.Handler { return n.public }

// AdminHandler serves the admin port: metrics, health, profiles, the API.
func (n *Node) AdminHandler() http.Handler { return n.admin }

// Candidates returns the candidate lines of every answer.
func (n *Node) Candidates() []string { return n.media.Candidates() }

// Streams returns the node's streams, for tests.
func (n *Node) Streams() *stream.Registry { return n.streams }

// Media returns the node's end of all ICE, for tests.
func (n *Node) Media() *rtc.Transport { return n.media }

// Sessions returns how many sessions there are, and how many never connected.
func (n *Node) Sessions() (all, halfOpen int) { return n.sessions.Sessions() }

// Signaling returns the node's sessions, to look at, end and revoke them.
func (n *Node) Signaling() *signaling.Service { return n.sessions }

// EndEvents tells subscribers who listen to events to begin a new session elsewhere, and
// ends their event streams: those are responses that would never end by themselves.
// Sessions go on until Close.
func (n *Node) EndEvents() {
	n.play.Reconnect(nil)
	n.play.CloseEvents()
}

// Drain lets /readyz say that the node is going, and nothing else.
func (n *Node) Drain() { n.draining.Store(true) }

// Close ends every session, closes the media sockets and waits for every goroutine
// of the node. Requests that come later are refused. It may be called again.
func (n *Node) Close() {
	n.Drain()
	n.close.Do(func() {
		if n.sessions != nil {
			n.sessions.Close()
		}
		n.spread.Close()
		n.closeOutbound()
		n.links.close()
		if n.authz != nil {
			n.authz.Close()
		}
		if n.streams != nil {
			n.streams.Close()
		}
		if n.cluster != nil {
			n.cluster.keeper.Close()
		}
		if n.media != nil {
			_ = n.media.Close()
		}
		n.closeHooks() // last: they tell of the ends
		n.tracer.Close()
	})
}
