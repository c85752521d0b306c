package bench_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/bench"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
)

// TestMain is also every process that a measurement starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Getenv(asProcess) != "" {
		os.Exit(process(os.Args[1:]))
	}
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write testdata anew")

const asProcess = "BENCH_TEST_PROCESS"

func process(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch args[0] {
	case "serve":
		err = serve(ctx)
	case "bench-load":
		err = bench.Generate(ctx, os.Stdin, os.Stdout)
	case "bench-baseline":
		err = bench.Baseline(ctx, os.Stdout, bench.Codec(args[1]))
	default:
		err = errors.New("no such process")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve is what the command does, with the lines that a measurement reads.
func serve(ctx context.Context) error {
	cfg := config.Config{
		HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Admin: "127.0.0.1:0", Open: true, MaxSessions: 1000, CORSOrigins: []string{"*"},
	}
	host, err := node.Open(ctx, cfg, nil, nil, "test")
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(host.HTTPAddr().String(), ":")
	fmt.Printf("  Streams  http://localhost:%s/\n  Admin http://%s/metrics\n", port, host.AdminAddr())
	return host.Serve(ctx)
}

func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProcess+"=1")
	return cmd
}

// small is a load that a busy machine carries under the race detector.
func small() bench.Load {
	l := bench.DefaultLoad()
	l.Subscribers, l.Bitrate, l.KeyframeInterval = 3, 800_000, time.Second
	l.Joins, l.Warmup, l.Window = 2, time.Second, 2*time.Second
	return l
}

func run(t *testing.T, o bench.Options) *bench.Report {
	t.Helper()
	o.Program = program
	r, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkCounts: everything that was sent in the window reached everybody, readable.
func checkCounts(t *testing.T, r *bench.Result) {
	t.Helper()
	if r.Sent == 0 || r.Delivered != r.Sent || r.Loss != 0 {
		t.Errorf("sent %v, delivered %v, loss %v", r.Sent, r.Delivered, r.Loss)
	}
	if r.Failed+r.NoKeyframe+r.Unreadable+r.Unauthentic != 0 {
		t.Errorf("failed %v, without keyframe %v, unreadable %v, unauthentic %v", r.Failed, r.NoKeyframe, r.Unreadable, r.Unauthentic)
	}
	l := r.LatencyMs
	if l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max || l.Max > 60_000 {
		t.Errorf("latency %+v", l)
	}
	for name, s := range map[string]bench.Spread{"created": r.CreatedMs, "first RTP": r.FirstRTPMs, "first keyframe": r.FirstKeyframeMs} {
		if s.P50 <= 0 || s.P50 > s.P95 || s.P95 > s.Max {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func checkCost(t *testing.T, c *bench.Cost) {
	t.Helper()
	if c == nil || c.CPUUsPerPacket <= 0 || c.Cores <= 0 || c.GoroutinesPerSubscriber == nil || c.CPUMsPerJoin == nil || *c.CPUMsPerJoin <= 0 {
		t.Errorf("cost %+v", c)
	}
}

// TestCountsAddUp measures a node and the baseline, each codec and pace.
func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		codec   bench.Codec
		pace    bench.Pace
		profile bench.Profile
	}{{bench.H264, bench.Paced, bench.GCM}, {bench.VP8, bench.Burst, bench.CM}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			l := small()
			l.Codec, l.Pace, l.Profile = test.codec, test.pace, test.profile
			r := run(t, bench.Options{Load: l, Baseline: true})
			p := &r.Points[0]
			if len(p.Rounds) != 2 || p.Rounds[0].Server != bench.Node || p.Rounds[1].Server != bench.Plain {
				t.Fatalf("rounds %+v", p.Rounds)
			}
			for i := range p.Rounds {
				checkCounts(t, &p.Rounds[i].Result)
				checkCost(t, p.Rounds[i].Result.Server)
			}
			if p.Ratio["cpuPerPacket"] <= 0 || p.Ratio["memoryPerSubscriber"] == 0 {
				t.Errorf("ratio %v", p.Ratio)
			}
			// 800 kbit/s in packets, frames and sound of 2 s
			each := p.Result.Sent / 3
			if each < 200 || each > 600 {
				t.Errorf("%v packets sent to each", each)
			}
		})
	}
}

