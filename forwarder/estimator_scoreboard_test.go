package forwarder_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// update writes the scoreboard of estimators anew, with the rows of pion's, which are not
// played otherwise.
var update = flag.Bool("update", false, "write testdata/estimator.txt anew")

const scoreboard = "estimator.txt"

// A score is what an estimator made of a scenario, means of several seeds.
type score struct {
	share    float64       // of what fits
	settled  time.Duration // see promise; the worst; negative: never
	queue    time.Duration // 95 % of the time
	dropped  float64       // by the bottleneck's queue, share of packets
	padding  float64       // share of what was sent
	switches float64
}

// String writes the score as the scoreboard has it.
func (s score) String() string {
	settled := "never"
	if s.settled >= 0 {
		settled = fmt.Sprintf("%.1f s", s.settled.Seconds())
	}
	return fmt.Sprintf("%3.0f %% of what fits, settled %7s, queue %4d ms, dropped %4.1f %%, padding %4.1f %%, switches %4.1f",
		100*s.share, settled, s.queue/ms, 100*s.dropped, 100*s.padding, s.switches)
}

// available is what one of the two kinds of sources may get of a path at a time.
func available(l *link.Link, cfg *link.Config, at time.Duration) float64 {
	c := float64(l.Capacity(at))
	if c == 0 {
		return 1e9
	}
	for _, o := range cfg.Others {
		switch {
		case at < o.Start || o.End > 0 && at >= o.End:
		case o.Bitrate > 0:
			c -= float64(o.Bitrate)
		default:
			c /= 2 // its fair share
		}
	}
	return c
}

// fitting is the best layer that fits with a little to spare.
func fitting(bitrate float64) int {
	best := 0
	for i := range layerBitrates() {
		if wireBitrate(i) <= 0.96*bitrate {
			best = i
		}
	}
	return best
}

// settling notes since when all was as it should be.
type settling struct {
	changed, since time.Duration // since negative: it is not
}

func (s *settling) see(now time.Duration, right bool) {
	if !right {
		s.since = -1
	} else if s.since < 0 {
		s.since = now
	}
}

// play plays a scenario with one seed.
func (s *scenario) play(est estimating, kind string, seed uint64, wait func()) score {
	cfg := s.cfg
	cfg.Seed = seed
	p := newPath(est, cfg)
	p.recv.Drift = s.drift
	var src source = newElastic()
	layers := newLayered()
	if kind == "layers" {
		src = layers
	}
	var got, fits float64
	last := settling{since: -1, changed: s.lastChange()}
	p.each = func() {
		most := available(p.link, &cfg, p.now)
		if kind == "layers" {
			best := fitting(most)
			got += min(wireBitrate(layers.current), wireBitrate(best))
			fits += wireBitrate(best)
			last.see(p.now, layers.current == best)
			return
		}
		most = min(most, newElastic().most)
		fits += most
		last.see(p.now, float64(est.Estimate()) > 0.8*most)
	}
	length := s.length
	if length == 0 {
		length = time.Minute
	}
	p.run(src, length, wait)
	if kind != "layers" {
		got = float64(p.got-p.padding) * 8 * 1000
	}
	c := p.link.Counts()
	slices.Sort(p.queued)
	out := score{
		share: got / fits, queue: p.queued[len(p.queued)*95/100], dropped: float64(c.Overflowed) / float64(c.Sent),
		padding: float64(p.padding) / float64(p.sent), switches: float64(layers.switches), settled: -1,
	}
	if last.since >= 0 {
		out.settled = max(0, last.since-last.changed)
	}
	return out
}

// lastChange is when the path changes last.
func (s *scenario) lastChange() time.Duration {
	last := time.Duration(0)
	for _, c := range s.cfg.Capacity {
		last = max(last, c.At)
	}
	for _, o := range s.cfg.Others {
		last = max(last, o.Start, o.End)
	}
	return last
}

// mean plays a scenario with several seeds.
func (s *scenario) mean(kind string, play func(seed uint64) score) score {
	var sum score
	seeds := []uint64{1, 2, 3}
	for _, seed := range seeds {
		one, n := play(seed), float64(len(seeds))
		sum.share += one.share / n
		sum.queue += one.queue / time.Duration(len(seeds))
		sum.dropped += one.dropped / n
		sum.padding += one.padding / n
		sum.switches += one.switches / n
		if sum.settled = max(sum.settled, one.settled); one.settled < 0 {
			sum.settled = time.Hour
		}
	}
	if sum.settled >= time.Hour {
		sum.settled = -1
	}
	return sum
}

