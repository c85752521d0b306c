package outbound_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/outbound"
	"github.com/whippet-media/whippet/internal/stream"
)

// A script is another server: what it answers to one request after the other, the last answer
// for good.
type script struct {
	mu      sync.Mutex
	replies []reply
	asked   []request

	answering func()                // before each answer to a POST
	deleting  func(r *http.Request) // before each answer to a DELETE
}

type reply struct {
	status int
	header map[string]string
	body   string
	cut    bool // the body does not come to its end
	err    error
}

type request struct {
	at                       time.Duration // since the script began
	method, url, token, body string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	if s.answering != nil && r.Method == http.MethodPost {
		s.answering()
	}
	if s.deleting != nil && r.Method == http.MethodDelete {
		s.deleting(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, request{
		time.Since(epoch()), r.Method, r.URL.String(), r.Header.Get("Authorization"), string(body),
	})
	if r.Method == http.MethodDelete {
		return response(r, reply{status: http.StatusOK}), nil
	}
	next := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	if next.err != nil {
		return nil, next.err
	}
	return response(r, next), nil
}

func response(r *http.Request, answer reply) *http.Response {
	h := http.Header{}
	for name, value := range answer.header {
		h.Set(name, value)
	}
	var body io.Reader = strings.NewReader(answer.body)
	if answer.cut {
		body = io.MultiReader(body, iotest.ErrReader(errNetwork))
	}
	return &http.Response{StatusCode: answer.status, Header: h, Body: io.NopCloser(body), Request: r}
}

// requests returns what was asked so far, of one method or all.
func (s *script) requests(method string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []request
	for _, r := range s.asked {
		if method == "" || r.method == method {
			all = append(all, r)
		}
	}
	return all
}

// epoch is when each bubble begins.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// A deaf is a socket that nothing comes to.
type deaf struct {
	closed chan struct{}
	once   sync.Once
}

func (d *deaf) ReadFrom([]byte) (int, net.Addr, error) {
	<-d.closed
	return 0, nil, net.ErrClosed
}
func (d *deaf) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (d *deaf) Close() error                              { d.once.Do(func() { close(d.closed) }); return nil }

func (d *deaf) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000} }
func (d *deaf) SetDeadline(time.Time) error      { return nil }
func (d *deaf) SetReadDeadline(time.Time) error  { return nil }
func (d *deaf) SetWriteDeadline(time.Time) error { return nil }

// A stage is a registry with a publisher that can come and go, and a scripted server.
type stage struct {
	*script
	t       *testing.T
	streams *stream.Registry
	log     syncBuffer
	cfg     outbound.Config
	claim   *stream.Claim
	stop    context.CancelFunc
	wg      sync.WaitGroup
	pushes  *outbound.Pushes
	pulls   *outbound.Pulls
}

type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// play runs f in virtual time against a server that answers so.
func play(t *testing.T, f func(*stage), replies ...reply) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, script: &script{replies: replies}, streams: stream.NewRegistry(stream.Config{Shards: 1})}
		s.cfg = outbound.Config{
			Streams: s.streams, HTTP: s.script, Agent: "whippet/test",
			Listen: func() (net.PacketConn, error) { return &deaf{closed: make(chan struct{})}, nil },
			Log:    slog.New(slog.NewJSONHandler(&s.log, nil)),
		}
		defer func() { // also after a Fatal
			if s.pushes != nil {
				s.pushes.Close()
			}
			if s.pulls != nil {
				s.pulls.Close()
			}
			s.unpublish()
			s.streams.Close()
		}()
		f(s)
	})
}

func (s *stage) run(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// quiet is a source that hears nothing.
type quiet struct{}

func (quiet) WriteRTCP([]byte) error { return nil }
func (quiet) RTT() time.Duration     { return 0 }
func (quiet) Began(stream.Beginning) {}
func (quiet) Close(error)            {}

// publish sends sound and keyframes of VP8 until unpublish.
func (s *stage) publish(name string) {
	s.t.Helper()
	claim, err := s.streams.Claim(s.t.Context(), name, "me")
	if err != nil {
		s.t.Fatal(err)
	}
	s.claim = claim
	pub := claim.Start(quiet{}, forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Audio, Formats: map[uint8]codec.Format{111: {Name: codec.Opus}}, SSRCs: []uint32{1}},
		{Kind: codec.Video, Formats: map[uint8]codec.Format{96: {Name: codec.VP8}}, SSRCs: []uint32{2}},
	}})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.wg.Go(func() {
		for n := uint16(0); ctx.Err() == nil; n++ {
			pub.PushRTP(packet(s.t, 111, 1, n, 9600*uint32(n), []byte{0xfc, 1, 2, 3}), time.Now())
			pub.PushRTP(packet(s.t, 96, 2, n, 18000*uint32(n), []byte{0x10, 0, 0, 0, 0x9d, 1, 0x2a, 64, 1, 180, 0}), time.Now())
			s.streams.Serve()
			time.Sleep(200 * time.Millisecond)
		}
	})
}

func packet(t *testing.T, pt uint8, ssrc uint32, seq uint16, ts uint32, payload []byte) []byte {
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: pt, SSRC: ssrc, SequenceNumber: seq, Timestamp: ts, Marker: true},
		Payload: payload,
	}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *stage) unpublish() {
	if s.claim == nil {
		return
	}
	s.stop()
	s.wg.Wait()
	s.claim.Release()
	s.claim = nil
}

// push begins to push everything to far.example.
func (s *stage) push(targets ...outbound.Target) *outbound.Pushes {
	if len(targets) == 0 {
		targets = []outbound.Target{{Streams: "*", URL: "https://far.example/live/{stream}?key=secret-query", Token: "secret-token"}}
	}
	s.pushes = outbound.NewPushes(s.cfg, targets)
	return s.pushes
}

// lines returns the log.
func (s *stage) lines() (all []map[string]any) {
	s.t.Helper()
	for text := range strings.Lines(s.log.text()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

var errNetwork = errors.New("the network is cut: https://far.example/live/cam?key=secret-query")

// goodAnswer takes sound and VP8 as pushes offer them.
const goodAnswer = `v=0
o=- 1 2 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0 1
a=fingerprint:sha-256 DD:BF:5D:6F:0C:01:5F:93:A7:CA:86:1D:39:2C:8B:17:21:AB:40:5C:6B:9E:60:FE:26:1A:0D:5A:6C:24:49:D7
a=setup:passive
a=ice-ufrag:farufrag
a=ice-pwd:farpasswordfarpasswordfarpasswor
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=candidate:1 1 udp 2130706431 198.51.100.7 9000 typ host
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
`

func created(location string) reply {
	return reply{status: http.StatusCreated, header: map[string]string{"Content-Type": "application/sdp", "Location": location}, body: goodAnswer}
}

// offered is created of a far end that sends.
func offered(location string) reply {
	r := created(location)
	r.body = strings.ReplaceAll(r.body, "a=recvonly", "a=sendonly")
	return r
}

func status(code int, header ...string) reply {
	r := reply{status: code, header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		r.header[header[i]] = header[i+1]
	}
	return r
}

// noSocket opens no socket.
func noSocket() (net.PacketConn, error) { return nil, errNetwork }

// nobody is a subscriber who gets nothing.
type nobody struct{}

func (nobody) Bind(stream.Batch)                   {}
func (nobody) WriteRTP(*forwarder.OutPacket) error { return nil }
func (nobody) WriteRTCP([]byte) error              { return nil }
func (nobody) Began(stream.Beginning)              {}
func (nobody) Close(error)                         {}
