package harness

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxLinks bounds the links there are at once on this machine, of all test runs together.
	maxLinks = 64

	// defaultQueue is how long a packet waits at most at a cap.
	defaultQueue = 300 * time.Millisecond

	// leastQueue, in bytes, is room for half a dozen packets at least, however low the cap.
	leastQueue = 9_000

	// openRate and openQueue are those of a link without a cap, in bits per second and bytes. The
	// shaper is there, too: packets that wait at a cap are not lost when it is lifted.
	openRate  = 200_000_000
	openQueue = 1 << 20

	// cappedBurst is what leaves a capped link in one go, in bytes: one Ethernet frame. What the
	// node sends by segmentation offload is cut up by the shaper.
	cappedBurst = 1600
	openBurst   = 1 << 17
)

// lossRules are nftables' rules of a link that loses some percent of its packets.
const lossRules = `
table inet loss {
	chain in {
		type filter hook input priority 0
		meta l4proto udp numgen random mod 100 < %d counter drop
	}
}
`

// Link is a network of two ends: one in this machine's own network namespace, where nodes and
// publishers run, the other in a namespace of its own, for a browser that watches. What goes
// towards the browser can be capped. Its methods must not be called at the same time.
//
// Links need root, iproute2 and, to lose packets, nftables.
type Link struct {
	// Queue is how long packets wait at a cap before later ones are lost; 300 ms at first. Half a
	// dozen packets may wait in any case. It holds from the next Cap on.
	Queue time.Duration

	index int
	lock  *os.File // locked while the link is in use
	rate  int64    // of the cap, bits per second; 0: none
}

// NewLink makes a link without a cap; it ends with the test. What the link of a killed run left
// behind is removed.
func NewLink(t testing.TB) *Link {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a network namespace needs root: run this test as root")
	}
	l := &Link{Queue: defaultQueue}
	l.claim(t)
	t.Cleanup(l.Close)
	l.remove()
	l.must(t, "ip", "netns", "add", l.namespace())
	l.must(t, "ip", "link", "add", l.device(), "type", "veth", "peer", "name", "far", "netns", l.namespace())
	l.must(t, "ip", "address", "add", l.Near().String()+"/30", "dev", l.device())
	l.must(t, "ip", "link", "set", l.device(), "up")
	for _, command := range [][]string{
		{"link", "set", "lo", "up"},
		{"address", "add", l.Far().String() + "/30", "dev", "far"},
		{"link", "set", "far", "up"},
		// Browsers take the address of the default route for their own. Nothing is forwarded.
		{"route", "add", "default", "via", l.Near().String()},
	} {
		l.must(t, "ip", append([]string{"-n", l.namespace()}, command...)...)
	}
	l.Uncap(t)
	return l
}

// claim takes the first link that nobody uses. The lock of a process that ended is free.
func (l *Link) claim(t testing.TB) {
	t.Helper()
	for l.index = range maxLinks {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), l.namespace()+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			l.lock = f
			return
		}
		f.Close()
	}
	t.Fatalf("all %d links are in use", maxLinks)
}

// namespace returns the name of the far end's namespace, device that of the near end.
func (l *Link) namespace() string { return "whippet-" + strconv.Itoa(l.index) }
func (l *Link) device() string    { return "whippet" + strconv.Itoa(l.index) }

// Near returns the address of this machine's end, which a node must announce.
func (l *Link) Near() netip.Addr { return netip.AddrFrom4([4]byte{10, 213, byte(l.index), 1}) }

// Far returns the address of the end in the namespace.
func (l *Link) Far() netip.Addr { return netip.AddrFrom4([4]byte{10, 213, byte(l.index), 2}) }

// Close removes the link and whatever runs in its namespace. Closed again, it does nothing.
func (l *Link) Close() {
	if l.lock != nil {
		l.remove()
		l.lock.Close()
		l.lock = nil
	}
}

// remove ends what runs in the namespace and removes it. A namespace's end of a link goes with it,
// and the other end with that.
func (l *Link) remove() {
	if !endInside(l.namespace()) {
		return
	}
	// The namespace may live on for a moment with what is ending in it; its device must not.
	_ = exec.Command("ip", "link", "delete", l.device()).Run()
	_ = exec.Command("ip", "netns", "delete", l.namespace()).Run()
}

// Cap bounds what the link carries towards its far end, in bits per second of whole packets:
// 1,200,000 is 1.2 Mbit/s. A packet that would wait longer than Queue is lost.
func (l *Link) Cap(t testing.TB, rate int64) {
	t.Helper()
	l.rate = rate
	queue := max(leastQueue, rate/8*l.Queue.Milliseconds()/1000)
	l.shape(t, rate, cappedBurst, queue)
}

// Uncap lifts the cap. Packets that wait are sent.
func (l *Link) Uncap(t testing.TB) {
	t.Helper()
	l.rate = 0
	l.shape(t, openRate, openBurst, openQueue)
}

// Capped returns the cap in bits per second, 0 where there is none.
func (l *Link) Capped() int64 { return l.rate }

func (l *Link) shape(t testing.TB, rate, burst, queue int64) {
	t.Helper()
	l.must(t, "tc", "qdisc", "replace", "dev", l.device(), "root", "handle", "1:", "tbf",
		"rate", fmt.Sprint(rate)+"bit", "burst", fmt.Sprint(burst), "limit", fmt.Sprint(queue))
}

// Lose makes the link lose some of the packets towards its far end, at random: 2 is two percent,
// 0 none.
func (l *Link) Lose(t testing.TB, percent int) {
	t.Helper()
	rules := "table inet loss\ndelete table inet loss\n"
	if percent > 0 {
		rules += fmt.Sprintf(lossRules, percent)
	}
	command(t, rules, "ip", "netns", "exec", l.namespace(), "nft", "-f", "-")
}

// Shaped describes what the link did with packets so far: how many it sent and lost.
func (l *Link) Shaped() string {
	out, _ := exec.Command("tc", "-s", "qdisc", "show", "dev", l.device()).CombinedOutput()
	loss, _ := exec.Command("ip", "netns", "exec", l.namespace(), "nft", "list", "ruleset").CombinedOutput()
	return string(out) + string(loss)
}

// Listen opens a UDP socket at the far end; it is closed with the test.
func (l *Link) Listen(t testing.TB) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	err := l.visit(func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(l.Far(), 0)))
		return err
	})
	if err != nil {
		t.Fatalf("listen behind the link: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// visit calls a function on a thread that is in the namespace meanwhile.
func (l *Link) visit(call func() error) error {
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open(filepath.Join("/run/netns", l.namespace()))
	if err != nil {
		return err
	}
	defer there.Close()
	runtime.LockOSThread()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = call()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return back // the thread stays locked: nobody else may use it
	}
	runtime.UnlockOSThread()
	return err
}

// inside returns a command that runs another one at the link's far end.
func (l *Link) inside(c Command) Command { return insideOf(l.namespace(), c) }

func (l *Link) must(t testing.TB, name string, args ...string) {
	t.Helper()
	command(t, "", name, args...)
}
