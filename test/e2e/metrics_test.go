//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/metrics/metricstest"
	"github.com/whippet-media/whippet/relay/relaytest"
	"github.com/whippet-media/whippet/test/harness"
)

// Each alert fires when it should, and is silent for a healthy node.
func TestAlertRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "config", metricstest.Deploy(t, "prometheus/prometheus.yaml")}, // and the rules it names
		{"test", "rules", metricstest.Deploy(t, "prometheus/rules_test.yaml")},
	} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// A Prometheus server that scrapes a node with the configuration of deploy/ answers every query of
// the dashboard, and loads the alerts. What is empty is empty because nothing of the kind happened.
func TestDashboardQueries(t *testing.T) {
	l := newNode(t, harness.StartNode, "--metrics-streams", "10", "--pull=other=http://127.0.0.1:1/whep/other", "--push=studio=http://127.0.0.1:1/whip/studio",
		"--redis", relaytest.Redis(t).URL(), "--cluster-secret", strings.Repeat("s", 32), "--node-url", "http://127.0.0.1:1",
		"--webhook", "http://127.0.0.1:1/", "--webhook-secret", "whsec_"+strings.Repeat("a", 32))
	l.whippet(t, "publish", l.node.WHIP("studio"), "--keyframe-interval=1")
	l.whippet(t, "play", l.node.WHEP("studio"))
	p := startPrometheus(t, strings.TrimPrefix(l.node.Admin, "http://"))
	p.await(t, `sum (rate(whippet_watched_seconds_total[10s])) > 0.5`)
	var empty []string
	for _, q := range metricstest.ReadDashboard(t).Queries() {
		found := p.query(t, q.Filled())
		if len(found) == 0 && !mayBeEmpty(q) {
			t.Errorf("%s: nothing for %s", q.Where, q.Filled())
		}
		if len(found) == 0 {
			empty = append(empty, q.Where)
		}
		for _, sample := range found {
			if sample == "NaN" && !mayBeEmpty(q) {
				t.Errorf("%s: %s for %s", q.Where, sample, q.Filled())
			}
		}
	}
	t.Logf("nothing to show in %q", empty)
	harness.Eventually(t, startsWithin, func() error { return p.loaded(len(metricstest.Rules(t))) })
}

// mayBeEmpty tells whether a query shows what is not there in a good session that goes on: faults
// by their kind, sessions that end, quantiles of what happened before the server looked.
func mayBeEmpty(q metricstest.Query) bool {
	for _, title := range []string{
		"Datagrams lost on this machine", "Packets not sent or not taken", "Something wrong", "Ends by reason", "Length of sessions",
		"Viewers whose picture stood still", "POSTs by answer", "Steps of", "First picture", "Sessions with other servers",
	} {
		if strings.HasPrefix(q.Where, title) {
			return true
		}
	}
	return false
}

// prometheus is a running server.
type prometheus struct{ api string }

// startPrometheus runs one with the configuration of deploy/, but for the target and the intervals.
func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile(metricstest.Deploy(t, "prometheus/prometheus.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("127.0.0.1:9090", target, "15s", "1s").Replace(string(b))
	rules, err := os.ReadFile(metricstest.Deploy(t, "prometheus/rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"prometheus.yaml": config, "rules.yaml": string(rules)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	harness.Start(t, harness.Command{Path: "prometheus", Args: []string{
		"--config.file", filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", address, "--log.level", "warn",
	}})
	return prometheus{"http://" + address + "/api/v1/"}
}

// get asks the API.
func (p prometheus) get(path string, into any) error {
	r, err := http.Get(p.api + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", r.Status, b)
	}
	return json.Unmarshal(b, into)
}

// ask returns the values of a query's samples.
func (p prometheus) ask(expr string) ([]string, error) {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := p.get("query?query="+url.QueryEscape(expr), &answer); err != nil {
		return nil, err
	}
	var values []string
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values, nil
}

func (p prometheus) query(t *testing.T, expr string) []string {
	t.Helper()
	values, err := p.ask(expr)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
	}
	return values
}

// await waits until a query has a result.
func (p prometheus) await(t *testing.T, expr string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		values, err := p.ask(expr)
		switch {
		case len(values) > 0:
			return
		case time.Now().After(end):
			t.Fatalf("nothing for %s: %v", expr, err)
		}
	}
}

// loaded returns nil once so many alerts are there and all were evaluated.
func (p prometheus) loaded(want int) error {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := p.get("rules", &answer); err != nil {
		return err
	}
	n := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				return fmt.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
			n++
		}
	}
	if n != want {
		return fmt.Errorf("%d alerts are loaded, want %d", n, want)
	}
	return nil
}

// What the node says of a browser that plays well: it has a picture at once, and none stands still.
func TestMetricsOfABrowser(t *testing.T) {
	l := newLab(t)
	begun := time.Now()
	l.open(t).Publish(t, "publish", harness.Publishing{URL: l.node.WHIP("studio"), Codec: "VP8"})
	s := l.watch(t, "studio")
	s.AwaitFrames(t, 150, 2*startsWithin)
	wantPicture(t, s)
	r, err := http.Get(l.node.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	best, frozen := values[`whippet_watched_seconds_total{picture="best"}`], values[`whippet_watched_seconds_total{picture="frozen"}`]
	if best < 2 || frozen > 0.1*best {
		t.Errorf("%v s on the best layer, %v s frozen", best, frozen)
	}
	most := time.Since(begun).Seconds()
	for _, kind := range []string{"whip", "whep"} {
		for _, step := range []string{"answer", "ice", "dtls", "first_packet", "first_keyframe"} {
			of := fmt.Sprintf(`{kind=%q,step=%q}`, kind, step)
			// A publisher's first packet may be there as soon as it is connected.
			if n, sum := values["whippet_session_setup_seconds_count"+of], values["whippet_session_setup_seconds_sum"+of]; n != 1 || sum < 0 || sum == 0 && step != "first_packet" || sum > most {
				t.Errorf("%s: %v values, sum %v", of, n, sum)
			}
		}
	}
	t.Logf("best %v s, frozen %v s; first picture after %v s", best, frozen, values[`whippet_session_setup_seconds_sum{kind="whep",step="first_keyframe"}`])
}
