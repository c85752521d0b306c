package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// A server is a small WHIP and WHEP server of bare pion: what it gets on
// /whip/NAME it sends to everybody on /whep/NAME, packet by packet.
type server struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	sessions map[string]*session
	streams  map[string]*stream
	requests []*http.Request // without bodies
	bodies   []string
	next     int

	// Faults, set before the first request.
	respond func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	header  http.Header                                       // added to every 201
	hidden  bool                                              // the answer has no candidates
	lose    func(seq uint16) bool                             // packets not to send to subscribers
}

type session struct {
	pc    *webrtc.PeerConnection
	offer string
	etag  int
}

type stream struct {
	publisher *webrtc.PeerConnection
	packets   map[string]int // by SSRC/RID
	outs      map[webrtc.RTPCodecType][]*webrtc.TrackLocalStaticRTP
}

func newServer(t *testing.T) *server {
	s := &server{t: t, sessions: map[string]*session{}, streams: map[string]*stream{}, header: http.Header{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Server.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, x := range s.sessions {
			x.pc.Close()
		}
	})
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	if s.respond != nil && s.respond(w, r) {
		return
	}
	x := s.sessions[r.URL.Path]
	switch {
	case r.Method == http.MethodPost:
		s.post(w, r, string(body))
	case x == nil:
		http.Error(w, "no such session", http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(s.sessions, r.URL.Path)
		go x.pc.Close()
	case r.Method == http.MethodPatch:
		s.patch(w, r, x, string(body))
	}
}

func (s *server) post(w http.ResponseWriter, r *http.Request, offer string) {
	parts := strings.Split(r.URL.Path, "/")
	name := parts[2]
	engine := &webrtc.MediaEngine{}
	engine.RegisterDefaultCodecs()
	if err := webrtc.ConfigureSimulcastExtensionHeaders(engine); err != nil {
		s.t.Error(err)
	}
	setting := webrtc.SettingEngine{}
	setting.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		s.t.Error(err)
		return
	}
	if parts[1] == "whip" {
		s.publish(name, pc)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		pc.Close()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if parts[1] == "whep" {
		s.subscribe(name, pc)
	}
	s.next++
	path := fmt.Sprintf("%s/%d", r.URL.Path, s.next)
	s.sessions[path] = &session{pc: pc, offer: offer}
	for k, v := range s.header {
		w.Header()[k] = v
	}
	w.Header().Set("Location", path)
	w.Header().Set("ETag", `"0"`)
	w.Header().Set("Content-Type", "application/sdp")
	answer := s.answer(pc)
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, answer)
}

func (s *server) answer(pc *webrtc.PeerConnection) string {
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		s.t.Error(err)
		return ""
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		s.t.Error(err)
		return ""
	}
	<-gathered
	if s.hidden {
		return regexp.MustCompile(`a=(candidate:|end-of-candidates).*\r\n`).ReplaceAllString(pc.LocalDescription().SDP, "")
	}
	return pc.LocalDescription().SDP
}

func (s *server) publish(name string, pc *webrtc.PeerConnection) {
	st := &stream{publisher: pc, packets: map[string]int{}, outs: map[webrtc.RTPCodecType][]*webrtc.TrackLocalStaticRTP{}}
	s.streams[name] = st
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			s.mu.Lock()
			st.packets[track.Kind().String()+track.RID()]++
			outs, lose := st.outs[track.Kind()], s.lose
			s.mu.Unlock()
			if lose != nil && track.Kind() == webrtc.RTPCodecTypeVideo && lose(p.SequenceNumber) {
				continue
			}
			p.Extensions, p.Extension = nil, false
			for _, out := range outs {
				out.WriteRTP(p)
			}
		}
	})
}

func (s *server) subscribe(name string, pc *webrtc.PeerConnection) {
	st := s.streams[name]
	for _, receiver := range st.publisher.GetReceivers() {
		codecs := receiver.GetParameters().Codecs
		if len(codecs) == 0 {
			continue
		}
		kind := receiver.Track().Kind()
		out, err := webrtc.NewTrackLocalStaticRTP(codecs[0].RTPCodecCapability, kind.String(), "s")
		if err != nil {
			s.t.Error(err)
			return
		}
		sender, err := pc.AddTrack(out)
		if err != nil {
			s.t.Error(err)
			return
		}
		st.outs[kind] = append(st.outs[kind], out)
		go func() {
			for {
				if _, _, err := sender.ReadRTCP(); err != nil {
					return
				}
			}
		}()
	}
}

// patch restarts ICE if the credentials are new.
func (s *server) patch(w http.ResponseWriter, r *http.Request, x *session, fragment string) {
	field := func(text, name string) string {
		_, rest, _ := strings.Cut(text, "a="+name+":")
		value, _, _ := strings.Cut(rest, "\r\n")
		return value
	}
	ufrag, pwd := field(fragment, "ice-ufrag"), field(fragment, "ice-pwd")
	old, oldPwd := field(x.offer, "ice-ufrag"), field(x.offer, "ice-pwd")
	if ufrag == old {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Header.Get("If-Match") != "*" {
		http.Error(w, "stale", http.StatusPreconditionFailed)
		return
	}
	x.offer = strings.ReplaceAll(strings.ReplaceAll(x.offer, old, ufrag), oldPwd, pwd)
	if err := x.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: x.offer}); err != nil {
		s.t.Error(err)
	}
	answer := s.answer(x.pc)
	x.etag++
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, x.etag))
	w.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
	fmt.Fprintf(w, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n", field(answer, "ice-ufrag"), field(answer, "ice-pwd"))
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "a=candidate:") {
			io.WriteString(w, line)
		}
	}
}

// waitConnected waits until the server's side of every session is up: before, it
// can neither send nor say good-bye.
func (s *server) waitConnected() {
	s.t.Helper()
	eventually(s.t, "all sessions connected", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, x := range s.sessions {
			if x.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
				return false
			}
		}
		return true
	})
}

// packets returns how many came on a publisher's tracks, by kind and rid.
func (s *server) packets(name string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for k, v := range s.streams[name].packets {
		counts[k] = v
	}
	return counts
}

// pli asks a publisher for a keyframe.
func (s *server) pli(name string) {
	s.mu.Lock()
	pc := s.streams[name].publisher
	s.mu.Unlock()
	for _, r := range pc.GetReceivers() {
		for _, track := range r.Tracks() {
			if track.Kind() == webrtc.RTPCodecTypeVideo {
				pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
			}
		}
	}
}

// live returns the sessions that have not been deleted.
func (s *server) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}
