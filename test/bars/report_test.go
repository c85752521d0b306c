//go:build bars

package bars

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/whippet-media/whippet/test/harness"
)

// report collects the figures of one run.
type report struct {
	CPUs     int    `json:"cpus"`
	Chromium string `json:"chromium"`
	Bars     []bar  `json:"bars"`
}

// bar is one promised figure: a set of samples, of which one quantile is held against a limit.
type bar struct {
	Name     string    `json:"name"`
	Unit     string    `json:"unit"`
	Samples  []float64 `json:"samples"`
	Quantile float64   `json:"quantile"` // the one the limit is for: 0.95, 1 for the worst
	Limit    float64   `json:"limit"`    // of that quantile; 0: none is promised
}

// add takes a figure in and fails the test if it is past its limit.
func (r *report) add(t *testing.T, b bar) {
	t.Helper()
	slices.Sort(b.Samples)
	r.Bars = append(r.Bars, b)
	t.Logf("%s: p50 %.1f, p95 %.1f, worst %.1f %s of %d (limit %s)",
		b.Name, b.at(0.5), b.at(0.95), b.at(1), b.Unit, len(b.Samples), b.limit())
	switch {
	case len(b.Samples) == 0:
		t.Errorf("%s: nothing was measured", b.Name)
	case b.missed():
		t.Errorf("%s: %.1f %s, want at most %s", b.Name, b.at(b.Quantile), b.Unit, b.limit())
	}
}

func (b bar) missed() bool { return b.Limit > 0 && b.at(b.Quantile) > b.Limit }

// at returns a quantile by the nearest rank.
func (b bar) at(q float64) float64 {
	n := len(b.Samples)
	if n == 0 {
		return 0
	}
	rank := int(q*float64(n)+0.999999) - 1
	return b.Samples[min(max(rank, 0), n-1)]
}

func (b bar) limit() string {
	if b.Limit == 0 {
		return "none"
	}
	which := fmt.Sprintf("p%.0f", b.Quantile*100)
	if b.Quantile == 1 {
		which = "worst"
	}
	return fmt.Sprintf("%g %s at %s", b.Limit, b.Unit, which)
}

// write prints the table and keeps the figures in dist/bars.json.
func (r *report) write(t *testing.T) {
	t.Helper()
	r.CPUs = runtime.NumCPU()
	t.Logf("\n%s", r.table())
	folder := filepath.Join(harness.Root(), "dist")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "bars.json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *report) table() string {
	var s strings.Builder
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tp50\tp95\tworst\tunit\tsamples\tlimit\t")
	for _, b := range r.Bars {
		verdict := "ok"
		if b.missed() {
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%s\t%d\t%s\t%s\n",
			b.Name, b.at(0.5), b.at(0.95), b.at(1), b.Unit, len(b.Samples), b.limit(), verdict)
	}
	w.Flush() //nolint:errcheck // a strings.Builder does not fail
	return s.String()
}
