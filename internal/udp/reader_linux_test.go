package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelOf is one whose best path for reading is the given.
func kernelOf(path Path) *script {
	switch path {
	case Single:
		return &script{recvProbe: syscall.ENOSYS, refuse: []int{unix.UDP_GRO}}
	case Multiple:
		return &script{refuse: []int{unix.UDP_GRO}}
	default:
		return &script{}
	}
}

// pair returns a socket on its script, its Reader, and a function that sends to it.
func pair(t *testing.T, k *script) (*Socket, *Reader, func(size int)) {
	t.Helper()
	s, port := scripted(t, "127.0.0.1:0", k)
	c, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r := s.NewReader()
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
	return s, r, func(size int) {
		t.Helper()
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReceiveBranches drives every answer that the kernel may give to a receive.
func TestReceiveBranches(t *testing.T) {
	many := make([]syscall.Errno, maxInterrupts)
	for i := range many {
		many[i] = syscall.EINTR
	}
	for _, c := range []struct {
		name  string
		k     *script
		path  Path
		fell  map[Fallback]uint64
		err   error // of the first Read
		reads int
	}{
		{"at once", &script{}, Offload, nil, nil, 1},
		{"interrupted", &script{recvs: []syscall.Errno{syscall.EINTR, 0}}, Offload, nil, nil, 2},
		{"always interrupted", &script{recvs: many}, Offload, nil, syscall.EINTR, maxInterrupts},
		{"a send's error", &script{recvs: []syscall.Errno{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, 0}}, Offload, nil, nil, 3},
		{"no memory", &script{recvs: []syscall.Errno{syscall.ENOMEM}}, Offload, nil, syscall.ENOMEM, 1},
		{"no coalescing", kernelOf(Multiple), Multiple, map[Fallback]uint64{NoCoalescing: 1}, nil, 1},
		{"no recvmmsg", kernelOf(Single), Single, map[Fallback]uint64{NoRecvmmsg: 1}, nil, 1},
		{"forbidden recvmmsg", &script{recvProbe: syscall.EPERM}, Single, map[Fallback]uint64{NoRecvmmsg: 1}, nil, 1},
		{"no recvmmsg after all", &script{recvs: []syscall.Errno{syscall.ENOSYS, 0}}, Single, map[Fallback]uint64{NoRecvmmsg: 1}, nil, 2},
		{"no system call at all", &script{recvs: []syscall.Errno{syscall.ENOSYS, syscall.ENOSYS}}, Single, map[Fallback]uint64{NoRecvmmsg: 1}, syscall.ENOSYS, 2},
		{"only single ones interrupted", &script{recvProbe: syscall.ENOSYS, recvs: []syscall.Errno{syscall.EINTR, 0}}, Single, map[Fallback]uint64{NoRecvmmsg: 1}, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, r, send := pair(t, c.k)
			send(100)
			m, err := r.Read()
			if !errors.Is(err, c.err) || err == nil && (len(m) != 1 || len(m[0].Bytes) != 100) {
				t.Fatalf("%v, %v; want %v", m, err, c.err)
			}
			if c.k.reads != c.reads {
				t.Errorf("%d calls, want %d", c.k.reads, c.reads)
			}
			if c.err != nil { // it may be called again
				c.k.recvs = nil
				if m, err = r.Read(); err != nil || len(m) != 1 {
					t.Errorf("again: %v, %v", m, err)
				}
			}
			st := s.Stats()
			if st.Receiving != c.path || st.PacketsRead != 1 || st.BytesRead != 100 || st.Reads != 1 {
				t.Errorf("%+v", st)
			}
			for f, n := range st.Fallbacks {
				if n != c.fell[Fallback(f)] { //nolint:gosec // small
					t.Errorf("%s %d times, want %d", Fallback(f), n, c.fell[Fallback(f)]) //nolint:gosec // small
				}
			}
		})
	}
}

// Without coalescing the buffers are smaller: what does not fit is dropped and counted,
// and the rest goes on. An empty datagram is one.
func TestTruncated(t *testing.T) {
	for _, path := range []Path{Single, Multiple} {
		s, r, send := pair(t, kernelOf(path))
		for _, size := range []int{plainBuffer + 1, plainBuffer, 9000, 0, 1} {
			send(size)
		}
		got := []int{}
		for len(got) < 3 {
			all, err := r.Read()
			if err != nil || len(all) == 0 {
				t.Fatalf("%d messages, %v", len(all), err)
			}
			for _, m := range all {
				got = append(got, len(m.Bytes))
			}
		}
		if st := s.Stats(); got[0] != plainBuffer || got[1] != 0 || got[2] != 1 || st.Truncated != 2 || st.PacketsRead != 3 {
			t.Errorf("%s: %d, %+v", path, got, st)
		}
	}
}

// setControl replaces a message's control messages.
func setControl(m *unix.Mmsghdr, control []byte) {
	copy(unsafe.Slice(m.Hdr.Control, readControl), control)
	m.Hdr.SetControllen(len(control))
}

func receiptOf(segment int32, stamp int64, drops uint32) []byte {
	b := appendHeader(nil, unix.SOL_UDP, unix.UDP_GRO, 4)
	b = padded(binary.NativeEndian.AppendUint32(b, uint32(segment))) //nolint:gosec // as the kernel has it
	b = appendHeader(b, unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, int(unsafe.Sizeof(unix.Timespec{})))
	ts := unix.NsecToTimespec(stamp)
	b = padded(append(b, unsafe.Slice((*byte)(unsafe.Pointer(&ts)), unsafe.Sizeof(ts))...))
	b = appendHeader(b, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 4)
	return padded(binary.NativeEndian.AppendUint32(b, drops))
}

// Runs are taken apart by the size the kernel names, whatever it names.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		segment   int32
		size      int
		sizes     []int
		truncated uint64
	}{
		{0, 100, []int{100}, 0},
		{-1, 100, []int{100}, 0},
		{100, 100, []int{100}, 0},
		{200, 100, []int{100}, 0},
		{50, 100, []int{50, 50}, 0},
		{40, 100, []int{40, 40, 20}, 0},
		{99, 100, []int{99, 1}, 0},
		{1, maxJoined, repeat(1, maxJoined), 0},
		{1, maxJoined + 1, repeat(1, maxJoined), 1},
		{1500, 65_507, append(repeat(1500, 43), 1007), 0},
	} {
		k := &script{alter: func(m []unix.Mmsghdr) { setControl(&m[0], receiptOf(c.segment, 0, 0)) }}
		s, r, send := pair(t, k)
		if s.Stats().Receiving != Offload {
			t.Skip("no coalescing here")
		}
		send(c.size)
		all, err := r.Read()
		if err != nil || len(all) != len(c.sizes) || s.Stats().Truncated != c.truncated {
			t.Fatalf("%d of %d: %d messages, %v, %+v", c.segment, c.size, len(all), err, s.Stats())
		}
		for i, m := range all {
			if len(m.Bytes) != c.sizes[i] || cap(m.Bytes) != c.sizes[i] || m.From != all[0].From || m.At != all[0].At {
				t.Errorf("%d of %d: message %d is %+v", c.segment, c.size, i, m)
			}
		}
	}
}

