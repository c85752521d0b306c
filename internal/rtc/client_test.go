package rtc

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/quiet"
)

const (
	serverIP = "198.51.100.1"
	clientIP = "198.51.100.2"
)

// A recorder is a Handler that keeps what it hears.
type recorder struct {
	mu     sync.Mutex
	states []State
	rtp    [][]byte
	at     []time.Time // of rtp
	rtcp   [][]byte
	signal chan struct{} // cap 1: something was heard
}

func newRecorder() *recorder { return &recorder{signal: make(chan struct{}, 1)} }

func (r *recorder) heard(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

func (r *recorder) OnRTP(b []byte, at time.Time) {
	r.heard(func() { r.rtp, r.at = append(r.rtp, slices.Clone(b)), append(r.at, at) })
}

func (r *recorder) OnRTCP(b []byte) { r.heard(func() { r.rtcp = append(r.rtcp, slices.Clone(b)) }) }
func (r *recorder) OnState(s State) { r.heard(func() { r.states = append(r.states, s) }) }

// statesHeard, rtpHeard and rtcpHeard return copies; not for use in wait.
func (r *recorder) statesHeard() []State { return heardSoFar(r, &r.states) }
func (r *recorder) rtpHeard() [][]byte   { return heardSoFar(r, &r.rtp) }
func (r *recorder) rtcpHeard() [][]byte  { return heardSoFar(r, &r.rtcp) }

func heardSoFar[T any](r *recorder, of *[]T) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(*of)
}

// wait returns once cond holds of what was heard.
func (r *recorder) wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		ok := cond()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.signal:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("no %s: states %v, %d RTP, %d RTCP", what, r.states, len(r.rtp), len(r.rtcp))
		}
	}
}

func (r *recorder) waitState(t testing.TB, s State) {
	t.Helper()
	r.wait(t, s.String(), func() bool { return slices.Contains(r.states, s) })
}

// A client is a pion PeerConnection, which shares nothing with a Peer above ICE.
type client struct {
	pc      *webrtc.PeerConnection
	offer   string
	state   chan webrtc.PeerConnectionState
	out     *rawTrack
	packets chan *rtp.Packet // received
}

// A rawTrack lets a test write packets of any SSRC and payload type.
type rawTrack struct {
	id   string
	kind webrtc.RTPCodecType
	ctx  webrtc.TrackLocalContext
}

func (r *rawTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	r.ctx = c
	return c.CodecParameters()[0], nil
}
func (r *rawTrack) Unbind(webrtc.TrackLocalContext) error { return nil }
func (r *rawTrack) ID() string                            { return r.id }
func (r *rawTrack) RID() string                           { return "" }
func (r *rawTrack) StreamID() string                      { return "s" }
func (r *rawTrack) Kind() webrtc.RTPCodecType             { return r.kind }

func (r *rawTrack) write(t testing.TB, ssrc uint32, pt uint8, seq uint16) {
	t.Helper()
	h := &rtp.Header{Version: 2, SSRC: ssrc, PayloadType: pt, SequenceNumber: seq}
	if _, err := r.ctx.WriteStream().WriteRTP(h, []byte{1, 2, 3, 4}); err != nil {
		t.Errorf("client write: %v", err)
	}
}

type clientOptions struct {
	net       transport.Net
	mux       ice.UDPMux
	networks  []webrtc.NetworkType
	publishes bool
	lite      bool
	settings  func(*webrtc.SettingEngine) // nil: none beside these
}

func newClient(t testing.TB, o clientOptions) *client {
	t.Helper()
	se := webrtc.SettingEngine{LoggerFactory: quiet.Logger{}}
	if o.net != nil {
		se.SetNet(o.net)
	}
	if o.mux != nil {
		se.SetICEUDPMux(o.mux)
	}
	if o.networks == nil {
		o.networks = []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	}
	se.SetNetworkTypes(o.networks)
	se.SetIncludeLoopbackCandidate(true)
	se.SetLite(o.lite)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetICETimeouts(5*time.Second, 20*time.Second, time.Second)
	if o.settings != nil {
		o.settings(&se)
	}
	me := &webrtc.MediaEngine{}
	must(t, me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96,
	}, webrtc.RTPCodecTypeVideo))
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(me),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	c := &client{
		pc: pc, state: make(chan webrtc.PeerConnectionState, 100),
		packets: make(chan *rtp.Packet, 10_000),
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { c.state <- s })
	if o.publishes {
		c.out = &rawTrack{id: "v", kind: webrtc.RTPCodecTypeVideo}
		_, err = pc.AddTrack(c.out)
	} else {
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo,
			webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		pc.OnTrack(c.read)
	}
	must(t, err)
	c.makeOffer(t, nil)
	return c
}

func (c *client) read(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		c.packets <- p
	}
}

