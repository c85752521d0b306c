package metrics_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/whippet-media/whippet/internal/metrics"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md anew")

const (
	metricsPage = "../../docs/metrics.md"
	tableBegin  = "<!-- table -->\n"
	tableEnd    = "<!-- end of table -->\n"
)

// TestMetricsPage holds the table of docs/metrics.md to the source.
func TestMetricsPage(t *testing.T) {
	b, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(b), tableBegin)
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatal("the page has no table")
	}
	want := head + tableBegin + table() + tableEnd + tail
	if *update {
		if err := os.WriteFile(metricsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Error("docs/metrics.md is not what the source says; run: go test ./internal/metrics -update")
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | most | meaning |\n|---|---|---|---|---|\n")
	for _, d := range metrics.Definitions() {
		var labels []string
		for _, l := range d.Labels {
			labels = append(labels, fmt.Sprintf("`%s`: %s", l.Name, l.Values))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d | %s |\n", d.Name, d.Kind, strings.Join(labels, "; "), d.Most(), d.Help)
	}
	return b.String()
}

// families parses what a node that has counted everything says of itself.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	i := metrics.NewInstruments()
	i.Froze(0.1)
	p := expfmt.NewTextParser(model.UTF8Validation)
	all, err := p.TextToMetricFamilies(strings.NewReader(scrapeWith(t, i, full())))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDefinitionsAreWhatIsServed: every metric of the node's own is defined with its
// type, text and labels, what is defined is served, and no label has more values than
// are said to be possible.
func TestDefinitionsAreWhatIsServed(t *testing.T) {
	served := families(t)
	defined := map[string]bool{}
	for _, d := range metrics.Definitions() {
		defined[d.Name] = true
		f := served[d.Name]
		if f == nil {
			t.Errorf("%s is not served", d.Name)
			continue
		}
		if got := metrics.Kind(strings.ToLower(f.GetType().String())); got != d.Kind || f.GetHelp() != d.Help {
			t.Errorf("%s is a %s: %s", d.Name, got, f.GetHelp())
		}
		for _, m := range f.Metric {
			checkLabels(t, d, m)
		}
		if len(f.Metric) > d.Most() {
			t.Errorf("%s has %d values, at most %d are said to be possible", d.Name, len(f.Metric), d.Most())
		}
	}
	for name := range served {
		if strings.HasPrefix(name, "whippet_") && !defined[name] {
			t.Errorf("%s is served and not defined", name)
		}
	}
}

func checkLabels(t *testing.T, d metrics.Definition, m *dto.Metric) {
	t.Helper()
	var want, got []string
	for _, l := range d.Labels {
		want = append(want, l.Name)
		if l.Most < 1 || l.Values == "" {
			t.Errorf("%s: label %s has no bound or no words", d.Name, l.Name)
		}
	}
	for _, l := range m.Label {
		got = append(got, l.GetName())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s has labels %v, want %v", d.Name, got, want)
	}
}

// TestDefaultsAreFew: without streams of their own a node has a few hundred values.
func TestDefaultsAreFew(t *testing.T) {
	n := 0
	for _, f := range families(t) {
		if strings.HasPrefix(f.GetName(), "whippet_stream_") {
			continue
		}
		for _, m := range f.Metric {
			n += 1 + len(m.GetHistogram().GetBucket())
		}
	}
	if n > 800 {
		t.Errorf("%d values", n)
	}
}

// TestNamesAreAsPrometheusWantsThem.
func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, full()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "whippet_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
