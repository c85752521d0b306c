package metrics_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/metrics/metricstest"
)

// TestDashboardIsWhatGrafanaReads: every field of it and of its panels is one that Grafana's
// own types have, of the right type, and none they need is missing.
func TestDashboardIsWhatGrafanaReads(t *testing.T) {
	b, err := os.ReadFile(metricstest.Deploy(t, "grafana/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	//lint:ignore SA1019 the form of files that every Grafana can import
	var d dashboard.Dashboard
	if err := d.UnmarshalJSONStrict(b); err != nil && err.Error() != "" { // some of its errors are lists of none
		t.Error(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}

// TestDashboardHoldsTogether: what Grafana wants of a dashboard, as far as can be told
// without one: numbers of panels, their places, their queries, its variables.
func TestDashboardHoldsTogether(t *testing.T) {
	d := metricstest.ReadDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("%q %q %d", d.UID, d.Title, d.SchemaVersion)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, []string{"datasource", "instance", "stream"}) {
		t.Errorf("variables %v", names)
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d %q: its number is taken, or it has no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		checkPanel(t, p)
		g := p.GridPos
		if g.X < 0 || g.W < 1 || g.X+g.W > 24 || g.H < 1 {
			t.Errorf("%s is outside of the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func checkPanel(t *testing.T, p metricstest.Panel) {
	t.Helper()
	if p.Type == "row" {
		return
	}
	if p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
		t.Errorf("%s: %+v, %d queries", p.Title, p.Datasource, len(p.Targets))
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if refs[target.RefID] || target.RefID == "" {
			t.Errorf("%s: query %q is there twice", p.Title, target.RefID)
		}
		refs[target.RefID] = true
		if rest := strings.NewReplacer("$__rate_interval", "", "$instance", "", "$stream", "").Replace(target.Expr); strings.Contains(rest, "$") {
			t.Errorf("%s: a variable that is not there: %s", p.Title, target.Expr)
		}
	}
}

// TestQueriesAreOfWhatThereIs: the metrics in the dashboard and the rules are defined, and
// so are the labels they are selected by, with their values.
func TestQueriesAreOfWhatThereIs(t *testing.T) {
	defined := map[string]metrics.Definition{}
	for _, d := range metrics.Definitions() {
		defined[d.Name] = d
	}
	queries := append(metricstest.ReadDashboard(t).Queries(), metricstest.Rules(t)...)
	if len(queries) < 60 {
		t.Errorf("%d queries", len(queries))
	}
	used := map[string]bool{}
	for _, q := range queries {
		for _, u := range q.Uses() {
			if !strings.HasPrefix(u.Name, "whippet_") {
				continue
			}
			d, ok := definitionOf(defined, u.Name)
			if !ok {
				t.Errorf("%s: there is no %s", q.Where, u.Name)
			}
			used[d.Name] = true
			for label, value := range u.Labels {
				if !hasLabel(d, label, value) {
					t.Errorf("%s: %s has no %s=%q", q.Where, u.Name, label, value)
				}
			}
		}
	}
	for name := range defined {
		if !used[name] && !unused(name) {
			t.Errorf("%s is in neither the dashboard nor the rules", name)
		}
	}
}

// unused tells what is for other queries.
func unused(name string) bool {
	return slices.Contains([]string{
		"whippet_build_info", "whippet_reordered_frames_total", "whippet_shard_subscribers", "whippet_media_path",
		"whippet_media_bytes_total", "whippet_media_calls_total", "whippet_media_offload_runs_total", "whippet_media_offload_datagrams_total",
		"whippet_stream_packets_total", "whippet_stream_keyframe_requests_total",
	}, name)
}

// definitionOf finds what a series belongs to: those of a histogram have endings.
func definitionOf(all map[string]metrics.Definition, name string) (metrics.Definition, bool) {
	if d, ok := all[name]; ok {
		return d, d.Kind != metrics.Histogram
	}
	for _, ending := range []string{"_bucket", "_sum", "_count"} {
		if d, ok := all[strings.TrimSuffix(name, ending)]; ok && strings.HasSuffix(name, ending) {
			return d, d.Kind == metrics.Histogram
		}
	}
	return metrics.Definition{}, false
}

func hasLabel(d metrics.Definition, label, value string) bool {
	if slices.Contains([]string{"instance", "job", "le"}, label) {
		return true
	}
	for _, l := range d.Labels {
		if l.Name == label {
			return value == "" || strings.Contains(l.Values, "`"+value+"`")
		}
	}
	return false
}
