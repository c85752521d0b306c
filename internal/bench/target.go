package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Server names what is under load.
type Server string

// The servers there can be.
const (
	Node     Server = "whippet"  // started here
	Plain    Server = "baseline" // the plain pion SFU, started here
	External Server = "server"   // named by its URL
)

// A target is a server that runs.
type target struct {
	url   string
	admin string // "" if there is none: with /metrics, and /debug/pprof/ of a node
	pid   int    // 0: not on this machine, or not told
	child *child // nil: not ours
	data  string // folder to remove; "" if there is none
}

// Program makes commands of this program: a node, the baseline, a generator.
type Program func(args ...string) *exec.Cmd

var (
	nodeURL   = regexp.MustCompile(`Streams\s+http://localhost(:\d+)/`)
	nodeAdmin = regexp.MustCompile(`Admin\s+(http://\S+)/metrics`)
)

// startNode runs a node on free loopback ports.
func startNode(program Program, env ...string) (*target, error) {
	data, err := os.MkdirTemp("", "whippet-bench-")
	if err != nil {
		return nil, err
	}
	cmd := program("serve", "--auth=open", "--data="+data, "--log-level=error",
		"--http=127.0.0.1:0", "--media=127.0.0.1:0", "--admin=127.0.0.1:0", "--max-sessions=20000",
		"--max-request-rate=0") // all clients come from one address
	cmd.Env = append(cmd.Environ(), env...)
	c, err := startChild("the node", cmd)
	if err != nil {
		_ = os.RemoveAll(data)
		return nil, err
	}
	t := &target{child: c, pid: c.cmd.Process.Pid, data: data}
	err = t.read(func(said string) bool {
		base, admin := nodeURL.FindStringSubmatch(said), nodeAdmin.FindStringSubmatch(said)
		if base == nil || admin == nil {
			return false
		}
		t.url, t.admin = "http://127.0.0.1"+base[1], admin[1]
		return true
	})
	return t.orStop(err)
}

// startBaseline runs the plain pion SFU.
func startBaseline(program Program, codec Codec, env ...string) (*target, error) {
	cmd := program("bench-baseline", string(codec))
	cmd.Env = append(cmd.Environ(), env...)
	c, err := startChild("the baseline", cmd)
	if err != nil {
		return nil, err
	}
	t := &target{child: c, pid: c.cmd.Process.Pid}
	err = t.read(func(said string) bool {
		t.url = strings.TrimSpace(said)
		t.admin = t.url
		return strings.HasSuffix(said, "\n")
	})
	return t.orStop(err)
}

func (t *target) orStop(err error) (*target, error) {
	if err != nil {
		t.stop()
		return nil, t.child.fail(err)
	}
	return t, nil
}

// read collects lines of the child until they say enough.
func (t *target) read(enough func(said string) bool) error {
	slow := time.AfterFunc(startWithin, func() { _ = t.child.cmd.Process.Kill() })
	defer slow.Stop()
	said := ""
	const maxSaid = 64 << 10
	for len(said) < maxSaid {
		line, err := t.child.out.ReadString('\n')
		said += line
		if enough(said) {
			go io.Copy(io.Discard, t.child.out) //nolint:errcheck // until it ends
			return nil
		}
		if err != nil {
			return errors.New("it ended without saying where it listens")
		}
	}
	return errors.New("it said much, but not where it listens")
}

// stop ends a server of ours.
func (t *target) stop() {
	if t.child != nil {
		t.child.stop()
	}
	if t.data != "" {
		_ = os.RemoveAll(t.data)
	}
}

// get asks the admin address.
func (t *target) get(ctx context.Context, path string, most int64) ([]byte, error) {
	if t.admin == "" {
		return nil, errors.New("no admin address")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, most))
}

// goroutines asks /metrics.
func (t *target) goroutines(ctx context.Context) (int, error) {
	const maxMetrics = 4 << 20
	b, err := t.get(ctx, "/metrics", maxMetrics)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return int(n), err
		}
	}
	return 0, errors.New("no go_goroutines in /metrics")
}

// profile writes a CPU profile of the node to a file. It returns when it is taken.
func (t *target) profile(ctx context.Context, path string, seconds int) error {
	b, err := t.get(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), maxProfile)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
