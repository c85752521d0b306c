package check

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// endTime is what a node needs after its drain time, for requests that still run, and more.
	endTime = 10 * time.Second

	// patience is how long a test waits for what takes a moment.
	patience = 30 * time.Second
)

// settings are the variables and flags that a node knows, of the page that is made of them.
type settings map[string]bool

func readSettings(t *testing.T) settings {
	t.Helper()
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	s := settings{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)` \\| `(WHIPPET_[A-Z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		s[m[1]], s[m[2]] = true, true
	}
	if len(s) < 50 {
		t.Fatalf("docs/settings.md has %d names", len(s))
	}
	return s
}

// check finds variables that a node would not read, and flags it would refuse.
func (s settings) check(t *testing.T, where string, args []string, env map[string]string) {
	t.Helper()
	for name := range env {
		if strings.HasPrefix(name, "WHIPPET_") && !s[name] {
			t.Errorf("%s: there is no setting %s", where, name)
		}
	}
	for _, a := range args {
		if name, _, _ := strings.Cut(a, "="); strings.HasPrefix(a, "--") && !s[name] {
			t.Errorf("%s: there is no setting %s", where, name)
		}
	}
}

// places says what stands on this machine for what a file of deploy/ names.
type places struct{ pairs []string }

func newPlaces(of map[string]string) *places {
	p := &places{}
	for name, here := range of {
		p.add(name, here)
	}
	return p
}

func (p *places) add(name, here string) *places {
	p.pairs = append(p.pairs, name, here)
	return p
}

// A node is what a file of deploy/ starts.
type node struct {
	name         string
	args         []string
	env          map[string]string
	ready, alive string            // paths of its probes; empty for the program's own check
	dir          map[string]string // folders by the path they are mounted at

	cmd     *exec.Cmd
	log     bytes.Buffer
	environ []string
	http    string
	admin   string
}

// runCluster starts the nodes on ports of this machine, and checks that they become ready,
// know each other by the shared Redis and secret, and end in good time.
func runCluster(t *testing.T, redis string, at *places, nodes []*node) {
	t.Helper()
	program := build(t)
	for _, n := range nodes {
		n.place(t, at)
		n.start(t, program)
	}
	for _, n := range nodes {
		n.becomesReady(t, program)
	}
	announced(t, redis, nodes)
	for _, n := range nodes {
		n.ends(t)
	}
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whippet")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", path, "./cmd/whippet").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// place gives the node's settings ports and folders of this machine. All else stays.
func (n *node) place(t *testing.T, at *places) {
	t.Helper()
	pairs := append([]string{}, at.pairs...)
	n.http, n.admin = "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	port := n.env["WHIPPET_HTTP"][strings.LastIndexByte(n.env["WHIPPET_HTTP"], ':'):]
	admin := n.env["WHIPPET_ADMIN"][strings.LastIndexByte(n.env["WHIPPET_ADMIN"], ':'):]
	for path, dir := range n.dir {
		pairs = append(pairs, path, dir)
	}
	hosts := strings.NewReplacer(pairs...)
	ports := strings.NewReplacer(port, n.http[strings.LastIndexByte(n.http, ':'):], admin, n.admin[strings.LastIndexByte(n.admin, ':'):])
	for name, v := range n.env {
		v = hosts.Replace(v)
		if name != "WHIPPET_REDIS" {
			v = ports.Replace(v)
		}
		n.environ = append(n.environ, name+"="+v)
	}
}

func (n *node) start(t *testing.T, program string) {
	t.Helper()
	n.cmd = exec.Command(program, n.args...)
	n.cmd.Env = n.environ // and nothing of this machine
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n.cmd.ProcessState == nil {
			_ = n.cmd.Process.Kill()
			_ = n.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s:\n%s", n.name, n.log.String())
		}
	})
}

func (n *node) becomesReady(t *testing.T, program string) {
	t.Helper()
	until(t, n.name+" is ready", func() error {
		if n.ready == "" {
			health := exec.Command(program, "health")
			health.Env = n.environ
			if out, err := health.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return get(n.admin, "/readyz")
		}
		if err := get(n.admin, n.alive); err != nil {
			return err
		}
		return get(n.admin, n.ready)
	})
	if err := get(n.http, "/"); err != nil {
		t.Errorf("%s: %v", n.name, err)
	}
}

// announced waits until Redis knows the nodes by the names and addresses they were given.
func announced(t *testing.T, redis string, nodes []*node) {
	t.Helper()
	for _, n := range nodes {
		until(t, n.name+" is announced", func() error {
			out, err := redisCLI(redis, nodes[0].env["REDIS_PASSWORD"], "HGET", "whippet:{nodes}:info", n.name)
			if err != nil || !strings.Contains(out, "http://"+n.http) {
				return fmt.Errorf("%q, %w", out, err)
			}
			return nil
		})
	}
}

func (n *node) ends(t *testing.T) {
	t.Helper()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", n.name, err)
	}
}

func get(host, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return err
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if text, _ := io.ReadAll(io.LimitReader(a.Body, 200)); a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, a.Status, text)
	}
	return nil
}

// startRedis starts a server with a command line of deploy/, on a free port, and returns its
// address.
func startRedis(t *testing.T, command ...string) string {
	t.Helper()
	if len(command) == 0 || command[0] != "redis-server" {
		t.Fatalf("no Redis: %q", command)
	}
	port := freePort(t)
	cmd := exec.Command(command[0], append(command[1:], "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir())...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run test/setup.sh, or apt-get install redis-server", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	until(t, "Redis answers", func() error {
		_, err := redisCLI("127.0.0.1:"+port, "", "PING")
		return err
	})
	return "127.0.0.1:" + port
}

func redisCLI(redis, password string, command ...string) (string, error) {
	host, port, _ := net.SplitHostPort(redis)
	args := []string{"-h", host, "-p", port}
	cmd := exec.Command("redis-cli", append(args, command...)...)
	if password != "" {
		cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+password)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// drainTime finds how long a node waits for its clients to go: the value of a variable, or
// of --drain-time among arguments.
func drainTime(t *testing.T, values ...string) time.Duration {
	t.Helper()
	for _, v := range values {
		if d, err := time.ParseDuration(strings.TrimPrefix(v, "--drain-time=")); err == nil {
			return d
		}
	}
	t.Fatalf("no drain time in %q", values)
	return 0
}

func until(t *testing.T, what string, done func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = done(); err == nil {
			return
		}
	}
	t.Fatalf("%s: in vain: %v", what, err)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t *testing.T, s string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}
