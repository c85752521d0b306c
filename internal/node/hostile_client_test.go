package node_test

import (
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// A traitor is a publisher that did everything right until it was connected, and then
// writes what it likes.
type traitor struct {
	v       *victim
	pc      *webrtc.PeerConnection
	stream  string
	session string // path
	out     *rawTrack
	socket  *net.UDPConn // that its ICE uses
	mux     *ice.UDPMuxDefault
}

// A rawTrack lets a test write packets of any SSRC and payload type.
type rawTrack struct{ ctx webrtc.TrackLocalContext }

func (r *rawTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	r.ctx = c
	return c.CodecParameters()[0], nil
}
func (r *rawTrack) Unbind(webrtc.TrackLocalContext) error { return nil }
func (r *rawTrack) ID() string                            { return "v" }
func (r *rawTrack) RID() string                           { return "" }
func (r *rawTrack) StreamID() string                      { return "s" }
func (r *rawTrack) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeVideo }

// The payload types and header extensions a traitor negotiates.
const (
	traitorVP8   = 96
	traitorH264  = 97
	orientation  = "urn:3gpp:video-orientation"
	transportCC  = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	traitorDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// traitor publishes a stream.
func (v *victim) traitor(stream string) *traitor {
	v.t.Helper()
	x := &traitor{v: v, stream: stream, out: &rawTrack{}}
	x.openSocket()
	se := webrtc.SettingEngine{}
	se.SetICEUDPMux(x.mux)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetIncludeLoopbackCandidate(true)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	var err error
	x.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(traitorMedia(v.t)),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{})).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(x.leave)
	x.connect()
	return x
}

func (x *traitor) openSocket() {
	var err error
	if x.socket, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		x.v.t.Fatal(err)
	}
	x.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: x.socket})
}

func traitorMedia(t *testing.T) *webrtc.MediaEngine {
	t.Helper()
	me := &webrtc.MediaEngine{}
	for pt, mime := range map[webrtc.PayloadType]string{traitorVP8: webrtc.MimeTypeVP8, traitorH264: webrtc.MimeTypeH264} {
		c := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000, RTCPFeedback: []webrtc.RTCPFeedback{
			{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "transport-cc"},
		}}
		if err := me.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: pt}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	for _, uri := range []string{orientation, transportCC, traitorDelay} {
		if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	return me
}

func (x *traitor) connect() {
	t := x.v.t
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := x.pc.AddTransceiverFromTrack(x.out, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(err)
	connected := make(chan struct{})
	x.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	offer, err := x.pc.CreateOffer(nil)
	must(err)
	gathered := webrtc.GatheringCompletePromise(x.pc)
	must(x.pc.SetLocalDescription(offer))
	<-gathered
	r := x.v.post("/whip/"+x.stream, x.pc.LocalDescription().SDP)
	if r.status != 201 {
		t.Fatal(r)
	}
	x.session = pathOf(r)
	must(x.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: r.body}))
	select {
	case <-connected:
	case <-time.After(settleTime):
		t.Fatal("not connected")
	}
}

// write sends an RTP packet as it is.
func (x *traitor) write(h *rtp.Header, payload []byte) {
	_, _ = x.out.ctx.WriteStream().WriteRTP(h, payload) // fails once the node closed the session
}

// wantLive writes packets until the node has taken one: both ends are connected then.
func (x *traitor) wantLive() {
	x.v.t.Helper()
	seq := uint16(0)
	if !x.v.settle(func() bool {
		seq++
		x.write(&rtp.Header{Version: 2, SSRC: 7, PayloadType: traitorVP8, SequenceNumber: seq}, []byte{0x10, 0})
		info, _ := x.v.node.Streams().Lookup(x.stream)
		return info.Live()
	}) {
		x.v.t.Error("the node takes no media")
	}
}

// direct sends a datagram from the socket that ICE uses.
func (x *traitor) direct(b []byte) {
	to, err := net.ResolveUDPAddr("udp4", x.v.addr)
	if err == nil {
		_, _ = x.socket.WriteTo(b, to)
	}
}

// alive tells whether the node still has the session.
func (x *traitor) alive() bool { return x.v.do("GET", x.session, nil).status == 204 }

// leave ends the session without a word; the DELETE is for the test to go on sooner.
func (x *traitor) leave() {
	if x.session != "" {
		x.v.do("DELETE", x.session, nil)
		x.session = ""
	}
	_ = x.pc.GracefulClose()
	_ = x.mux.Close()
	_ = x.socket.Close()
}
