package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A sendCase is what a flush does when the kernel answers in a certain way. Three
// destinations get four, three and two datagrams.
type sendCase struct {
	name   string
	sends  []answer
	always *answer
	lost   [3]int // of each destination's, the first ones from index skip on
	skip   [3]int
	err    error // told for them
	errors map[SendError]int
	calls  [][]int // bytes of the messages of each call; nil: not looked at
	path   Path
	fell   map[Fallback]int
	waits  int
}

func sendCounts() [3]int { return [3]int{4, 3, 2} }

func sendCases() []sendCase {
	counts, whole, singly := sendCounts(), []int{400, 300, 200}, repeat(100, 9)
	return []sendCase{
		{name: "all at once", calls: [][]int{whole}},
		{name: "partly", sends: []answer{{take: 1}, {take: 1}}, calls: [][]int{whole, whole[1:], whole[2:]}},
		{name: "interrupted", sends: []answer{refusal(syscall.EINTR)}, calls: [][]int{whole, whole}},
		{
			name: "always interrupted", sends: slices.Repeat([]answer{refusal(syscall.EINTR)}, maxInterrupts+2),
			lost: [3]int{4}, err: syscall.EINTR, errors: map[SendError]int{SendOther: 2},
		},
		{
			name: "blocked once", sends: []answer{{take: 1}, refusal(syscall.EAGAIN)}, errors: map[SendError]int{SendBlocked: 1},
			calls: [][]int{whole, whole[1:], whole[1:]}, waits: 1,
		},
		{
			name: "blocked", always: &answer{0, syscall.EAGAIN}, lost: counts, err: syscall.EAGAIN,
			errors: map[SendError]int{SendBlocked: maxSendWaits + 1}, waits: maxSendWaits,
		},
		{
			name: "blocked in the middle", sends: []answer{{take: 2}}, always: &answer{0, syscall.EAGAIN}, lost: [3]int{0, 0, 2},
			err: syscall.EAGAIN, errors: map[SendError]int{SendBlocked: maxSendWaits + 1}, waits: maxSendWaits,
		},
		{
			name: "device full", sends: []answer{{take: 1}, refusal(syscall.ENOBUFS)}, lost: [3]int{0, 3}, err: syscall.ENOBUFS,
			errors: map[SendError]int{SendNoBuffers: 1}, calls: [][]int{whole, whole[1:], whole[2:]},
		},
		{
			name: "no memory", sends: []answer{refusal(syscall.ENOMEM)}, lost: [3]int{4}, err: syscall.ENOMEM,
			errors: map[SendError]int{SendNoBuffers: 1}, calls: [][]int{whole, whole[1:]},
		},
		{
			name: "run too large", sends: []answer{{take: 1}, refusal(syscall.EMSGSIZE)}, errors: map[SendError]int{SendTooLarge: 1},
			calls: [][]int{whole, whole[1:], {100, 100, 100, 200}},
		},
		{
			name:  "datagrams too large",
			sends: []answer{refusal(syscall.EMSGSIZE), {take: 1}, refusal(syscall.EMSGSIZE), refusal(syscall.EMSGSIZE)},
			lost:  [3]int{2}, skip: [3]int{1}, err: syscall.EMSGSIZE, errors: map[SendError]int{SendTooLarge: 3},
			calls: [][]int{whole, {100, 100, 100, 100, 300, 200}, {100, 100, 100, 300, 200}, {100, 100, 300, 200}, {100, 300, 200}},
		},
		{
			name: "every run invalid", sends: []answer{refusal(syscall.EINVAL), {take: 4}, refusal(syscall.EINVAL), {take: 3}, refusal(syscall.EINVAL)},
			errors: map[SendError]int{SendInvalid: 3},
			calls:  [][]int{whole, {100, 100, 100, 100, 300, 200}, {300, 200}, {100, 100, 100, 200}, {200}, {100, 100}},
		},
		{
			name: "no offload", sends: []answer{{take: 1}, refusal(syscall.EIO)}, errors: map[SendError]int{SendNoOffload: 1},
			calls: [][]int{whole, whole[1:], singly[4:]}, path: Multiple, fell: map[Fallback]int{SegmentationRefused: 1},
		},
		{
			name:  "input or output error of datagrams",
			sends: []answer{refusal(syscall.EIO), refusal(syscall.EIO), refusal(syscall.EIO)},
			lost:  [3]int{1}, err: syscall.EIO, errors: map[SendError]int{SendNoOffload: 3},
			calls: [][]int{whole, singly, singly, singly[1:]}, path: Multiple, fell: map[Fallback]int{SegmentationRefused: 1},
		},
		{
			name: "somebody else's error", sends: []answer{refusal(syscall.ECONNREFUSED)}, errors: map[SendError]int{SendRefused: 1},
			calls: [][]int{whole, whole},
		},
		{
			name: "somebody else's error in the middle", sends: []answer{{take: 1}, refusal(syscall.EHOSTUNREACH)},
			errors: map[SendError]int{SendUnreachable: 1}, calls: [][]int{whole, whole[1:], whole[1:]},
		},
		{
			name: "no route", sends: []answer{refusal(syscall.ENETUNREACH), refusal(syscall.ENETUNREACH)}, lost: [3]int{4},
			err: syscall.ENETUNREACH, errors: map[SendError]int{SendUnreachable: 2}, calls: [][]int{whole, whole, whole[1:]},
		},
		{
			name: "firewall", always: &answer{0, syscall.EPERM}, lost: counts, err: syscall.EPERM,
			errors: map[SendError]int{SendDenied: 6}, calls: [][]int{whole, whole, whole[1:], whole[1:], whole[2:], whole[2:]},
		},
		{
			name: "nothing and no error", sends: []answer{{}, {}}, lost: [3]int{4}, err: syscall.EPROTO,
			errors: map[SendError]int{SendOther: 2}, calls: [][]int{whole, whole, whole[1:]},
		},
		{
			name: "no sendmmsg", sends: []answer{refusal(syscall.ENOSYS)}, path: Single, fell: map[Fallback]int{NoSendmmsg: 1},
			calls: append([][]int{whole}, slices.Repeat([][]int{{100}}, 9)...),
		},
		{
			name: "no sendmmsg and a full device", sends: []answer{refusal(syscall.ENOSYS), {take: 1}, refusal(syscall.ENOBUFS)},
			path: Single, fell: map[Fallback]int{NoSendmmsg: 1}, lost: [3]int{3}, skip: [3]int{1}, err: syscall.ENOBUFS,
			errors: map[SendError]int{SendNoBuffers: 1},
		},
		{
			name: "no system call at all", always: &answer{0, syscall.ENOSYS}, path: Single, fell: map[Fallback]int{NoSendmmsg: 1},
			lost: counts, err: syscall.ENOSYS, errors: map[SendError]int{SendOther: 18},
		},
	}
}

