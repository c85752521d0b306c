package signalingtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v4/vnet"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A Network is a virtual IPv4 network, 10.0.0.0/8, with a few milliseconds of delay.
type Network struct {
	router *vnet.Router
	next   byte
}

// NewNetwork starts a network that stops with the test.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/8", MinDelay: 2 * time.Millisecond, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := router.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &Network{router: router}
}

// Host adds a host, with its address.
func (n *Network) Host(t testing.TB) (*vnet.Net, string) {
	t.Helper()
	n.next++
	ip := fmt.Sprintf("10.0.0.%d", n.next)
	host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.router.AddNet(host); err != nil {
		t.Fatal(err)
	}
	return host, ip
}

// A Node is a whole node on a virtual network.
type Node struct {
	Network   *Network
	Service   *signaling.Service
	Transport *rtc.Transport
	Streams   *stream.Registry
	Handler   http.Handler
}

// A NodeConfig says how a node is made. Mount adds the endpoints under test.
type NodeConfig struct {
	Signaling signaling.Config
	Streams   stream.Config
	Mount     func(n *Node, e *echo.Echo)
}

// NewNode starts a node that closes with the test, before the network does.
func NewNode(t testing.TB, cfg NodeConfig) *Node {
	t.Helper()
	n := &Node{Network: NewNetwork(t)}
	host, ip := n.Network.Host(t)
	socket, err := host.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip), Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Streams.NewBatch = func() stream.Batch { return n.Transport.NewBatch() }
	n.Streams = stream.NewRegistry(cfg.Streams)
	n.Transport, err = rtc.New(rtc.Config{UDP: []net.PacketConn{socket}, Net: host, AfterRead: n.Streams.Serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Transport.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.Streams.Close)
	n.Service, err = signaling.New(cfg.Signaling)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Service.Close)
	e := echo.New()
	e.HTTPErrorHandler = n.Service.HandleError
	e.Use(n.Service.CORS)
	cfg.Mount(n, e)
	n.Handler = e
	return n
}

// Target looks at the node as one of its endpoints.
func (n *Node) Target(k signaling.Kind) *Target {
	return &Target{Kind: k, Service: n.Service, Handler: n.Handler}
}

// Client returns an HTTP client whose requests go straight to the node's handler,
// whatever host they name.
func (n *Node) Client() *http.Client {
	return n.ClientWith(context.Background())
}

// ClientWith is Client with a context that all requests have at the node, as if their
// connections ended with it.
func (n *Node) ClientWith(ctx context.Context) *http.Client {
	return &http.Client{Transport: direct{n.Handler, ctx}}
}

type direct struct {
	h   http.Handler
	ctx context.Context
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(d.ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RemoteAddr, in.Host = "192.0.2.1:1234", r.URL.Host
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, in)
	response := w.Result()
	response.Request = r
	return response, nil
}
