package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
)

// The files hostile_*_test.go attack one node on real sockets of the loopback
// interface. After each attack the node must be as it was before.

const (
	// settleTime is how long a node may take to let go of what an attack held.
	settleTime = 20 * time.Second

	// heapSlack is how much more memory may be in use after an attack: pools and
	// tables that grew.
	heapSlack = 24 << 20
)

// A victim is a running node that demands tokens.
type victim struct {
	t      *testing.T
	host   *node.Host
	node   *node.Node
	addr   string // of the public port, TCP and UDP alike
	token  string // for everything
	client *http.Client

	goroutines int
	heap       uint64
}

// newVictim starts a node, lets it work once, and remembers how it was.
func newVictim(t *testing.T) *victim {
	t.Helper()
	cfg := config.Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", MaxSessions: 200,
		Announce: []config.Announce{{Host: "127.0.0.1"}},
	}
	h, err := node.Open(t.Context(), cfg, verifier(t), nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{
		t: t, host: h, node: h.Node(), addr: h.HTTPAddr().String(),
		token:  token(t, "*", auth.Publish, auth.Subscribe),
		client: &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second},
	}
	v.serve()
	v.wantWorking()
	v.settle(func() bool { return v.left() == nothing })
	v.client.CloseIdleConnections()
	v.goroutines, v.heap = v.quietest(), heapInUse()
	return v
}

func (v *victim) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- v.host.Serve(ctx) }()
	v.t.Cleanup(func() {
		v.client.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			v.t.Errorf("Serve: %v", err)
		}
	})
}

// quietest is how few goroutines there are once those that end have ended.
func (v *victim) quietest() int {
	least := runtime.NumGoroutine()
	for deadline := time.Now().Add(200 * time.Millisecond); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		least = min(least, runtime.NumGoroutine())
	}
	return least
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools let go at the second one
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// nothing is what left says of a node without sessions.
const nothing = "sessions=0 half-open=0 streams=0 subscribers=0 history=0 peers=0 ufrags=0 addresses=0"

// left describes what the node holds for others.
func (v *victim) left() string {
	all, halfOpen := v.node.Sessions()
	c := v.node.Streams().Counts()
	generations, addresses := v.node.Media().Entries()
	return fmt.Sprintf("sessions=%d half-open=%d streams=%d subscribers=%d history=%d peers=%d ufrags=%d addresses=%d",
		all, halfOpen, c.Streams, c.Subscribers, c.HistoryBytes, v.node.Media().Peers(), generations, addresses)
}

// settle waits until the condition holds and tells whether it does.
func (v *victim) settle(cond func() bool) bool {
	for deadline := time.Now().Add(settleTime); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return cond()
}

// wantUnharmed fails the test unless the node is as it was before the attack.
func (v *victim) wantUnharmed() {
	v.t.Helper()
	v.wantWorking()
	if !v.settle(func() bool { return v.left() == nothing }) {
		v.t.Errorf("the node still holds %s", v.left())
	}
	v.client.CloseIdleConnections()
	if !v.settle(func() bool { return runtime.NumGoroutine() <= v.goroutines }) {
		buf := make([]byte, 1<<20)
		v.t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), v.goroutines, buf[:runtime.Stack(buf, true)])
	}
	if heap := heapInUse(); heap > v.heap+heapSlack {
		v.t.Errorf("%d KiB of heap, %d before", heap>>10, v.heap>>10)
	}
}

// wantWorking publishes and plays once.
func (v *victim) wantWorking() {
	v.t.Helper()
	s := v.studio("healthy")
	s.wantMedia()
	s.leave()
}

// A studio is a stream with its publisher and a subscriber.
type studio struct {
	v      *victim
	pub    *client.Publisher
	player *client.Player
}

func (v *victim) options(path string) client.Options {
	return client.Options{URL: "http://" + v.addr + path, Token: v.token}
}

func (v *victim) studio(stream string) *studio {
	v.t.Helper()
	source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, KeyframeInterval: time.Second})
	if err != nil {
		v.t.Fatal(err)
	}
	pub, err := client.Publish(v.t.Context(), client.PublishOptions{
		Options: v.options("/whip/" + stream), Video: []client.Encoding{{Source: source}},
	})
	if err != nil {
		v.t.Fatalf("publish: %v", err)
	}
	s := &studio{v: v, pub: pub, player: v.play(stream)}
	v.t.Cleanup(s.leave)
	return s
}

func (v *victim) play(stream string) *client.Player {
	v.t.Helper()
	player, err := client.Play(v.t.Context(), client.PlayOptions{Options: v.options("/whep/" + stream), NoAudio: true})
	if err != nil {
		v.t.Fatalf("play: %v", err)
	}
	return player
}

// wantMedia fails the test unless some more whole frames arrive.
func (s *studio) wantMedia() {
	s.v.t.Helper()
	before := s.player.Stats().Video.Frames
	if !s.v.settle(func() bool { return s.player.Stats().Video.Frames >= before+5 }) {
		s.v.t.Fatalf("no media: %+v", s.player.Stats().Video)
	}
}

func (s *studio) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	_ = s.player.Close(ctx)
	_ = s.pub.Close(ctx)
}

// A reply is what came back over HTTP.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request with the token; header is names and values.
func (v *victim) do(method, path string, body io.Reader, header ...string) reply {
	v.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+v.addr+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+v.token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (v *victim) post(path, offer string) reply {
	v.t.Helper()
	return v.do("POST", path, strings.NewReader(offer), "Content-Type", "application/sdp")
}

// fault says what is wrong with a refusal; "" if it is a 4xx that names the fault.
func (r reply) fault() string {
	if r.status < 400 || r.status > 499 {
		return fmt.Sprintf("status %d", r.status)
	}
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	switch err := json.Unmarshal([]byte(r.body), &p); {
	case r.header.Get("Content-Type") != "application/problem+json":
		return "media type " + r.header.Get("Content-Type")
	case err != nil:
		return err.Error()
	case !strings.HasPrefix(p.Type, "urn:whippet:problem:") || p.Title == "" || p.Detail == "" || p.Status != r.status:
		return "incomplete problem: " + r.body
	}
	return ""
}

// dial opens a TCP connection to the public port, closed with the test.
func (v *victim) dial() net.Conn {
	v.t.Helper()
	c, err := net.Dial("tcp", v.addr)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = c.Close() })
	return c
}

// send writes bytes to a connection of its own and returns all that comes back until
// the node closes it. The other direction stays open, as an attacker would have it.
func (v *victim) send(request []byte, within time.Duration) (answer string, closed bool) {
	v.t.Helper()
	c := v.dial()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	go func() { _, _ = c.Write(request) }()
	var all bytes.Buffer
	_, err := io.Copy(&all, io.LimitReader(c, 1<<20))
	timeout, ok := err.(net.Error)
	return all.String(), !ok || !timeout.Timeout()
}