// TestEstimatorScenarios plays all scenarios, holds each row of the scoreboard against
// what is promised, and against the row as it was.
func TestEstimatorScenarios(t *testing.T) {
	before, lines := storedScores(t), []string(nil)
	for _, kind := range []string{"layers", "elastic"} {
		for _, s := range scenarios() {
			got := s.mean(kind, func(seed uint64) score {
				return s.play(forwarder.NewEstimator(forwarder.EstimatorConfig{}), kind, seed, nil)
			})
			row := fmt.Sprintf("%-8s %-28s", kind, s.name)
			lines = append(lines, row+got.String())
			s.want.hold(t, row, kind, got)
			if old, ok := before[strings.TrimSpace(row)]; ok && !*update {
				got.notWorse(t, row, old)
			} else if !*update {
				t.Errorf("%s is not in the scoreboard (go test ./forwarder -run Scenarios -update)", row)
			}
			if *update {
				lines = append(lines, fmt.Sprintf("%-35s  ", "           pion/interceptor")+pionScore(t, &s, kind).String())
			}
		}
	}
	if *update {
		storeScores(t, lines)
	}
}

// hold reports what a score lacks of a promise.
func (w *promise) hold(t *testing.T, row, kind string, got score) {
	t.Helper()
	share := w.elastic
	if kind == "layers" {
		share = w.layers
		if got.switches > float64(w.switches) && w.switches > 0 {
			t.Errorf("%s: %.1f switches, at most %d are promised", row, got.switches, w.switches)
		}
		if w.queue > 0 && got.queue > w.queue {
			t.Errorf("%s: a queue of %v, %v is promised", row, got.queue, w.queue)
		}
		if w.settled > 0 && (got.settled < 0 || got.settled > w.settled) {
			t.Errorf("%s: settled after %v, %v is promised", row, got.settled, w.settled)
		}
	}
	if got.share < share {
		t.Errorf("%s: %.2f of what fits, %.2f is promised", row, got.share, share)
	}
}

// notWorse reports where a score is worse than the stored one by more than chance.
func (s score) notWorse(t *testing.T, row string, old score) {
	t.Helper()
	settled := func(d time.Duration) time.Duration {
		if d < 0 {
			return time.Minute
		}
		return d
	}
	if s.share < old.share-0.05 || s.queue > old.queue*13/10+20*ms || s.dropped > old.dropped+0.01 ||
		s.padding > old.padding+0.02 || s.switches > old.switches+2 || settled(s.settled) > settled(old.settled)*3/2+3*time.Second {
		t.Errorf("%s is worse than it was:\nnow: %v\nwas: %v", row, s, old)
	}
}

// pionScore is what pion's estimator makes of a scenario.
func pionScore(t *testing.T, s *scenario, kind string) score {
	return s.mean(kind, func(seed uint64) (out score) {
		synctest.Test(t, func(t *testing.T) {
			est, err := newPionEstimator()
			if err != nil {
				t.Fatal(err)
			}
			out = s.play(est, kind, seed, func() { time.Sleep(ms); synctest.Wait() })
			if err := est.bwe.Close(); err != nil {
				t.Error(err)
			}
		})
		return out
	})
}

var scoreLine = regexp.MustCompile(`^(.{8} .{28})\s*(\d+) % of what fits, settled\s+(never|[\d.]+)(?: s)?, queue\s+(\d+) ms, dropped\s+([\d.]+) %, padding\s+([\d.]+) %, switches\s+([\d.]+)$`)

// storedScores reads the scoreboard.
func storedScores(t *testing.T) map[string]score {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", scoreboard))
	if err != nil && !*update {
		t.Fatal(err)
	}
	all := map[string]score{}
	for line := range strings.Lines(string(b)) {
		m := scoreLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		number := func(i int) float64 {
			v, err := strconv.ParseFloat(m[i], 64)
			if err != nil && m[i] != "never" {
				t.Fatal(err)
			}
			return v
		}
		s := score{share: number(2) / 100, queue: time.Duration(number(4)) * ms, dropped: number(5) / 100, padding: number(6) / 100, switches: number(7)}
		if s.settled = time.Duration(number(3) * float64(time.Second)); m[3] == "never" {
			s.settled = -1
		}
		all[strings.TrimSpace(m[1])] = s
	}
	return all
}

func storeScores(t *testing.T, lines []string) {
	t.Helper()
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	head := "What estimators make of paths: means of three seeds, the worst of three for settled. A row of\n" +
		"pion/interceptor's estimator stands below each of ours, for comparison.\n\n"
	if err := os.WriteFile(filepath.Join("testdata", scoreboard), []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
