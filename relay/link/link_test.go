package link_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pion/transport/v4/vnet"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/quiet"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/link"
	"github.com/whippet-media/whippet/relay/tree"
)

const (
	originURL = "http://origin.example"
	originIP  = "198.51.100.1"
	edgeIP    = "198.51.100.2"
)

// A pair is an origin with a publisher that sends nothing, and an edge.
type pair struct {
	t         *testing.T
	router    *vnet.Router
	transport *rtc.Transport
	there     *stream.Registry // the origin's
	here      *stream.Registry // the edge's
	links     *link.Links
	edges     *link.Edges
	handler   http.Handler
	directory *directory

	between func(*http.Request) *http.Response // who stands between them; nil: nobody
	after   func(*http.Response)               // what is done to responses
}

type silent struct{}

func (silent) WriteRTCP([]byte) error { return nil }
func (silent) RTT() time.Duration     { return 0 }
func (silent) Began(stream.Beginning) {}
func (silent) Close(error)            {}

func newPair(t *testing.T, edgeSecret string) *pair {
	t.Helper()
	p := &pair{t: t, directory: &directory{streams: map[string]relay.Holder{}, watches: map[string][]chan struct{}{}}}
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "198.51.100.0/24", MinDelay: time.Millisecond, LoggerFactory: quiet.Logger{}})
	must(t, err)
	p.router = router
	origin, edge := p.host(originIP), p.host(edgeIP)
	must(t, router.Start())
	p.there = stream.NewRegistry(stream.Config{NewBatch: func() stream.Batch { return p.transport.NewBatch() }})
	p.here = stream.NewRegistry(stream.Config{})
	socket, err := origin.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(originIP), Port: 8080})
	must(t, err)
	p.transport, err = rtc.New(rtc.Config{UDP: []net.PacketConn{socket}, Net: origin, AfterRead: p.there.Serve})
	must(t, err)
	p.links = link.NewLinks(link.LinksConfig{
		Transport: p.transport, Streams: p.there, Secret: relay.NewSecret([]byte("right")), Now: time.Now,
	})
	service, err := signaling.New(signaling.Config{})
	must(t, err)
	e := echo.New()
	e.HTTPErrorHandler = service.HandleError
	p.links.Register(e)
	p.handler = e
	p.edges = link.NewEdges(link.EdgesConfig{
		Directory: p.directory, Streams: p.here, Node: "edge", Secret: relay.NewSecret([]byte(edgeSecret)),
		HTTP: &http.Client{Transport: p}, Net: edge, Linger: time.Second,
		Listen: func() (net.PacketConn, error) {
			return edge.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(edgeIP)})
		},
	})
	t.Cleanup(func() {
		p.edges.Close()
		p.links.Close()
		p.wantNothing()
		service.Close()
		p.there.Close()
		p.here.Close()
		must(t, p.transport.Close())
		must(t, router.Stop())
	})
	return p
}

func (p *pair) host(ip string) *vnet.Net {
	p.t.Helper()
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	must(p.t, err)
	must(p.t, p.router.AddNet(n))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// RoundTrip carries the edge's requests to the origin.
func (p *pair) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.between != nil {
		if response := p.between(r); response != nil {
			return response, nil
		}
	}
	in := r.Clone(r.Context())
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, in)
	response := w.Result()
	if p.after != nil {
		p.after(response)
	}
	return response, nil
}

// publish makes the origin hold a publisher that sends nothing but is there.
func (p *pair) publish(name string) *stream.Claim {
	p.t.Helper()
	claim, err := p.there.Claim(p.t.Context(), name, "")
	must(p.t, err)
	claim.Start(silent{}, oneTrack()).PushRTP(packet(), time.Now())
	p.directory.mu.Lock()
	p.directory.streams[name] = relay.Holder{Node: "origin", URL: originURL, Epoch: 1 << 50}
	p.directory.mu.Unlock()
	p.directory.change(name)
	return claim
}