// TestSendBranches drives every answer that the kernel may give to a send.
func TestSendBranches(t *testing.T) {
	for _, c := range sendCases() {
		if c.path == Single && c.fell == nil {
			c.path = Offload
		}
		t.Run(strings.ReplaceAll(c.name, " ", "_"), c.run)
	}
}

func (c sendCase) run(t *testing.T) {
	k := &script{sends: c.sends, always: c.always}
	s, _ := scripted(t, "127.0.0.1:0", k)
	b := s.NewBatch()
	if s.Stats().Sending != Offload {
		t.Skip("no offload here")
	}
	var sinks [3]*sink
	var owners [3]losses
	for d, n := range sendCounts() {
		sinks[d] = newSink(t, "127.0.0.1")
		for i := range n {
			put(b, uint32(i), 100, sinks[d].addr, netip.Addr{}, &owners[d]) //nolint:gosec // small
		}
	}
	b.Flush()
	sent := uint64(0)
	for d, n := range sendCounts() {
		sent += uint64(n - c.lost[d]) //nolint:gosec // not negative
		c.arrived(t, sinks[d], &owners[d], d, n)
	}
	if c.calls != nil && fmt.Sprint(k.calls) != fmt.Sprint(c.calls) {
		t.Errorf("calls %v, want %v", k.calls, c.calls)
	}
	if len(k.waits) != c.waits || c.waits > 0 && (k.waits[0] <= 0 || k.waits[0] > sendWait) {
		t.Errorf("waits %v, want %d", k.waits, c.waits)
	}
	if st := s.Stats(); st != c.stats(st, sent, len(k.calls)) || st.Messages-st.OffloadRuns+st.OffloadPackets != sent {
		t.Errorf("stats\n%+v, want\n%+v", st, c.stats(st, sent, len(k.calls)))
	}
	if b.Pending() != 0 {
		t.Errorf("%d are left", b.Pending())
	}
	k.sends, k.always = nil, nil
	put(b, 7, 100, sinks[0].addr, netip.Addr{}, nil)
	put(b, 8, 100, sinks[0].addr, netip.Addr{}, nil)
	b.Flush() // what was refused is forgotten, but for the path
	if got := sinks[0].numbers(t, 2); !slices.Equal(got, []uint32{7, 8}) || s.Stats().Sending != c.path {
		t.Errorf("next flush: %d by %s", got, s.Stats().Sending)
	}
}