// TestPlantedLoss: what subscribers throw away is lost if nobody repairs it, and is
// repaired where it can be.
func TestPlantedLoss(t *testing.T) {
	t.Parallel()
	l := small()
	l.Loss, l.Window, l.Joins = 0.05, 3*time.Second, 0
	p := run(t, bench.Options{Load: l}).Points[0].Result
	if p.Thrown == 0 || p.NACKs == 0 || p.Repaired+p.Duplicates == 0 && p.Loss == 0 {
		t.Errorf("nothing was repaired: %+v", p)
	}
	// Sound is not repaired, video nearly always.
	if p.Loss <= 0 || p.Loss > 0.05 {
		t.Errorf("loss %v of 5 %% thrown away", p.Loss)
	}
}

func TestChurnAndSeveralStreams(t *testing.T) {
	t.Parallel()
	l := small()
	l.Publishers, l.Subscribers, l.Churn, l.Joins = 2, 2, 4, 0
	l.Storm = bench.Storm{Joins: 3, Within: time.Second}
	l.StalledTCP = 2
	r := run(t, bench.Options{Load: l, Sweep: []int{1, 2}, Breakdown: true})
	if len(r.Points) != 2 || r.Points[0].Subscribers != 1 || r.Points[1].Subscribers != 2 {
		t.Fatalf("points %+v", r.Points)
	}
	for i := range r.Points {
		p := &r.Points[i].Result
		checkCounts(t, p)
		if p.ChurnJoins < 4 || p.ChurnFailed != 0 {
			t.Errorf("%v joined while it was measured, %v failed", p.ChurnJoins, p.ChurnFailed)
		}
		s := p.Storm
		if s == nil || s.Joins != 3 || s.Failed != 0 || s.Loss != 0 || s.LatencyMs.P50 <= 0 || s.FirstKeyframeMs.P50 <= 0 || s.Cores <= 0 {
			t.Errorf("storm %+v", s)
		}
		if s := p.Stalled; s == nil || s.Stuck != 2 || s.Loss != 0 || s.LatencyMs.P50 <= 0 || s.LatencyMs.Max < s.LatencyMs.P99 {
			t.Errorf("stalled %+v", s)
		}
		checkBreakdown(t, r.Points[i].Rounds[0].Breakdown)
	}
	checkPlot(t, r)
	checkTable(t, r)
}

func checkBreakdown(t *testing.T, b *bench.Breakdown) {
	t.Helper()
	if b == nil || len(b.Resident) == 0 {
		t.Fatalf("breakdown %+v", b)
	}
	heap := map[string]float64{}
	for _, s := range b.Heap {
		heap[s.Name] = s.KB
	}
	if heap["forwarder"] <= 0 || heap["pion/dtls"] <= 0 || len(b.Sites) == 0 || len(b.Goroutines) == 0 {
		t.Errorf("breakdown %+v", b)
	}
}

// TestCapacity searches with a load that ends at once: a bitrate that a busy machine
// may or may not carry.
func TestCapacity(t *testing.T) {
	t.Parallel()
	l := small()
	l.Subscribers, l.Warmup, l.Window = 2, 0, time.Second
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempts := 0
	o := bench.Options{Load: l, Capacity: true, Baseline: true, Program: program, Progress: func(text string) {
		if strings.Contains(text, ": starting") {
			if attempts++; attempts == 4 {
				cancel()
			}
		}
	}}
	r, err := bench.Run(ctx, o)
	if !errors.Is(err, context.Canceled) || r.Capacity == nil || len(r.Capacity.Searches) != 2 {
		t.Fatalf("%v: %+v", err, r)
	}
	own, other := r.Capacity.Searches[0], r.Capacity.Searches[1]
	if len(own.Steps) != 2 || len(other.Steps) != 1 || own.Steps[0].Subscribers != 2 || own.Steps[0].Result == nil {
		t.Errorf("steps %+v and %+v", own.Steps, other.Steps)
	}
}

