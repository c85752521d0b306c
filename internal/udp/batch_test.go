package udp

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// losses is an Owner.
type losses struct {
	packets int
	err     error
}

func (l *losses) NotSent(packets int, err error) {
	l.packets += packets
	l.err = err
}

// put queues a datagram of a number.
func put(b *Batch, number uint32, size int, to netip.AddrPort, from netip.Addr, o Owner) {
	binary.BigEndian.PutUint32(b.Room(), number)
	b.Queue(size, to, from, o)
}

// recorder is a connection that fails for one destination.
type recorder struct {
	fail  netip.AddrPort
	sizes []int
	from  []netip.Addr
}

func (r *recorder) WriteToFrom(b []byte, to netip.AddrPort, from netip.Addr) (int, error) {
	if to == r.fail {
		return 0, io.ErrShortWrite
	}
	r.sizes = append(r.sizes, len(b))
	r.from = append(r.from, from)
	return len(b), nil
}

// Neighbours join one run where all but the last are of one size, and nowhere else.
func TestRuns(t *testing.T) {
	a, b6 := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[2001:db8::1]:1")
	own := netip.MustParseAddr("192.0.2.9")
	one, two := &losses{}, &losses{}
	type datagram struct {
		size int
		to   netip.AddrPort
		from netip.Addr
		o    Owner
	}
	same := func(n, size int, to netip.AddrPort) []datagram {
		return slices.Repeat([]datagram{{size, to, netip.Addr{}, one}}, n)
	}
	for name, c := range map[string]struct {
		queue []datagram
		runs  []int // datagrams of each
	}{
		"equal":          {same(5, 100, a), []int{5}},
		"smaller last":   {append(same(5, 100, a), same(1, 99, a)...), []int{6}},
		"after the last": {append(same(5, 100, a), same(2, 99, a)...), []int{6, 1}},
		"larger":         {append(same(5, 100, a), same(2, 101, a)...), []int{5, 2}},
		"empty":          {append(same(2, 100, a), same(2, 0, a)...), []int{2, 1, 1}},
		"destinations":   {slices.Concat(same(2, 100, a), same(2, 100, b6), same(2, 100, a)), []int{2, 2, 2}},
		"sources":        {append(same(2, 100, a), datagram{100, a, own, one}), []int{2, 1}},
		"owners":         {append(same(2, 100, a), datagram{100, a, netip.Addr{}, two}), []int{2, 1}},
		"segments":       {same(maxSegments+3, 100, a), []int{maxSegments, 3}},
		"bytes of IPv4":  {same(44, 1500, a), []int{43, 1}}, // 64,500 and 66,000
		"fits IPv4":      {append(same(43, 1500, a), same(1, 1007, a)...), []int{44}},
		"too much":       {append(same(43, 1500, a), same(1, 1008, a)...), []int{43, 1}},
		"fits IPv6":      {append(same(43, 1500, b6), same(1, 987, b6)...), []int{44}},
		"IPv6 too much":  {append(same(43, 1500, b6), same(1, 988, b6)...), []int{43, 1}},
	} {
		b := NewPlainBatch(&recorder{})
		for _, d := range c.queue {
			b.Room()
			b.Queue(d.size, d.to, d.from, d.o)
		}
		got := []int{}
		for _, r := range b.runs {
			got = append(got, r.count)
		}
		if !slices.Equal(got, c.runs) || b.Pending() != len(c.queue) {
			t.Errorf("%s: runs of %d, want %d", name, got, c.runs)
		}
	}
}

// Whatever is queued leaves in order, whole, and once, however often the memory is full.
func TestEveryDatagramOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	to := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.1:2")}
	r := &recorder{}
	b := NewPlainBatch(r)
	want := []int{}
	for range 2000 {
		size := rnd.IntN(MaxDatagram + 1)
		room := b.Room()
		if len(room) < MaxDatagram || cap(room) < MaxDatagram {
			t.Fatalf("room for %d", len(room))
		}
		b.Queue(size, to[rnd.IntN(2)], netip.Addr{}, nil)
		want = append(want, size)
	}
	b.Flush()
	if !slices.Equal(r.sizes, want) {
		t.Errorf("%d datagrams of %d", len(r.sizes), len(want))
	}
}

