package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/whippet-media/whippet/internal/metrics/metricstest"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// TestDeployedQueriesFindTheirMetrics: what deploy/ has a dashboard and alerts of is what
// a node serves that had a session.
func TestDeployedQueriesFindTheirMetrics(t *testing.T) {
	s := startServe(t, "--auth=open", "--metrics-streams=10",
		"--pull=other=http://127.0.0.1:1/whep/other", "--push=live=http://127.0.0.1:1/whip/live",
		"--redis="+relaytest.Redis(t).URL(), "--cluster-secret="+strings.Repeat("s", 32), "--node-url=http://127.0.0.1:1",
		"--webhook=http://127.0.0.1:1/", "--webhook-secret=whsec_"+strings.Repeat("a", 32))
	base := s.find(t, `Streams\s+(http://localhost:\d+)`)
	published := make(chan int, 1)
	go func() {
		status, _, _ := command(t, vars{}, "", "publish", base+"/whip/live", "--keyframe-interval=1", "--duration=4s", "--json")
		published <- status
	}()
	if status, out, err := command(t, vars{}, "", "play", base+"/whep/live", "--duration=3s", "--json"); status != 0 {
		t.Fatalf("play ended with %d: %s\n%s", status, err, out)
	}
	served := scrape(t, s.find(t, `Admin\s+(\S+/metrics)`))
	if status := <-published; status != 0 {
		t.Errorf("publish ended with %d", status)
	}
	for _, q := range append(metricstest.ReadDashboard(t).Queries(), metricstest.Rules(t)...) {
		for _, u := range q.Uses() {
			if !served[u.Name] {
				t.Errorf("%s: the node serves no %s", q.Where, u.Name)
			}
		}
	}
}

// scrape returns the names of all series that /metrics has.
func scrape(t *testing.T, url string) map[string]bool {
	t.Helper()
	r, err := http.Get(url) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	p := expfmt.NewTextParser(model.UTF8Validation)
	all, err := p.TextToMetricFamilies(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name, f := range all {
		names[name] = true
		if f.Metric[0].Histogram != nil {
			names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = true, true, true
		}
	}
	return names
}