// A message whose control messages were cut off may be a run that is not told apart.
func TestCutControl(t *testing.T) {
	cut := true
	k := &script{alter: func(m []unix.Mmsghdr) {
		if cut {
			m[0].Hdr.Flags |= unix.MSG_CTRUNC
		}
		cut = false
	}}
	s, r, send := pair(t, k)
	send(100)
	send(101)
	if m, err := r.Read(); err != nil || len(m) != 1 || len(m[0].Bytes) != 101 || s.Stats().Truncated != 1 {
		t.Errorf("%v, %v, %+v", m, err, s.Stats())
	}
}

// A message's time is the kernel's, on our monotonic clock, within bounds and in order.
func TestArrivalTimes(t *testing.T) {
	var stamp int64
	k := &script{alter: func(m []unix.Mmsghdr) { setControl(&m[0], receiptOf(0, stamp, 0)) }}
	_, r, send := pair(t, k)
	read := func(s int64) (at, before, after time.Time) {
		t.Helper()
		stamp = s
		send(10)
		before = time.Now()
		m, err := r.Read()
		if err != nil || len(m) != 1 {
			t.Fatalf("%v, %v", m, err)
		}
		return m[0].At, before, time.Now()
	}
	// Clocks are slewed by 500 ppm at most, and no stamp here is older than seconds.
	const slew = 20 * time.Millisecond
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() < slew }

	start := time.Now()
	if at, before, _ := read(start.Add(-time.Hour).UnixNano()); at.Before(before.Add(-maxWaited)) || at.After(time.Now().Add(-maxWaited)) {
		t.Errorf("an hour ago became %s", at.Sub(before))
	}
	asked := time.Now().Add(-300 * time.Millisecond)
	if at, _, _ := read(asked.UnixNano()); !near(at, asked) {
		t.Errorf("300 ms ago became %s later", at.Sub(asked))
	}
	if at, _, _ := read(asked.Add(-200 * time.Millisecond).UnixNano()); !near(at, asked) {
		t.Errorf("one before the last became %s from it", at.Sub(asked))
	}
	if at, before, after := read(time.Now().Add(time.Hour).UnixNano()); at.Before(before) || at.After(after) {
		t.Errorf("in an hour became %s", at.Sub(before))
	}
	if at, before, after := read(0); at.Before(before) || at.After(after) {
		t.Errorf("without a stamp: %s", at.Sub(before))
	}
}

