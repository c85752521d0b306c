//go:build e2e

package e2e

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	probeSize = 1200 // bytes of payload of a packet
	probeWire = probeSize + 8 + 20 + 14

	probeBuffer = 4 << 20                // bytes of the socket that receives: all of a test
	probePause  = 100 * time.Millisecond // how much longer than in the queue a packet may be on its way
)

// arrived is what came at the far end of a link.
type arrived struct {
	count   int
	rate    float64       // bits per second of whole packets, from the first to the last
	longest time.Duration // on the way
}

// What the tests of layers rest on: a capped link carries what it should and not more, also of what
// is sent by segmentation offload; packets wait at the cap as long as said; an open one carries all.
func TestLink(t *testing.T) {
	link := harness.NewLink(t)
	link.Queue = 200 * time.Millisecond
	for name, test := range map[string]struct {
		set         func()
		rate        float64 // that is sent, in bits per second
		together    int     // packets in one call
		least, most float64 // share that arrives, on a machine that may be busy
	}{
		"open":            {func() { link.Uncap(t) }, 4e6, 1, 1, 1},
		"below the cap":   {func() { link.Cap(t, 2_000_000) }, 1e6, 1, 1, 1},
		"above the cap":   {func() { link.Cap(t, 1_000_000) }, 2e6, 1, 0.35, 0.65},
		"offloaded":       {func() { link.Cap(t, 1_000_000) }, 2e6, 8, 0.35, 0.65},
		"offloaded, open": {func() { link.Uncap(t) }, 4e6, 8, 1, 1},
		"lossy":           {func() { link.Uncap(t); link.Lose(t, 20) }, 4e6, 1, 0.7, 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			link.Lose(t, 0)
			test.set()
			sent, got := through(t, link, test.rate, test.together)
			if share := float64(got.count) / float64(sent); share < test.least || share > test.most {
				t.Errorf("%.2f of the packets came, want %.2f to %.2f\n%s", share, test.least, test.most, link.Shaped())
			}
			if most := float64(link.Capped()); most > 0 && got.rate > 1.05*most {
				t.Errorf("%.0f bit/s came, want at most %.0f\n%s", got.rate, most, link.Shaped())
			}
			if test.most < 0.7 && got.longest < link.Queue*3/4 {
				t.Errorf("no packet took longer than %v, want one that waited for %v", got.longest, link.Queue)
			}
			t.Logf("%d of %d packets, %.0f bit/s, at most %v", got.count, sent, got.rate, got.longest)
		})
	}
}

// through sends numbered packets through a link for some time, and returns how many, and what came.
func through(t *testing.T, link *harness.Link, rate float64, together int) (int, arrived) {
	t.Helper()
	const during = 1500 * time.Millisecond
	far := link.Listen(t)
	came := make(chan arrived)
	stamped(t, far)
	ended := make(chan struct{})
	go func() { came <- count(far, link.Queue, ended) }()
	near, err := net.DialUDP("udp4", nil, far.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	offload(t, near)
	every := time.Duration(float64(together*probeWire*8) / rate * float64(time.Second))
	sent := 0
	for start := time.Now(); time.Since(start) < during; sent += together {
		time.Sleep(time.Until(start.Add(time.Duration(sent/together) * every))) // the rate
		if _, err := near.Write(probes(together)); err != nil {
			t.Fatal(err)
		}
	}
	close(ended)
	return sent, <-came
}

// offload lets the kernel cut what is written into packets.
func offload(t *testing.T, c *net.UDPConn) {
	t.Helper()
	option(t, c, unix.IPPROTO_UDP, unix.UDP_SEGMENT, probeSize)
}

// stamped lets the kernel say when a packet came, and keep all of them, however late they are read.
func stamped(t *testing.T, c *net.UDPConn) {
	t.Helper()
	option(t, c, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	option(t, c, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, probeBuffer)
}

func option(t *testing.T, c *net.UDPConn, level, name, value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), level, name, value)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// probes returns packets that carry the time.
func probes(n int) []byte {
	b := make([]byte, n*probeSize)
	for i := range n {
		binary.BigEndian.PutUint64(b[i*probeSize:], uint64(time.Now().UnixNano()))
	}
	return b
}

// count reads packets until the last one was sent, and none has come for longer than it may wait in a
// queue.
func count(c *net.UDPConn, queue time.Duration, ended <-chan struct{}) (a arrived) {
	var first, last time.Time
	b, control := make([]byte, 2*probeSize), make([]byte, 64)
	for final := false; ; {
		c.SetReadDeadline(time.Now().Add(queue + probePause))
		n, told, _, _, err := c.ReadMsgUDP(b, control)
		if err != nil && final {
			break
		}
		select {
		case <-ended:
			final = true
		default:
		}
		if err != nil {
			continue
		}
		now := stamp(control[:told])
		if a.count++; a.count == 1 {
			first = now
		}
		last = now
		if n == probeSize {
			sent := time.Unix(0, int64(binary.BigEndian.Uint64(b)))
			a.longest = max(a.longest, now.Sub(sent))
		}
	}
	if over := last.Sub(first).Seconds(); over > 0 {
		a.rate = float64((a.count-1)*probeWire*8) / over
	}
	return a
}

// stamp returns when the kernel took a packet, by what it says beside it.
func stamp(control []byte) time.Time {
	messages, _ := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Time{}
}
