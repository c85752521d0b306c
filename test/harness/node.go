package harness

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nodeStart is how long a node may take until it answers HTTP.
const nodeStart = 15 * time.Second

// Node is a running whippet node.
type Node struct {
	*Process
	URL   string // without a slash at its end
	Admin string // URL of the admin port
}

// Build describes how the binary under test is built.
type Build struct {
	Race bool // with the race detector: several times slower
}

// Binary builds the command whippet and returns its path. Built again, an unchanged binary costs
// nothing.
func Binary(t testing.TB, b Build) string {
	t.Helper()
	path := filepath.Join(Root(), ".cache", "whippet")
	args := []string{"build", "-o", path}
	if b.Race {
		path += "-race"
		args = []string{"build", "-race", "-o", path}
	}
	build := exec.Command("go", append(args, "./cmd/whippet")...)
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(build.Args[1:], " "), err, out)
	}
	return path
}

// RaceEnv is the environment of a binary built with the race detector: a race ends it, and
// otherwise it ends without the second of sleep that is its habit.
func RaceEnv() []string { return []string{"GORACE=halt_on_error=1 atexit_sleep_ms=0"} }

// StartNode starts a node that anybody may use, on a free port of the loopback address; flags
// are added to its command line and win over the ones given here. It ends with the test.
func StartNode(t testing.TB, binary string, flags ...string) *Node {
	t.Helper()
	return StartNodeAt(t, binary, FreePort(t), flags...)
}

// StartNodeAt is [StartNode] on a given port: the one of a node that was killed.
func StartNodeAt(t testing.TB, binary string, port int, flags ...string) *Node {
	t.Helper()
	return startNode(t, binary, "127.0.0.1", port, flags)
}

// StartNodeIPv6 is [StartNode] on the loopback address of IPv6, which alone it announces.
func StartNodeIPv6(t testing.TB, binary string, flags ...string) *Node {
	t.Helper()
	return startNode(t, binary, "::1", FreePort(t), flags)
}

// StartNodeBehind is [StartNode] at the near end of a link, whose address alone it announces.
func StartNodeBehind(t testing.TB, binary string, l *Link, flags ...string) *Node {
	t.Helper()
	return startNode(t, binary, l.Near().String(), FreePort(t), flags)
}

func startNode(t testing.TB, binary, host string, port int, flags []string) *Node {
	t.Helper()
	address := net.JoinHostPort(host, strconv.Itoa(port))
	admin := loopback(FreePort(t))
	args := []string{
		"serve", "--http", address, "--admin", admin, "--announce", host,
		"--auth", "open", "--data", t.TempDir(),
	}
	n := &Node{
		Process: Start(t, Command{
			Path: binary,
			Args: append(args, flags...),
			Env:  RaceEnv(),
		}),
		URL:   "http://" + address,
		Admin: "http://" + admin,
	}
	Eventually(t, nodeStart, func() error {
		if !n.Running() {
			t.Fatalf("the node ended:\n%s", n.Log())
		}
		return n.up()
	})
	return n
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (n *Node) up() error {
	client := http.Client{Timeout: time.Second}
	r, err := client.Get(n.URL + "/")
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// WHIP returns the endpoint to publish a stream to.
func (n *Node) WHIP(stream string) string { return n.URL + "/whip/" + stream }

// WHEP returns the endpoint to watch a stream at.
func (n *Node) WHEP(stream string) string { return n.URL + "/whep/" + stream }

// Memory returns the resident memory of a process in bytes.
func Memory(t testing.TB, p *Process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no VmRSS in the status of %s", p.name)
	return 0
}

// BytesIn returns how many bytes of packets came for a stream so far, from its publisher or over a
// link. The node must have metrics of streams.
func (n *Node) BytesIn(t testing.TB, stream string) float64 {
	t.Helper()
	return n.metric(t, fmt.Sprintf("whippet_stream_bytes_total{direction=\"in\",stream=%q}", stream))
}

// Connected returns how many sessions have connected so far, of a kind: "whip" or "whep".
func (n *Node) Connected(t testing.TB, kind string) int {
	t.Helper()
	return int(n.metric(t, fmt.Sprintf("whippet_session_setup_seconds_count{kind=%q,step=\"dtls\"}", kind)))
}

// metric returns the value of a series, which must be there.
func (n *Node) metric(t testing.TB, series string) float64 {
	t.Helper()
	response, err := http.Get(n.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n"+series+" ")
	if !ok {
		t.Fatalf("no %s in the metrics:\n%s", series, text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
