package harness

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	// maxNetworks bounds the networks there are at once on this machine, of all test runs together.
	maxNetworks = 32

	// maxHosts bounds the hosts of a network.
	maxHosts = 16
)

// partition are nftables' rules of a host that hears nothing of others, whose addresses they list.
// What was on its way is lost as well: nobody is told.
const partition = `
table inet partition {
	chain in {
		type filter hook input priority 0
		ip saddr { %s } counter drop
	}
}
`

// A Network is some hosts behind one bridge, each in a network namespace of its own, for processes
// that talk to each other. Hosts can be parted from each other. Nothing of it reaches further
// than this machine. Its methods must not be called at the same time.
//
// Networks need root, iproute2 and nftables.
type Network struct {
	index int
	lock  *os.File // locked while the network is in use
	hosts []*Host
}

// A Host is a place of a [Network] where processes run.
type Host struct {
	network *Network
	index   int
	deaf    map[*Host]bool // of whom it hears nothing
}

// NewNetwork makes a network of some hosts, all of which reach each other; it ends with the test.
// What the network of a killed run left behind is removed.
func NewNetwork(t testing.TB, hosts int) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a network namespace needs root: run this test as root")
	}
	if hosts > maxHosts {
		t.Fatalf("%d hosts, want at most %d", hosts, maxHosts)
	}
	n := &Network{}
	n.claim(t)
	t.Cleanup(n.close)
	n.remove()
	command(t, "", "ip", "link", "add", n.bridge(), "type", "bridge")
	command(t, "", "ip", "address", "add", n.Address().String()+"/24", "dev", n.bridge())
	command(t, "", "ip", "link", "set", n.bridge(), "up")
	for i := range hosts {
		n.hosts = append(n.hosts, n.add(t, i))
	}
	return n
}

func (n *Network) bridge() string { return "whipnet" + strconv.Itoa(n.index) }

// claim takes the first network that nobody uses. The lock of a process that ended is free.
func (n *Network) claim(t testing.TB) {
	t.Helper()
	for n.index = range maxNetworks {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), n.bridge()+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			n.lock = f
			return
		}
		f.Close()
	}
	t.Fatalf("all %d networks are in use", maxNetworks)
}

// add makes a host. Browsers take the address of the default route for their own; it leads nowhere.
func (n *Network) add(t testing.TB, index int) *Host {
	t.Helper()
	h := &Host{network: n, index: index, deaf: map[*Host]bool{}}
	command(t, "", "ip", "netns", "add", h.namespace())
	command(t, "", "ip", "link", "add", h.device(), "type", "veth", "peer", "name", "net", "netns", h.namespace())
	command(t, "", "ip", "link", "set", h.device(), "master", n.bridge(), "up")
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"address", "add", h.Address().String() + "/24", "dev", "net"},
		{"link", "set", "net", "up"},
		{"route", "add", "default", "dev", "net"},
	} {
		command(t, "", "ip", append([]string{"-n", h.namespace()}, args...)...)
	}
	return h
}

// close removes the network and whatever runs in it.
func (n *Network) close() {
	n.remove()
	n.lock.Close()
}

func (n *Network) remove() {
	for i := range maxHosts {
		(&Host{network: n, index: i}).remove()
	}
	_ = exec.Command("ip", "link", "delete", n.bridge()).Run() // there may be none
}

// Address returns the test's own address in the network: it reaches all hosts, always.
func (n *Network) Address() netip.Addr { return netip.AddrFrom4([4]byte{10, 214, byte(n.index), 254}) }

// Host returns a host by its number, from 0.
func (n *Network) Host(i int) *Host { return n.hosts[i] }

// Part keeps hosts from hearing each other, whatever they talk; others hear both.
func (n *Network) Part(t testing.TB, a, b *Host) {
	t.Helper()
	a.deaf[b], b.deaf[a] = true, true
	a.apply(t)
	b.apply(t)
}

// Heal ends [Network.Part] for two hosts.
func (n *Network) Heal(t testing.TB, a, b *Host) {
	t.Helper()
	delete(a.deaf, b)
	delete(b.deaf, a)
	a.apply(t)
	b.apply(t)
}

func (h *Host) namespace() string { return fmt.Sprintf("whipnet-%d-%d", h.network.index, h.index) }
func (h *Host) device() string    { return fmt.Sprintf("whipn%dh%d", h.network.index, h.index) }

// Address returns the host's address.
func (h *Host) Address() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 214, byte(h.network.index), byte(h.index + 1)})
}

// apply writes the rules of whom the host does not hear.
func (h *Host) apply(t testing.TB) {
	t.Helper()
	rules := "table inet partition\ndelete table inet partition\n"
	var from []string
	for other := range h.deaf {
		from = append(from, other.Address().String())
	}
	if len(from) > 0 {
		rules += fmt.Sprintf(partition, strings.Join(from, ", "))
	}
	command(t, rules, "ip", "netns", "exec", h.namespace(), "nft", "-f", "-")
}

// Received returns the bytes of all packets that came to the host so far, and that it sent.
func (h *Host) Received(t testing.TB) (received, sent int64) {
	t.Helper()
	// The bridge's end of the pair counts the other way round.
	read := func(name string) int64 {
		text, err := os.ReadFile(filepath.Join("/sys/class/net", h.device(), "statistics", name))
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return read("tx_bytes"), read("rx_bytes")
}

// Inside returns a command that runs another one at the host.
func (h *Host) Inside(c Command) Command { return insideOf(h.namespace(), c) }

// remove ends what runs in the host's namespace and removes it with its device.
func (h *Host) remove() {
	endInside(h.namespace())
	_ = exec.Command("ip", "link", "delete", h.device()).Run()
	_ = exec.Command("ip", "netns", "delete", h.namespace()).Run()
}

// endInside ends all processes of a namespace; false: there is no such namespace.
func endInside(namespace string) bool {
	pids, err := exec.Command("ip", "netns", "pids", namespace).Output()
	if err != nil {
		return false
	}
	for text := range strings.FieldsSeq(string(pids)) {
		if pid, err := strconv.Atoi(text); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
		}
	}
	return true
}

// insideOf returns a command that runs another one in a namespace.
func insideOf(namespace string, c Command) Command {
	c.Args = append([]string{"netns", "exec", namespace, c.Path}, c.Args...)
	c.Path = "ip"
	return c
}

// command runs a program of the system and fails the test where that fails.
func command(t testing.TB, stdin, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s(a test of networks needs root; test/setup.sh installs what it runs)", name, strings.Join(args, " "), err, out)
	}
}
