//go:build bars

package bars

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	visitRate   = 200    // POSTs a second, each with its DELETE
	forgeryRate = 10_000 // bad tokens a second
	forgeries   = 30_000 // bad tokens in all
	callers     = 16     // requests at the same time
)

// doors measures what strangers cost those who watch: sessions that begin and end and never
// connect, and bad tokens. Each on a node of its own.
func (b *bench) doors(t *testing.T) {
	b.visits(t)
	b.forgeries(t)
}

// visits compares the forwarding latency of a stream with that while sessions come and go.
func (b *bench) visits(t *testing.T) {
	node := harness.StartNode(t, harness.Binary(t, harness.Build{}), "--max-request-rate", "0")
	var more []float64
	for range 3 {
		quiet := latency(t, node)
		stop := make(chan struct{})
		var running sync.WaitGroup
		var made atomic.Int64
		started := time.Now()
		running.Go(func() { visit(node, stop, &made) })
		busy := latency(t, node)
		close(stop)
		running.Wait()
		if rate := float64(made.Load()) / time.Since(started).Seconds(); rate < 0.9*visitRate {
			t.Errorf("only %.0f sessions a second came and went, want %d", rate, visitRate)
		}
		more = append(more, max(busy-quiet, 0))
	}
	b.add(t, bar{Name: "p99 of forwarding, more with 200 POST and DELETE a second", Unit: "ms", Samples: more, Quantile: 0.5, Limit: 5})
}

// latency is the 99th percentile of the time from a publisher to its 30 subscribers, in ms.
func latency(t *testing.T, node *harness.Node) float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bench.json")
	cmd := exec.Command(harness.Binary(t, harness.Build{}), "bench", node.URL, "--subscribers", "30", "--joins", "0", "--seconds", "8", "--rounds", "1", "--json", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("whippet bench: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Points []struct {
			Result struct {
				LatencyMs struct{ P99 float64 }
			}
		}
	}
	if err := json.Unmarshal(text, &report); err != nil || len(report.Points) != 1 || report.Points[0].Result.LatencyMs.P99 == 0 {
		t.Fatalf("whippet bench said %s", text)
	}
	return report.Points[0].Result.LatencyMs.P99
}

// visit begins and ends sessions at an even pace until stop is closed; made counts them.
func visit(node *harness.Node, stop <-chan struct{}, made *atomic.Int64) {
	offer, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "examples", "whep-offer.sdp"))
	if err != nil {
		panic(err)
	}
	paced(visitRate, stop, func(c *http.Client) {
		r, err := c.Post(node.WHEP("visited"), "application/sdp", strings.NewReader(string(offer)))
		if err != nil || r.StatusCode != http.StatusCreated {
			return
		}
		drain(r)
		request, err := http.NewRequest(http.MethodDelete, r.Header.Get("Location"), nil)
		if err != nil {
			return
		}
		if r, err = c.Do(request); err == nil && r.StatusCode == http.StatusOK {
			made.Add(1)
			drain(r)
		}
	})
}

// paced calls do at a rate, from a few goroutines, until stop is closed.
func paced(rate int, stop <-chan struct{}, do func(*http.Client)) {
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	defer c.CloseIdleConnections()
	due := make(chan struct{}, rate) // a second's worth may be late
	var working sync.WaitGroup
	for range callers {
		working.Go(func() {
			for range due {
				do(c)
			}
		})
	}
	defer working.Wait()
	defer close(due)
	started := time.Now()
	for sent := 0; ; {
		for due := due; sent < int(time.Since(started).Seconds()*float64(rate)); sent++ {
			select {
			case due <- struct{}{}:
			case <-stop:
				return
			}
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond): // to the next ones
		}
	}
}

func drain(r *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
	r.Body.Close()
}

// forgeries measures the node's own CPU time for tokens that are signed with the wrong secret, by
// one address, with the settings a node has by itself.
func (b *bench) forgeries(t *testing.T) {
	node := harness.StartNode(t, harness.Binary(t, harness.Build{}), "--auth", "token")
	// The form of an HS256 token: what differs is its signature.
	const head = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ3aGlwcGV0IiwiZXhwIjo0MTAyNDQ0ODAwLCJhY3Rpb25zIjpbInB1Ymxpc2giXSwic3RyZWFtcyI6WyIqIl19."
	var refused, taken atomic.Int64
	stop := make(chan struct{})
	var closed sync.Once
	before := cpuTime(t, node.Process)
	paced(forgeryRate, stop, func(c *http.Client) {
		r, err := http.NewRequest(http.MethodPost, node.WHIP("x"), nil)
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer "+head+(rand.Text() + rand.Text())[:43])
		answer, err := c.Do(r)
		if err != nil {
			return
		}
		drain(answer)
		if answer.StatusCode < 400 {
			taken.Add(1)
		}
		if refused.Add(1) >= forgeries {
			closed.Do(func() { close(stop) })
		}
	})
	used := cpuTime(t, node.Process) - before
	if taken.Load() > 0 {
		t.Errorf("%d bad tokens were taken", taken.Load())
	}
	perSecond := used.Seconds() / float64(refused.Load()) * forgeryRate
	b.add(t, bar{Name: "processors for 10,000 bad tokens a second", Unit: "cores", Samples: []float64{perSecond}, Quantile: 1, Limit: 0.5})
}

// cpuTime is what a process has used so far, in user and system.
func cpuTime(t *testing.T, p *harness.Process) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, proc_pid_stat(5)
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // of USER_HZ
}