func oneTrack() forwarder.PublisherConfig {
	return forwarder.PublisherConfig{ID: 5, Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Audio, Formats: map[uint8]codec.Format{111: {Name: codec.Opus}}},
	}}
}

func packet() []byte { return []byte{2 << 6, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3} }

// wantNothing wants no link and nothing of one.
func (p *pair) wantNothing() {
	p.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	_, in := p.edges.Count()
	generations, addresses := p.transport.Entries()
	if out := p.links.Count(); in+out+generations+addresses+p.transport.Peers() != 0 {
		p.t.Errorf("left: %d links at the edge, %d at the origin, %d peers, %d generations, %d addresses",
			in, out, p.transport.Peers(), generations, addresses)
	}
}

// run runs a test in virtual time.
func run(t *testing.T, secret string, f func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newPair(t, secret)) })
}

// join joins, and returns how many formats come over a link.
func (p *pair) join(name string) (formats int, leave func()) {
	p.t.Helper()
	all, leave, err := p.edges.Join(p.t.Context(), name)
	must(p.t, err)
	p.t.Cleanup(leave)
	return len(all), leave
}

func TestJoin(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		n, leave := p.join("a")
		if n != 1 {
			t.Fatalf("%d formats", n)
		}
		time.Sleep(30 * time.Second)
		if _, in := p.edges.Count(); in != 1 || p.links.Count() != 1 {
			t.Errorf("%d links at the edge, %d at the origin", in, p.links.Count())
		}
		leave()
		leave() // twice is once
		p.join("b")
	})
}

func TestOtherClusterIsRefused(t *testing.T) {
	run(t, "wrong", func(t *testing.T, p *pair) {
		p.publish("a")
		if n, _ := p.join("a"); n != 0 {
			t.Errorf("a link with the wrong secret: %d formats", n)
		}
		p.wantNothing()
	})
}

// TestForgedResponse: nobody can put a fingerprint of his own into the origin's answer.
func TestForgedResponse(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		p.after = func(r *http.Response) {
			body, err := io.ReadAll(r.Body)
			must(t, err)
			at := bytes.Index(body, []byte("sha-256 ")) + len("sha-256 ")
			copy(body[at:], "00:00")
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if n, _ := p.join("a"); n != 0 {
			t.Errorf("a forged answer was taken: %d formats", n)
		}
	})
}

// TestOldResponse: nor can he repeat an answer to another request.
func TestOldResponse(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		var old *http.Response
		var text []byte
		p.after = func(r *http.Response) {
			body, err := io.ReadAll(r.Body)
			must(t, err)
			if old == nil {
				old, text = r, body
			}
			r.Header.Set("Whippet-Signature", old.Header.Get("Whippet-Signature"))
			r.Body = io.NopCloser(bytes.NewReader(text))
		}
		if n, leave := p.join("a"); n != 1 {
			t.Errorf("the first answer was not taken: %d formats", n)
		} else {
			leave()
		}
		time.Sleep(5 * time.Second)
		if n, _ := p.join("a"); n != 0 {
			t.Errorf("an old answer was taken: %d formats", n)
		}
	})
}

// ask sends a request that the edge signed, changed, and returns the status.
func (p *pair) ask(change func(*http.Request, []byte) []byte) int {
	p.t.Helper()
	status := 0
	p.between = func(r *http.Request) *http.Response {
		body, err := io.ReadAll(r.Body)
		must(p.t, err)
		body = change(r, body)
		in := httptest.NewRequest(r.Method, r.URL.Path, bytes.NewReader(body))
		in.Header = r.Header
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, in)
		status = w.Code
		p.between = func(*http.Request) *http.Response { return &http.Response{StatusCode: 500, Body: http.NoBody} }
		return p.between(r)
	}
	_, leave := p.join("a")
	leave()
	return status
}