// arrived compares what a destination got, and what its owner was told.
func (c sendCase) arrived(t *testing.T, to *sink, o *losses, d, n int) {
	t.Helper()
	want := []uint32{}
	for i := range n {
		if i < c.skip[d] || i >= c.skip[d]+c.lost[d] {
			want = append(want, uint32(i)) //nolint:gosec // small
		}
	}
	if got := to.numbers(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("destination %d got %d, want %d", d, got, want)
	}
	if o.packets != c.lost[d] || c.lost[d] > 0 && !errors.Is(o.err, c.err) {
		t.Errorf("owner %d was told %+v, want %d: %v", d, o, c.lost[d], c.err)
	}
}

// stats returns what is to be counted; how messages were cut stands in calls.
func (c sendCase) stats(got Stats, sent uint64, calls int) Stats {
	want := Stats{
		PacketsWritten: sent, BytesWritten: 100 * sent, WriteErrors: 9 - sent, Batches: uint64(calls), //nolint:gosec // not negative
		Messages: got.Messages, OffloadRuns: got.OffloadRuns, OffloadPackets: got.OffloadPackets, Sending: c.path,
		SendSizes: got.SendSizes,
	}
	for e, n := range c.errors {
		want.SendErrors[e] = uint64(n) //nolint:gosec // small
	}
	for f, n := range c.fell {
		want.Fallbacks[f] = uint64(n) //nolint:gosec // small
	}
	return want
}

func repeat(v, n int) []int { return slices.Repeat([]int{v}, n) }

// A flush that waits as long as it may, drops; the next may wait as long again.
func TestWaitIsBounded(t *testing.T) {
	k := &script{always: &answer{0, syscall.EAGAIN}, wait: time.Sleep}
	s, port := scripted(t, "127.0.0.1:0", k)
	b := s.NewBatch()
	var o losses
	for i := 1; i <= 3; i++ {
		put(b, 0, 100, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), netip.Addr{}, &o)
		b.Flush()
		if o.packets != i || len(k.waits) != i {
			t.Errorf("flush %d: lost %d after waits %v", i, o.packets, k.waits)
		}
	}
}

// The path is what the kernel can do.
func TestSendingPath(t *testing.T) {
	for _, c := range []struct {
		k    script
		path Path
		fell Fallback
	}{
		{script{refuse: []int{unix.UDP_SEGMENT}}, Multiple, NoSegmentation},
		{script{sendProbe: syscall.ENOSYS}, Single, NoSendmmsg},
		{script{sendProbe: syscall.EPERM}, Single, NoSendmmsg}, // a sandbox
	} {
		s, _ := scripted(t, "127.0.0.1:0", &c.k)
		s.NewBatch()
		b := s.NewBatch()
		st := s.Stats()
		if st.Sending != c.path || st.Fallbacks[c.fell] != 1 {
			t.Errorf("%s after %v, want %s", st.Sending, st.Fallbacks, c.path)
		}
		to := newSink(t, "127.0.0.1")
		for i := range 5 {
			put(b, uint32(i), 100, to.addr, netip.Addr{}, nil) //nolint:gosec // small
		}
		b.Flush()
		if got := to.numbers(t, 5); !slices.Equal(got, []uint32{0, 1, 2, 3, 4}) || s.Stats().OffloadRuns != 0 {
			t.Errorf("%s: %d, %+v", c.path, got, s.Stats())
		}
	}
}

// All Batches fall back with the first that must, and it counts once.
func TestFallbackIsTheSockets(t *testing.T) {
	k := &script{sends: []answer{refusal(syscall.EIO)}}
	s, _ := scripted(t, "127.0.0.1:0", k)
	to := newSink(t, "127.0.0.1")
	for _, b := range []*Batch{s.NewBatch(), s.NewBatch()} {
		put(b, 0, 100, to.addr, netip.Addr{}, nil)
		put(b, 1, 100, to.addr, netip.Addr{}, nil)
		b.Flush()
	}
	want := [][]int{{200}, {100, 100}, {100, 100}}
	if fmt.Sprint(k.calls) != fmt.Sprint(want) || s.Stats().Fallbacks[SegmentationRefused] != 1 {
		t.Errorf("%v, want %v; %v", k.calls, want, s.Stats().Fallbacks)
	}
	to.numbers(t, 4)
	s.fallBack(Single, NoSendmmsg)
	s.fallBack(Multiple, NoSegmentation) // came late
	if st := s.Stats(); st.Sending != Single || st.Fallbacks[NoSegmentation] != 0 {
		t.Errorf("up again: %+v", st)
	}
}

// A call has so many messages and no more, and one where there is no sendmmsg.
func TestMessagesPerCall(t *testing.T) {
	k := &script{}
	s, _ := scripted(t, "127.0.0.1:0", k)
	b := s.NewBatch()
	to := newSink(t, "127.0.0.1")
	const all = 2*messagesPerCall + 3
	for i := range all {
		put(b, uint32(i), 100, to.addr, netip.Addr{}, nil) //nolint:gosec // small
	}
	if n := b.fill(Single); n != 1 {
		t.Errorf("%d messages for one call", n)
	}
	s.sending.Store(uint32(Multiple))
	b.Flush()
	if len(k.calls) != 3 || len(k.calls[0]) != messagesPerCall || len(k.calls[1]) != messagesPerCall || len(k.calls[2]) != 3 {
		t.Errorf("calls %v", k.calls)
	}
	to.numbers(t, all)
	if b.runs[:1][0] != (run{}) {
		t.Error("an owner is kept")
	}
}