// The kernel itself stamps what it receives, on every path.
func TestKernelStamps(t *testing.T) {
	for path := Single; path <= Offload; path++ {
		before := time.Now().UnixNano()
		_, r, send := pair(t, kernelOf(path))
		send(10)
		if m, err := r.Read(); err != nil || len(m) != 1 {
			t.Fatalf("%v, %v", m, err)
		}
		stamp := parse(r.wire.controls[0][:r.wire.messages[0].Hdr.Controllen]).stamp
		if stamp < before || stamp > time.Now().UnixNano() {
			t.Errorf("%s: stamp %d is not after %d", path, stamp, before)
		}
	}
}

// What does not fit the receive buffer is counted to the last datagram, once the kernel
// can tell.
func TestKernelDrops(t *testing.T) {
	s, r, send := pair(t, &script{})
	if err := s.conn.SetReadBuffer(20_000); err != nil {
		t.Fatal(err)
	}
	const sent = 200
	for range sent {
		send(1200)
	}
	if _, err := r.Read(); err != nil { // makes room
		t.Fatal(err)
	}
	send(1) // brings the news
	for told := false; !told; {
		all, err := r.Read()
		if err != nil {
			t.Fatalf("%v: %+v", err, s.Stats())
		}
		told = len(all[len(all)-1].Bytes) == 1
	}
	if st := s.Stats(); st.KernelDrops == 0 || st.PacketsRead+st.KernelDrops != sent+1 {
		t.Errorf("%+v", st)
	}
}

// The kernel's counter wraps and does not stand in every message.
func TestDropCounter(t *testing.T) {
	s, _ := open(t, "127.0.0.1:0")
	r := s.NewReader()
	for _, total := range []uint32{0, 5, 5, 0, 7, 1<<32 - 1, 3} {
		r.dropped(total)
	}
	if want := uint64(1<<32 + 3); r.tally.drops != want {
		t.Errorf("%d, want %d", r.tally.drops, want)
	}
}

// Control messages that lie say nothing, and none makes the parser fail.
func FuzzParse(f *testing.F) {
	f.Add(receiptOf(1200, 1, 2))
	f.Add(appendSource(nil, netip.MustParseAddr("::1"), true))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { parse(b) })
}

func TestParse(t *testing.T) {
	b := append(receiptOf(1200, 1_700_000_000_123_456_789, 9), appendSource(nil, netip.MustParseAddr("127.0.0.2"), false)...)
	copy(b[len(b)-4:], []byte{127, 0, 0, 3}) // what it was sent to
	want := receipt{netip.MustParseAddr("127.0.0.3"), 1200, 1_700_000_000_123_456_789, 9}
	if got := parse(b); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A Read waits for what comes.
func TestReadWaits(t *testing.T) {
	for path := Single; path <= Offload; path++ {
		s, r, send := pair(t, kernelOf(path))
		for range 3 {
			time.AfterFunc(time.Millisecond, func() { _, _ = s.WriteTo([]byte("x"), s.LocalAddr()) })
			if m, err := r.Read(); err != nil || len(m) != 1 || string(m[0].Bytes) != "x" {
				t.Fatalf("%s: %v, %v", path, m, err)
			}
		}
		send(10)
		if m, err := r.Read(); err != nil || len(m) != 1 || len(m[0].Bytes) != 10 {
			t.Fatalf("%s: %v, %v", path, m, err)
		}
	}
}

// Close and the deadline end a Read.
func TestReadEnds(t *testing.T) {
	s, _ := open(t, ":0")
	r := s.NewReader()
	_ = s.SetReadDeadline(time.Now())
	if _, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	_ = s.SetReadDeadline(time.Time{})
	time.AfterFunc(5*time.Millisecond, func() { _ = s.Close() })
	for range 2 {
		if _, err := r.Read(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}
