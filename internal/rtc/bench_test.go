package rtc

import (
	"bufio"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Media costs no allocation, with header extensions too. Over ICE-TCP the queue of
// a connection is made anew after each burst.
func TestWriterDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("pools forget on purpose under the race detector")
	}
	tr, _ := realTransport(t, "127.0.0.1", nil)
	for _, n := range []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4} {
		c, r := newClient(t, clientOptions{networks: []webrtc.NetworkType{n}}), newRecorder()
		p := c.connect(t, tr, r, nil)
		h := &rtp.Header{Version: 2, SSRC: p.SSRCs()[0].SSRC, PayloadType: 96}
		must(t, h.SetExtension(1, []byte{0, 0}))
		payload := make([]byte, 1160)
		was := p.route.Load()
		if was.via == nil { // to where nobody reads: the client allocates
			p.route.Store(&route{endpoint: was.endpoint, to: netip.MustParseAddrPort("127.0.0.1:9"), binding: was.binding})
		}
		writer := p.newWriter()
		write := func() {
			h.SequenceNumber++
			_ = writer.write(h, payload)
		}
		for range 1000 { // the TCP queue grows to its bound
			write()
		}
		got := testing.AllocsPerRun(200, write)
		for range 5 {
			got = min(got, testing.AllocsPerRun(200, write))
		}
		if got >= 1 && was.via == nil || got > 1 {
			t.Errorf("%s: %v allocations per packet", n, got)
		}
		p.route.Store(was)
		must(t, c.pc.Close())
		must(t, p.Close())
	}
}

func BenchmarkWriter(b *testing.B) {
	tr, _ := realTransport(b, "127.0.0.1", nil)
	c, r := newClient(b, clientOptions{}), newRecorder()
	defer c.pc.Close()
	p := c.connect(b, tr, r, nil)
	h := &rtp.Header{Version: 2, SSRC: p.SSRCs()[0].SSRC, PayloadType: 96}
	was := p.route.Load()
	payload := make([]byte, 1160)
	for _, bc := range []struct {
		name string
		to   packetIO
	}{{"socket", was.endpoint.packetIO}, {"nowhere", nowhere{}}} {
		b.Run(bc.name, func(b *testing.B) {
			p.route.Store(&route{endpoint: &endpoint{packetIO: bc.to}, to: was.to})
			w := p.newWriter()
			b.ReportAllocs()
			for b.Loop() {
				h.SequenceNumber++
				_ = w.write(h, payload)
			}
		})
	}
	p.route.Store(was)
}

// Environment of the child process that plays the subscribers of TestCostPerPeer.
const subscribersEnv = "WHIPPET_RTC_TEST_SUBSCRIBERS"

func TestMain(m *testing.M) {
	if os.Getenv(subscribersEnv) != "" {
		playSubscribers()
		return
	}
	os.Exit(m.Run())
}

// playSubscribers makes a client per line on stdin, which says how to answer.
func playSubscribers() {
	var t testing.B
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	dec := json.NewDecoder(in)
	for {
		c := newClient(&t, clientOptions{})
		cfg := c.config(nil)
		if out.Encode(cfg) != nil {
			return
		}
		var a struct {
			Local Local
			SSRCs []TrackSSRC
		}
		if dec.Decode(&a) != nil {
			return
		}
		c.accept(&t, a.Local, a.SSRCs)
	}
}

// TestCostPerPeer holds the cost of a connected subscriber to what doc.go says.
func TestCostPerPeer(t *testing.T) {
	const n = 200
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	tr, err := New(Config{UDP: []net.PacketConn{sock}})
	must(t, err)
	defer tr.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), subscribersEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()         //nolint:errcheck // it is killed
	defer cmd.Process.Kill() //nolint:errcheck // it may be gone
	enc, dec := json.NewEncoder(stdin), json.NewDecoder(stdout)

	goroutinesBefore, heapBefore, stacksBefore := memory()
	var busy time.Duration
	for range n {
		cfg := PeerConfig{}
		must(t, dec.Decode(&cfg))
		r := newRecorder()
		cfg.Handler, cfg.Send = r, true
		start := time.Now()
		p, err := tr.NewPeer(cfg)
		must(t, err)
		busy += time.Since(start)
		must(t, enc.Encode(map[string]any{"Local": p.Local(), "SSRCs": p.SSRCs()}))
		r.waitState(t, Connected)
	}
	goroutinesAfter, heap, stacks := memory()
	perPeer := float64(goroutinesAfter-goroutinesBefore) / n
	kb := float64(heap-heapBefore) / n / 1024
	kbStacks := float64(stacks-stacksBefore) / n / 1024
	t.Logf("per subscriber: %.1f goroutines, %.1f KB heap, %.1f KB stacks, %s in NewPeer", perPeer, kb, kbStacks, busy/n)
	if perPeer > 9 || kb > 120 {
		t.Errorf("per subscriber: %.1f goroutines, %.1f KB heap", perPeer, kb)
	}
}

func memory() (goroutines int, heap, stacks uint64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc, m.StackInuse
}
