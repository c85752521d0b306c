package udp

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// benchSinks is how many destinations the benchmarks send to, benchSize the bytes of a
// datagram.
const (
	benchSinks = 200
	benchSize  = 1200
)

// A meter reports the processor time of what happens while it runs, in ns for each
// operation: what else runs on the machine is not in it.
type meter struct {
	b     *testing.B
	spent time.Duration
	since time.Duration
}

func newMeter(b *testing.B) *meter {
	b.Helper()
	m := &meter{b: b}
	b.Cleanup(func() { b.ReportMetric(float64(m.spent.Nanoseconds())/float64(b.N), "cpu-ns/op") })
	return m
}

func (m *meter) start() {
	m.b.StartTimer()
	m.since = spent()
}

func (m *meter) stop() {
	m.spent += spent() - m.since
	m.b.StopTimer()
}

// spent is the processor time of the process.
func spent() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSend is what a datagram costs to send over loopback, to 200 destinations in
// turn: alone, many in a call, and in runs that the kernel cuts apart. What the
// destinations' side of loopback does is in it, as it is done by the sender.
func BenchmarkSend(b *testing.B) {
	b.Run("single", func(b *testing.B) {
		s, to := fanOut(b)
		p := make([]byte, benchSize)
		m := newMeter(b)
		m.start()
		defer m.stop()
		for i := range b.N {
			_, _ = s.WriteToFrom(p, to[i%benchSinks], netip.Addr{})
		}
	})
	for _, c := range []struct {
		path  Path
		burst int
	}{{Multiple, 1}, {Multiple, 4}, {Multiple, 10}, {Offload, 4}, {Offload, 10}} {
		b.Run(fmt.Sprintf("%s/burst=%d", c.path, c.burst), func(b *testing.B) {
			s, to := fanOut(b)
			batch := s.NewBatch()
			if s.Stats().Sending < c.path {
				b.Skip("not here")
			}
			s.sending.Store(uint32(c.path))
			m := newMeter(b)
			m.start()
			defer m.stop()
			for i := range b.N {
				batch.Room()
				batch.Queue(benchSize, to[i/c.burst%benchSinks], netip.Addr{}, nil)
			}
			batch.Flush()
		})
	}
}

// fanOut opens the sending socket and its destinations, which nobody reads: they take
// the first datagrams and drop the rest, as do those of a busy machine.
func fanOut(b *testing.B) (*Socket, []netip.AddrPort) {
	b.Helper()
	s, err := Listen(":0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	to := make([]netip.AddrPort, benchSinks)
	for i := range to {
		to[i] = benchSink(b)
	}
	b.ReportAllocs()
	return s, to
}

func benchSink(b *testing.B) netip.AddrPort {
	b.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	_ = c.(*net.UDPConn).SetReadBuffer(64 << 10) //nolint:forcetypeassert // what "udp4" gives
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

// BenchmarkQueue is our own share of that: what a datagram costs without the kernel.
func BenchmarkQueue(b *testing.B) {
	s, err := Listen(":0")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	to := netip.MustParseAddrPort("127.0.0.1:9")
	for _, burst := range []int{1, 4, 10} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) {
			s.kernel = swallow{}
			batch := s.NewBatch()
			b.ReportAllocs()
			m := newMeter(b)
			m.start()
			defer m.stop()
			for i := range b.N {
				batch.Room()
				batch.Queue(benchSize, netip.AddrPortFrom(to.Addr(), uint16(i/burst)), to.Addr(), nil) //nolint:gosec // wraps
			}
			batch.Flush()
		})
	}
}

// BenchmarkReceive is what a datagram costs to read: alone, many in a call, and joined
// by the kernel, as bursts of one sender are.
func BenchmarkReceive(b *testing.B) {
	b.Run("single", func(b *testing.B) {
		in, fill := full(b, &script{}, 1)
		p := make([]byte, 2*benchSize)
		for n := 0; n < b.N; {
			for range fill() {
				if _, _, _, err := in.ReadFromTo(p); err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
	})
	for _, c := range []struct {
		path  Path
		burst int
	}{{Single, 1}, {Multiple, 1}, {Offload, 1}, {Offload, 4}, {Offload, 10}} {
		b.Run(fmt.Sprintf("reader/%s/burst=%d", c.path, c.burst), func(b *testing.B) {
			in, fill := full(b, kernelOf(c.path), c.burst)
			r := in.NewReader()
			for n := 0; n < b.N; {
				for want := fill(); want > 0; {
					m, err := r.Read()
					if err != nil {
						b.Fatal(err)
					}
					want -= len(m)
					n += len(m)
				}
			}
		})
	}
}

// full returns a socket and a function that puts datagrams into its buffer, in bursts,
// while the clock stands.
func full(b *testing.B, k *script, burst int) (*Socket, func() int) {
	b.Helper()
	const many = 400
	in, err := Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close() })
	in.kernel = k
	out, err := Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = out.Close() })
	to, batch := netip.MustParseAddrPort(in.LocalAddr().String()), out.NewBatch()
	var owners [2]losses
	b.ReportAllocs()
	m := newMeter(b)
	m.start()
	b.Cleanup(m.stop)
	return in, func() int {
		m.stop()
		defer m.start()
		for i := range many {
			batch.Room()
			batch.Queue(benchSize, to, netip.Addr{}, &owners[i/burst%2]) // another one's is another run
		}
		batch.Flush()
		return many
	}
}