func (c *client) makeOffer(t testing.TB, o *webrtc.OfferOptions) {
	t.Helper()
	offer, err := c.pc.CreateOffer(o)
	must(t, err)
	gathered := webrtc.GatheringCompletePromise(c.pc)
	must(t, c.pc.SetLocalDescription(offer))
	<-gathered
	c.offer = c.pc.LocalDescription().SDP
}

// values returns what follows the prefix in the offer's lines.
func (c *client) values(prefix string) []string {
	var all []string
	for _, l := range strings.Split(c.offer, "\r\n") {
		if v, ok := strings.CutPrefix(l, prefix); ok {
			all = append(all, v)
		}
	}
	return all
}

// config is what a server reads out of the client's offer.
func (c *client) config(h Handler) PeerConfig {
	algorithm, value, _ := strings.Cut(c.values("a=fingerprint:")[0], " ")
	return PeerConfig{
		Ufrag: c.values("a=ice-ufrag:")[0], Pwd: c.values("a=ice-pwd:")[0],
		Fingerprints: []Fingerprint{{algorithm, value}},
		Candidates:   c.values("a=candidate:"),
		Sections:     []Section{{MID: "0", Kind: codec.Video}},
		Send:         c.out == nil,
		Handler:      h,
	}
}

// accept gives the client our answer.
func (c *client) accept(t testing.TB, l Local, ssrcs []TrackSSRC) {
	t.Helper()
	must(t, c.pc.SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeAnswer, SDP: answer(l, ssrcs),
	}))
}

func answer(l Local, ssrcs []TrackSSRC) string {
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0",
		"m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux",
		"a=rtpmap:96 VP8/90000", "a=ice-ufrag:" + l.Ufrag, "a=ice-pwd:" + l.Pwd,
		"a=fingerprint:" + l.Fingerprint, "a=setup:" + l.Setup.String(),
	}
	if len(ssrcs) == 0 {
		lines = append(lines, "a=recvonly")
	}
	for _, s := range ssrcs {
		lines = append(lines, "a=sendonly", fmt.Sprintf("a=ssrc:%d msid:s v", s.SSRC), "a=msid:s v")
	}
	for _, c := range l.Candidates {
		lines = append(lines, "a="+c)
	}
	return strings.Join(lines, "\r\n") + "\r\na=end-of-candidates\r\n"
}

// connect makes a peer for the client and waits until both are connected.
func (c *client) connect(t testing.TB, tr *Transport, r *recorder, change func(*PeerConfig)) *Peer {
	t.Helper()
	cfg := c.config(r)
	if change != nil {
		change(&cfg)
	}
	p, err := tr.NewPeer(cfg)
	must(t, err)
	c.accept(t, p.Local(), p.SSRCs())
	r.waitState(t, Connected)
	c.waitState(t, webrtc.PeerConnectionStateConnected)
	return p
}

func (c *client) waitState(t testing.TB, want webrtc.PeerConnectionState) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case s := <-c.state:
			if s == want {
				return
			}
		case <-deadline:
			t.Fatalf("client not %s but %s", want, c.pc.ConnectionState())
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A world is a virtual network with one Transport and room for clients.
type world struct {
	t         *testing.T
	router    *vnet.Router
	transport *Transport
	clientNet *vnet.Net
}

// newWorld must run in a synctest bubble; end it with close.
func newWorld(t *testing.T) *world { return newSlowWorld(t, 0) }

// newSlowWorld delays every packet.
func newSlowWorld(t *testing.T, delay time.Duration) *world {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "198.51.100.0/24", MinDelay: delay, LoggerFactory: quiet.Logger{}})
	must(t, err)
	w := &world{t: t, router: router}
	server, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{serverIP}})
	must(t, err)
	w.clientNet, err = vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{clientIP}})
	must(t, err)
	must(t, router.AddNet(server))
	must(t, router.AddNet(w.clientNet))
	must(t, router.Start())
	sock, err := server.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(serverIP), Port: 8080})
	must(t, err)
	w.transport, err = New(Config{UDP: []net.PacketConn{sock}, Net: server})
	must(t, err)
	return w
}

func (w *world) client(publishes bool) *client {
	return newClient(w.t, clientOptions{net: w.clientNet, publishes: publishes})
}

func (w *world) close(clients ...*client) {
	for _, c := range clients {
		if err := c.pc.Close(); err != nil {
			w.t.Errorf("close client: %v", err)
		}
	}
	must(w.t, w.transport.Close())
	must(w.t, w.router.Stop())
	if g, b := w.transport.mux.sizes(); g != 0 || b != 0 || w.transport.Peers() != 0 {
		w.t.Errorf("left behind: %d generations, %d addresses, %d peers", g, b, w.transport.Peers())
	}
}
