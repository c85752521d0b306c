package nodetest_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/outbound"
	"github.com/whippet-media/whippet/internal/quiet"
)

// A pionServer is a WHIP and WHEP server as many are made: pion's PeerConnection with its usual
// codecs and interceptors, nothing of ours. What is published at /in is played at /out.
type pionServer struct {
	t    *testing.T
	host *nodetest.Host

	mu       sync.Mutex
	tracks   map[string]*webrtc.TrackLocalStaticRTP // by kind
	sessions map[string]*webrtc.PeerConnection      // by path
	packets  map[string]*atomic.Int64               // that came, by kind
	ask      func()                                 // asks the publisher for a keyframe
	deleted  int
}

func newPionServer(t *testing.T, w *nodetest.World) *pionServer {
	s := &pionServer{
		t: t, host: w.Host(nodetest.Link{}), sessions: map[string]*webrtc.PeerConnection{}, ask: func() {},
		tracks:  map[string]*webrtc.TrackLocalStaticRTP{},
		packets: map[string]*atomic.Int64{"audio": {}, "video": {}},
	}
	for kind, mime := range map[string]string{"audio": webrtc.MimeTypeOpus, "video": webrtc.MimeTypeVP8} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, kind, "pion")
		if err != nil {
			t.Fatal(err)
		}
		s.tracks[kind] = track
	}
	t.Cleanup(func() {
		s.mu.Lock()
		all := s.sessions
		s.sessions = nil
		s.mu.Unlock()
		for _, pc := range all {
			_ = pc.GracefulClose()
		}
	})
	return s
}

func (s *pionServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/session")
	switch {
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		pc := s.sessions[path]
		delete(s.sessions, path)
		s.deleted++
		s.mu.Unlock()
		if pc != nil {
			_ = pc.GracefulClose()
		}
	case r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/sdp":
		offer, _ := io.ReadAll(r.Body)
		answer := s.open(path, string(offer))
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/session"+path)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *pionServer) open(path, offer string) string {
	setting := webrtc.SettingEngine{LoggerFactory: quiet.Logger{}}
	setting.SetNet(s.host)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		s.t.Error(err)
		return ""
	}
	s.mu.Lock()
	s.sessions[path] = pc
	s.mu.Unlock()
	if path == "/in" {
		pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { s.receive(pc, t) })
	} else {
		for _, kind := range []string{"audio", "video"} {
			sender, err := pc.AddTrack(s.tracks[kind])
			if err != nil {
				s.t.Error(err)
				return ""
			}
			go s.heed(sender)
		}
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		s.t.Errorf("pion does not take the offer: %v\n%s", err, offer)
		return ""
	}
	answer, err := pc.CreateAnswer(nil)
	if err == nil {
		err = pc.SetLocalDescription(answer)
	}
	if err != nil {
		s.t.Error(err)
		return ""
	}
	<-gathered
	return pc.LocalDescription().SDP
}

// receive passes on what is published.
func (s *pionServer) receive(pc *webrtc.PeerConnection, t *webrtc.TrackRemote) {
	kind := t.Kind().String()
	if kind == "video" {
		s.mu.Lock()
		s.ask = func() {
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
		}
		s.mu.Unlock()
	}
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		s.packets[kind].Add(1)
		p.Header.Extension, p.Header.Extensions = false, nil
		if err := s.tracks[kind].WriteRTP(&rtp.Packet{Header: p.Header, Payload: p.Payload}); err != nil {
			s.t.Error(err)
		}
	}
}

// heed passes keyframe requests on.
func (s *pionServer) heed(sender *webrtc.RTPSender) {
	for {
		all, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range all {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				s.mu.Lock()
				ask := s.ask
				s.mu.Unlock()
				ask()
			}
		}
	}
}

// TestThroughPion: a stream goes to a server made of pion by a push and comes back from it by a
// pull, whole and in sync.
func TestThroughPion(t *testing.T) {
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) {
		server := newPionServer(t, w)
		web.Serve("far.example", server)
		pub := w.Publish("studio", func(o *client.PublishOptions) { o.IgnoreKeyframeRequests = false })
		w.Run(2 * time.Second)
		sub := w.Subscribe("back")
		w.Run(3 * time.Second)
		sub.WantMedia(30 * time.Second)
		sub.WantSync(30 * time.Millisecond)
		sub.WantLive(300 * time.Millisecond)
		sub.Leave()
		pub.Leave()
		w.Run(outbound.PushLinger + 5*time.Second)
		if server.deleted != 2 {
			t.Errorf("%d sessions deleted", server.deleted)
		}
		w.WantEmpty()
	}, nodetest.On(&web), nodetest.Settings(
		[]config.Push{{Streams: "studio", URL: config.NewSecret("http://far.example/in"), Far: config.Far{Host: "far.example"}}},
		[]config.Pull{{Stream: "back", URL: config.NewSecret("http://far.example/out"), Far: config.Far{Host: "far.example"}}}))
}