// Small datagrams of many destinations fill the list of runs before the memory.
func TestRunsAreBounded(t *testing.T) {
	r := &recorder{}
	b := NewPlainBatch(r)
	for i := range 3 * messagesPerCall {
		b.Room()
		b.Queue(10, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i)), netip.Addr{}, nil) //nolint:gosec // small
		if b.Pending() > messagesPerCall {
			t.Fatalf("%d pending", b.Pending())
		}
	}
	if len(r.sizes) != 2*messagesPerCall {
		t.Errorf("%d sent", len(r.sizes))
	}
}

// A connection's errors reach the owner of what was not sent, and nobody else.
func TestPlainBatchTellsOwners(t *testing.T) {
	good, bad := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.1:2")
	own := netip.MustParseAddr("192.0.2.9")
	r := &recorder{fail: bad}
	b := NewPlainBatch(r)
	var g, x losses
	for range 3 {
		b.Room()
		b.Queue(10, good, own, &g)
		b.Room()
		b.Queue(20, bad, own, &x)
		b.Room()
		b.Queue(20, bad, own, nil)
	}
	b.Flush()
	if g.packets != 0 || x.packets != 3 || !errors.Is(x.err, io.ErrShortWrite) || len(r.sizes) != 3 || r.from[0] != own {
		t.Errorf("told %+v and %+v, sent %d from %v", g, x, r.sizes, r.from)
	}
	if b.Flush(); x.packets != 3 || b.Pending() != 0 {
		t.Error("told again")
	}
}

// A family that the socket does not have is refused at once.
func TestOtherFamily(t *testing.T) {
	s, port := open(t, "127.0.0.1:0")
	b := s.NewBatch()
	var o losses
	for _, to := range []netip.AddrPort{netip.MustParseAddrPort("[::1]:9"), {}} {
		b.Room()
		b.Queue(10, to, netip.Addr{}, &o)
		b.Room()
		b.Queue(10, to, netip.Addr{}, nil)
	}
	if o.packets != 2 || o.err == nil || b.Pending() != 0 || s.Stats().WriteErrors != 4 || s.Stats().SendErrors[SendInvalid] != 4 {
		t.Errorf("%+v, %d pending, %+v", o, b.Pending(), s.Stats())
	}
	b.Room()
	b.Queue(10, netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), port), netip.Addr{}, &o)
	b.Flush()
	if o.packets != 2 || s.Stats().PacketsWritten != 1 {
		t.Errorf("an IPv4-mapped address: %+v", o)
	}
}

func TestQueueWithoutRoomPanics(t *testing.T) {
	for name, f := range map[string]func(b *Batch, to netip.AddrPort){
		"too large": func(b *Batch, to netip.AddrPort) { b.Room(); b.Queue(MaxDatagram+1, to, netip.Addr{}, nil) },
		"negative":  func(b *Batch, to netip.AddrPort) { b.Room(); b.Queue(-1, to, netip.Addr{}, nil) },
		"no room": func(b *Batch, to netip.AddrPort) {
			for range batchBytes/MaxDatagram + 1 {
				b.Queue(MaxDatagram, to, netip.Addr{}, nil)
			}
		},
		"no run": func(b *Batch, to netip.AddrPort) {
			for i := range messagesPerCall + 1 {
				b.Queue(1+i, to, netip.Addr{}, nil)
			}
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f(NewPlainBatch(&recorder{}), netip.MustParseAddrPort("192.0.2.1:1"))
		}()
	}
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range SendErrors() {
		seen[e.String()] = true
	}
	for _, f := range Fallbacks() {
		seen[f.String()] = true
	}
	for _, p := range []Path{Single, Multiple, Offload} {
		seen[p.String()] = true
	}
	if len(seen) != sendErrors+fallbacks+3 || seen[""] {
		t.Errorf("%v", seen)
	}
	if SendError(200).String() != "other" || kindOf(io.EOF) != SendOther || kindOf(&net.OpError{Err: net.ErrClosed}) != SendClosed {
		t.Error("wrong kind")
	}
}