func TestChangedRequests(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request, []byte) []byte
		status int
	}{
		"unchanged": {func(_ *http.Request, b []byte) []byte { return b }, 201},
		"fingerprint": {func(_ *http.Request, b []byte) []byte {
			return bytes.Replace(b, []byte("sha-256 "), []byte("sha-256 0"), 1)
		}, 401},
		"other stream":  {func(r *http.Request, b []byte) []byte { r.URL.Path = link.Path + "b"; return b }, 400},
		"no token":      {func(r *http.Request, b []byte) []byte { r.Header.Del("Authorization"); return b }, 401},
		"method":        {func(r *http.Request, b []byte) []byte { r.Method = http.MethodGet; return b }, 405},
		"other version": {signedAgain(func(m map[string]any) { m["version"] = 1 }), 400},
		"no transport":  {signedAgain(func(m map[string]any) { delete(m, "transport") }), 400},
		"much is held":  {signedAgain(func(m map[string]any) { m["held"] = make([]struct{}, 1000) }), 201},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, "right", func(t *testing.T, p *pair) {
				p.publish("a")
				if got := p.ask(c.change); got != c.status {
					t.Errorf("status %d, want %d", got, c.status)
				}
				time.Sleep(11 * time.Second) // nobody connects
			})
		})
	}
}

// signedAgain changes a request as a node of the cluster could.
func signedAgain(change func(map[string]any)) func(*http.Request, []byte) []byte {
	return func(r *http.Request, b []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			panic(err)
		}
		change(m)
		b, _ = json.Marshal(m)
		r.Header.Set("Authorization", "Whippet "+relay.NewSecret([]byte("right")).Sign(time.Now(), "link request", string(b)))
		return b
	}
}

func TestLongRequest(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		long := signedAgain(func(m map[string]any) { m["padding"] = strings.Repeat("a", 128<<10) })
		if got := p.ask(long); got != 400 {
			t.Errorf("status %d", got)
		}
	})
}

// TestOldRequest: a request is good for a minute or so.
func TestOldRequest(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		got := p.ask(func(r *http.Request, b []byte) []byte {
			old := relay.NewSecret([]byte("right")).Sign(time.Now().Add(-2*time.Minute), "link request", string(b))
			r.Header.Set("Authorization", "Whippet "+old)
			return b
		})
		if got != 401 {
			t.Errorf("status %d", got)
		}
	})
}

// TestNeverConnected: an origin does not wait for ever.
func TestNeverConnected(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		if got := p.ask(func(_ *http.Request, b []byte) []byte { return b }); got != 201 {
			t.Fatalf("status %d", got)
		}
		time.Sleep(6500 * time.Millisecond) // the edge may still come
		if n := p.links.Count(); n != 1 {
			t.Errorf("%d links", n)
		}
		time.Sleep(time.Second)
		p.wantNothing()
	})
}

// TestManyNeverConnect: nor for more than it may.
func TestManyNeverConnect(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		statuses := map[int]int{}
		p.ask(func(r *http.Request, b []byte) []byte {
			for range 300 {
				in := httptest.NewRequest(r.Method, r.URL.Path, bytes.NewReader(b))
				in.Header = r.Header
				w := httptest.NewRecorder()
				p.handler.ServeHTTP(w, in)
				statuses[w.Code]++
			}
			return b
		})
		if statuses[201] != 256 || statuses[503] != 44 {
			t.Errorf("statuses %v", statuses)
		}
		time.Sleep(11 * time.Second)
	})
}

// TestDirectoryIsAway: what is not known cannot be found; a link there is goes on.
func TestDirectoryIsAway(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		p.join("a")
		p.directory.away(true)
		p.directory.change("a")
		if n, _ := p.join("a"); n != 1 {
			t.Error("the link is gone")
		}
		if _, _, err := p.edges.Join(t.Context(), "b"); !errors.Is(err, link.ErrUnavailable) {
			t.Errorf("looking for another stream: %v", err)
		}
		claim, err := p.here.Claim(t.Context(), "c", "")
		must(t, err)
		claim.Start(silent{}, oneTrack()).PushRTP(packet(), time.Now())
		if _, leave, err := p.edges.Join(t.Context(), "c"); err != nil {
			t.Errorf("a stream of this node: %v", err)
		} else {
			leave()
		}
		if streams, _ := p.edges.Count(); streams > 3 {
			t.Errorf("%d streams are looked for", streams)
		}
		p.directory.away(false)
		p.join("b")
	})
}