// A link-local destination names its interface, the next one no other's.
func TestScope(t *testing.T) {
	s, _ := open(t, "[::]:0")
	b := s.NewBatch()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	for to, want := range map[string]int{"[fe80::1%lo]:9": lo.Index, "[fe80::1%77]:9": 77, "[2001:db8::1]:9": 0, "192.0.2.1:9": 0} {
		b.wire.names[0].Scope_id = 5
		writeAddress(&b.wire.names[0], netip.MustParseAddrPort(to), true, &b.wire.zone)
		if got := b.wire.names[0].Scope_id; got != uint32(want) { //nolint:gosec // small
			t.Errorf("%s: %d, want %d", to, got, want)
		}
	}
}

// After Close nothing reaches the kernel, whose descriptor may be another file's by now.
func TestFlushAfterClose(t *testing.T) {
	k := &script{}
	s, port := scripted(t, "127.0.0.1:0", k)
	b := s.NewBatch()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var o losses
	for i := range 3 {
		put(b, uint32(i), 100+i, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), netip.Addr{}, &o) //nolint:gosec // small
	}
	b.Flush()
	if o.packets != 3 || !errors.Is(o.err, net.ErrClosed) || len(k.calls) != 0 {
		t.Errorf("told %+v after calls %v", o, k.calls)
	}
	if st := s.Stats(); st.SendErrors[SendClosed] != 1 || st.WriteErrors != 3 {
		t.Errorf("%+v", st)
	}
	if s.NewBatch().Pending() != 0 || s.NewReader() == nil {
		t.Error("not made")
	}
}

// Control messages fit their room: a slice that grew would not be the kernel's.
func TestControlFits(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		c := padded(appendSegment(padded(appendSource(nil, netip.MustParseAddr("127.0.0.1"), v6)), 1200))
		if len(c) > sendControl {
			t.Errorf("%d bytes", len(c))
		}
		m, err := unix.ParseSocketControlMessage(c)
		if err != nil || len(m) != 2 {
			t.Errorf("%v, %v", m, err)
		}
	}
	if n := unix.CmsgSpace(unix.SizeofInet6Pktinfo) + unix.CmsgSpace(16) + 2*unix.CmsgSpace(4); n > readControl {
		t.Errorf("a receipt is %d bytes", n)
	}
}

// A source that is not ours fails its own run alone.
func TestForeignSourceOfARun(t *testing.T) {
	s, _ := open(t, ":0")
	b := s.NewBatch()
	to := newSink(t, "127.0.0.1")
	var bad, good losses
	for i := range 3 {
		put(b, uint32(i), 100, to.addr, netip.MustParseAddr("192.0.2.77"), &bad) //nolint:gosec // small
	}
	put(b, 3, 100, to.addr, netip.MustParseAddr("127.0.0.2"), &good)
	b.Flush()
	if got := to.numbers(t, 1); !slices.Equal(got, []uint32{3}) || bad.packets != 3 || good.packets != 0 {
		t.Errorf("got %d, lost %+v and %+v", got, bad, good)
	}
	if st := s.Stats(); st.SendErrors[SendInvalid]+st.SendErrors[SendUnreachable] == 0 || st.WriteErrors != 3 || st.PacketsWritten != 1 {
		t.Errorf("%+v", st)
	}
}

// The system's own wait returns where there is room.
func TestWritable(t *testing.T) {
	s, _ := open(t, "127.0.0.1:0")
	start := time.Now()
	if err := s.raw.Control(func(fd uintptr) { system{}.writable(fd, time.Minute) }); err != nil || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// Large buffers are had past the system's limits where that is allowed, else within them.
func TestForcedBuffers(t *testing.T) {
	s, _ := open(t, "127.0.0.1:0")
	k := &script{}
	s.kernel = k
	forced := []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE}
	for _, k.refuse = range [][]int{nil, forced[:1], forced[1:], forced} {
		k.asked = nil
		const small = 8 << 10
		if err := errors.Join(s.conn.SetReadBuffer(small), s.conn.SetWriteBuffer(small)); err != nil {
			t.Fatal(err)
		}
		s.enlarge()
		if read, write, _ := s.Buffers(); read <= small || write <= small || !slices.Equal(k.asked, forced) {
			t.Errorf("without %v: %d and %d, asked %v", k.refuse, read, write, k.asked)
		}
	}
}
