// Package metricstest reads the dashboard and the alert rules of deploy/ for tests: which
// queries they make, of which metrics with which labels.
package metricstest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// A Query is a PromQL expression and where it stands.
type Query struct{ Where, Expr string }

// Deploy returns the path of a file in deploy/.
func Deploy(t testing.TB, name string) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "deploy", filepath.FromSlash(name))
}

// A Dashboard is what tests look at of a Grafana dashboard.
type Dashboard struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name  string          `json:"name"`
			Type  string          `json:"type"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []Panel `json:"panels"`
}

// A Panel is one panel of a Dashboard.
type Panel struct {
	ID         int    `json:"id"`
	Type       string `json:"type"`
	Title      string `json:"title"`
	Datasource struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ X, Y, W, H int } `json:"gridPos"`
	Targets []struct {
		RefID  string `json:"refId"`
		Expr   string `json:"expr"`
		Legend string `json:"legendFormat"`
	} `json:"targets"`
}

// ReadDashboard reads deploy/grafana/dashboard.json.
func ReadDashboard(t testing.TB) Dashboard {
	t.Helper()
	b, err := os.ReadFile(Deploy(t, "grafana/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d Dashboard
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Queries returns those of the dashboard's panels.
func (d Dashboard) Queries() []Query {
	var all []Query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, Query{p.Title + " " + target.RefID, target.Expr})
		}
	}
	return all
}

// Rules returns the queries of the alert rules.
func Rules(t testing.TB) []Query {
	t.Helper()
	b, err := os.ReadFile(Deploy(t, "prometheus/rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert string
				Expr  string
			}
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	var all []Query
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all = append(all, Query{r.Alert, r.Expr})
		}
	}
	return all
}

// Grafana's own names, with what they stand for in a node's test.
func variables() *strings.Replacer {
	return strings.NewReplacer("$__rate_interval", "10s", "$instance", ".*", "$stream", ".*")
}

// Filled returns the query with values for the dashboard's variables.
func (q Query) Filled() string { return variables().Replace(q.Expr) }

// A Use is a metric in a query, and the labels it is selected by.
type Use struct {
	Name   string
	Labels map[string]string // by label: the value if it must be equal, "" else
}

var (
	selector = regexp.MustCompile(`\b(whippet_\w+|go_\w+|process_\w+)\b(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)(=~|!=|!~|=)"([^"]*)"`)
)

// Uses returns the metrics in a query, but for those that Prometheus makes.
func (q Query) Uses() []Use {
	var all []Use
	for _, m := range selector.FindAllStringSubmatch(q.Expr, -1) {
		u := Use{m[1], map[string]string{}}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			u.Labels[l[1]] = ""
			if l[2] == "=" {
				u.Labels[l[1]] = l[3]
			}
		}
		all = append(all, u)
	}
	return all
}