// TestPublisherOfThisNode: a relayed name gives way.
func TestPublisherOfThisNode(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		if n, _ := p.join("a"); n != 1 {
			t.Fatal("no link")
		}
		claim, err := p.here.Claim(t.Context(), "a", "")
		if err != nil {
			t.Fatalf("a publisher of this node: %v", err)
		}
		time.Sleep(time.Second)
		if _, in := p.edges.Count(); in != 0 {
			t.Error("the link stays")
		}
		if pub := claim.Start(silent{}, forwarder.PublisherConfig{}); pub == nil {
			t.Error("it has lost the name")
		}
		claim.Release()
		time.Sleep(10 * time.Second)
		if _, in := p.edges.Count(); in != 1 {
			t.Error("there is no link after it has left")
		}
	})
}

// TestManyCycles: links come and go, and leave nothing.
func TestManyCycles(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		for range 50 {
			n, leave := p.join("a")
			if n != 1 {
				t.Fatal("no link")
			}
			leave()
			time.Sleep(1500 * time.Millisecond)
		}
		p.wantNothing()
	})
}

// TestCloseWhileOpening: an edge that is asked to end does so, whatever it waits for.
func TestCloseWhileOpening(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		p.between = func(r *http.Request) *http.Response {
			<-r.Context().Done()
			return &http.Response{StatusCode: 500, Body: http.NoBody}
		}
		begun := time.Now()
		go p.edges.Close()
		if _, _, err := p.edges.Join(t.Context(), "a"); err != nil && !errors.Is(err, link.ErrClosed) {
			t.Error(err)
		}
		p.edges.Close()
		if d := time.Since(begun); d > 3*time.Second {
			t.Errorf("closing took %v", d)
		}
	})
}

// A directory says what a test says.
type directory struct {
	mu      sync.Mutex
	streams map[string]relay.Holder
	watches map[string][]chan struct{}
	gone    bool
}

func (d *directory) Lookup(_ context.Context, name string) (relay.Holder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, ok := d.streams[name]
	switch {
	case d.gone:
		return relay.Holder{}, relay.ErrUnavailable
	case !ok:
		return relay.Holder{}, relay.ErrAbsent
	}
	return h, nil
}

func (d *directory) Watch(name string) (<-chan struct{}, func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := make(chan struct{}, 1)
	d.watches[name] = append(d.watches[name], c)
	return c, func() {}
}

func (d *directory) Now() time.Time { return time.Now() }

func (d *directory) away(gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = gone
}

func (d *directory) change(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.watches[name] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// TestAFullNodeRefers: beyond the bound a request is answered with what the node feeds, and
// so is a question, which opens nothing.
func TestAFullNodeRefers(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		p.publish("a")
		as := func(node string, more map[string]any) int {
			return p.ask(signedAgain(func(m map[string]any) {
				m["node"], m["url"] = node, "http://"+node
				for k, v := range more {
					m[k] = v
				}
			}))
		}
		for i := range tree.DefaultLinks {
			if got := as("n"+strconv.Itoa(i), nil); got != http.StatusCreated {
				t.Fatalf("link %d: status %d", i, got)
			}
		}
		if got := as("more", nil); got != http.StatusConflict {
			t.Errorf("one too many: status %d", got)
		}
		if got := as("n3", nil); got != http.StatusCreated {
			t.Errorf("one whose last link is not closed yet: status %d", got)
		}
		links := p.links.Count()
		if got := as("more", map[string]any{"ask": true}); got != http.StatusOK || p.links.Count() != links {
			t.Errorf("a question: status %d, %d links of %d", got, p.links.Count(), links)
		}
		time.Sleep(11 * time.Second) // nobody connects
		if got := as("more", nil); got != http.StatusCreated {
			t.Errorf("when there is room again: status %d", got)
		}
		time.Sleep(11 * time.Second)
	})
}
