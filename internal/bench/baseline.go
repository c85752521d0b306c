package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/internal/quiet"
)

// A baseline is an SFU as one writes it with pion in an afternoon: default engine and
// interceptors, a socket for each session, TrackLocalStaticRTP for each stream. It is
// what a server's cost is compared with, and does nothing else.
type baseline struct {
	api   *webrtc.API
	codec Codec

	// mu guards the fields below.
	mu       sync.Mutex
	streams  map[string]*baselineStream
	sessions map[string]*webrtc.PeerConnection
}

// A baselineStream is made by whoever comes first, publisher or subscriber.
type baselineStream struct {
	audio, video *webrtc.TrackLocalStaticRTP

	mu  sync.Mutex
	ask func() // wishes the publisher a keyframe; nil without a publisher
}

// Baseline serves the plain pion SFU on loopback until ctx is done. It writes one line
// to out first: the address, http://127.0.0.1:port. Besides WHIP and WHEP it serves
// /metrics with the number of goroutines, and heap profiles below /debug/pprof/.
func Baseline(ctx context.Context, out io.Writer, codec Codec) error {
	b, err := newBaseline(codec)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b.handler(), ReadHeaderTimeout: requestTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		_ = listener.Close()
		return err
	}
	err = server.Serve(listener)
	b.close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newBaseline(codec Codec) (*baseline, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, err
	}
	setting := webrtc.SettingEngine{LoggerFactory: quiet.Logger{}} // its log would be a cost of the terminal
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetIPFilter(net.IP.IsLoopback)
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	setting.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(setting))
	return &baseline{
		api: api, codec: codec,
		streams: map[string]*baselineStream{}, sessions: map[string]*webrtc.PeerConnection{},
	}, nil
}

func (b *baseline) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whip/{stream}", func(w http.ResponseWriter, r *http.Request) { b.post(w, r, b.takePublisher) })
	mux.HandleFunc("POST /whep/{stream}", func(w http.ResponseWriter, r *http.Request) { b.post(w, r, b.takeSubscriber) })
	mux.HandleFunc("DELETE /session/{id}", b.remove)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "go_goroutines %d\n", runtime.NumGoroutine())
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	return mux
}

// post answers an offer.
func (b *baseline) post(w http.ResponseWriter, r *http.Request, prepare func(*webrtc.PeerConnection, *baselineStream) error) {
	offer, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pc, err := b.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	id := rand.Text()
	answer, err := b.negotiate(pc, id, r.PathValue("stream"), string(offer), prepare)
	if err != nil {
		_ = pc.Close()
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/session/"+id)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a client that left is noticed by ICE
}

func (b *baseline) negotiate(pc *webrtc.PeerConnection, id, name, offer string,
	prepare func(*webrtc.PeerConnection, *baselineStream) error,
) (string, error) {
	stream, err := b.stream(name)
	if err != nil {
		return "", err
	}
	if err := prepare(pc, stream); err != nil {
		return "", err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	b.mu.Lock()
	b.sessions[id] = pc
	b.mu.Unlock()
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			b.forget(id)
		case webrtc.PeerConnectionStateConnected:
			stream.wish()
		}
	})
	return pc.LocalDescription().SDP, nil
}

func (b *baseline) stream(name string) (*baselineStream, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.streams[name]; s != nil {
		return s, nil
	}
	video := webrtc.RTPCodecCapability{MimeType: "video/" + b.codec.encodingName(), ClockRate: 90_000}
	if b.codec == H264 {
		video.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	}
	s := &baselineStream{}
	var err error
	if s.video, err = webrtc.NewTrackLocalStaticRTP(video, "video", name); err != nil {
		return nil, err
	}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}
	if s.audio, err = webrtc.NewTrackLocalStaticRTP(opus, "audio", name); err != nil {
		return nil, err
	}
	b.streams[name] = s
	return s, nil
}

func (s *baselineStream) wish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ask != nil {
		s.ask()
	}
}

// takePublisher forwards what comes.
func (b *baseline) takePublisher(pc *webrtc.PeerConnection, s *baselineStream) error {
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		local := s.audio
		if remote.Kind() == webrtc.RTPCodecTypeVideo {
			local = s.video
			s.mu.Lock()
			s.ask = func() {
				pli := &rtcp.PictureLossIndication{MediaSSRC: uint32(remote.SSRC())}
				_ = pc.WriteRTCP([]rtcp.Packet{pli}) // a wish
			}
			s.mu.Unlock()
		}
		buf := make([]byte, 1500)
		for {
			n, _, err := remote.Read(buf)
			if err != nil {
				return
			}
			if _, err := local.Write(buf[:n]); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				return
			}
		}
	})
	return nil
}

// takeSubscriber adds the tracks, and reads feedback so that interceptors see it.
func (b *baseline) takeSubscriber(pc *webrtc.PeerConnection, s *baselineStream) error {
	for _, t := range []webrtc.TrackLocal{s.video, s.audio} {
		sender, err := pc.AddTrack(t)
		if err != nil {
			return err
		}
		go func() {
			for {
				packets, _, err := sender.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					if _, ok := p.(*rtcp.PictureLossIndication); ok {
						s.wish()
					}
				}
			}
		}()
	}
	return nil
}

func (b *baseline) forget(id string) *webrtc.PeerConnection {
	b.mu.Lock()
	defer b.mu.Unlock()
	pc := b.sessions[id]
	delete(b.sessions, id)
	return pc
}

func (b *baseline) remove(w http.ResponseWriter, r *http.Request) {
	pc := b.forget(r.PathValue("id"))
	if pc == nil {
		http.NotFound(w, r)
		return
	}
	_ = pc.Close() // the session ends in any case
}

func (b *baseline) close() {
	b.mu.Lock()
	sessions := b.sessions
	b.sessions = map[string]*webrtc.PeerConnection{}
	b.mu.Unlock()
	for _, pc := range sessions {
		_ = pc.Close()
	}
}