func checkPlot(t *testing.T, r *bench.Report) {
	t.Helper()
	var b strings.Builder
	if err := r.WritePlot(&b); err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if e, ok := token.(xml.StartElement); ok {
			names[e.Name.Local]++
		}
	}
	if names["svg"] != 1 || names["polyline"] != 4 || names["circle"] != 8 || strings.Contains(b.String(), "NaN") {
		t.Errorf("%v in\n%s", names, b.String())
	}
}

func checkTable(t *testing.T, r *bench.Report) {
	t.Helper()
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 × 1, median of 1", "2 × 2", "CPU per delivered packet", "first keyframe", "joins while measured", "in the storm: joins", "over TCP, with something left unread", "goroutines by who started them"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestInterrupt: whatever is under way, all processes end and the error says why.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	l := small()
	l.Warmup = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	o := bench.Options{Load: l, Program: program, Progress: func(text string) {
		if strings.Contains(text, "3 subscribers") {
			cancel()
		}
	}}
	if _, err := bench.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*bench.Options){
		"publishers":         func(o *bench.Options) { o.Load.Publishers = 0 },
		"subscribers":        func(o *bench.Options) { o.Sweep = []int{1, 1_000_000} },
		"codec":              func(o *bench.Options) { o.Load.Codec = "av1" },
		"pace":               func(o *bench.Options) { o.Load.Pace = "" },
		"profile":            func(o *bench.Options) { o.Load.Profile = "null" },
		"frames a second":    func(o *bench.Options) { o.Load.FPS = 0 },
		"bit/s":              func(o *bench.Options) { o.Load.Bitrate = 1 },
		"keyframe":           func(o *bench.Options) { o.Load.KeyframeInterval = 0 },
		"joins":              func(o *bench.Options) { o.Load.Ramp = 0 },
		"hour":               func(o *bench.Options) { o.Load.Window = 0 },
		"loss":               func(o *bench.Options) { o.Load.Loss = 1 },
		"rounds":             func(o *bench.Options) { o.Rounds = 1000 },
		"http://host:port":   func(o *bench.Options) { o.URL = "localhost" },
		"can stall":          func(o *bench.Options) { o.Load.StalledTCP = 1_000_000 },
		"a storm is":         func(o *bench.Options) { o.Load.Storm.Joins = 1 },
		"takes no sweep":     func(o *bench.Options) { o.Capacity, o.Sweep = true, []int{1} },
		"process and admin":  func(o *bench.Options) { o.URL, o.Breakdown = "http://127.0.0.1:1", true },
		"started here":       func(o *bench.Options) { o.URL, o.Profile = "http://localhost:1", "x" },
		"connection refused": func(o *bench.Options) { o.URL = "http://127.0.0.1:1" },
	} {
		o := bench.Options{Load: small(), Program: program}
		change(&o)
		if _, err := bench.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestSchema holds the JSON form to testdata: a field that goes or changes its name is
// somebody's broken script.
func TestSchema(t *testing.T) {
	number := 1.0
	result := bench.Result{Storm: &bench.StormResult{}, Stalled: &bench.StalledResult{}, Server: &bench.Cost{GoroutinesPerSubscriber: &number, CPUMsPerJoin: &number, CPUMsPerLeave: &number}}
	r := bench.Report{Schema: 1, Load: bench.DefaultLoad(), Points: []bench.Point{{
		Result: result, Baseline: &result, Ratio: map[string]float64{"cpuPerPacket": 0.5},
		Rounds: []bench.Round{{Server: bench.Node, Result: result, Breakdown: &bench.Breakdown{
			Resident: []bench.Share{{}}, Heap: []bench.Share{{}}, Sites: []bench.Share{{}}, Goroutines: []bench.Share{{}},
		}}},
	}}, Capacity: &bench.Capacity{Ratio: 1, Searches: []bench.Search{{Steps: []bench.Step{{Error: "e", Result: &result}}}}}}
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/report.json"
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(want)) != string(got) {
		t.Errorf("%s (%v) is not\n%s", path, err, got)
	}
}
