package node_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// document is what the tests need of openapi.yaml.
type document struct {
	Paths      map[string]map[string]yaml.Node `yaml:"paths"`
	Components map[string]map[string]yaml.Node `yaml:"components"`
}

type operation struct {
	Responses map[string]yaml.Node `yaml:"responses"`
}

func readDocument(t *testing.T) document {
	t.Helper()
	b, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func isMethod(s string) bool {
	return slices.Contains([]string{"get", "post", "patch", "delete", "options", "put", "head"}, s)
}

// TestOpenAPIMatchesTheNode sends a bare request to each described operation, with and
// without a token; the status must be one that is described, and every method that is
// not described must be refused as such. The API has its own test (internal/api).
func TestOpenAPIMatchesTheNode(t *testing.T) {
	h := newNode(t, verifier(t)).Handler()
	good := token(t, "*", "publish", "play")
	for path, item := range readDocument(t).Paths {
		if strings.HasPrefix(path, "/api/") {
			continue
		}
		url := strings.NewReplacer("{stream}", "live", "{session}", "none", "{events}", "none").Replace(path)
		for _, method := range []string{"get", "post", "patch", "delete", "options", "put"} {
			node, described := item[method]
			var op operation
			if err := node.Decode(&op); described && err != nil {
				t.Fatal(err)
			}
			for _, header := range [][]string{nil, {"Authorization", "Bearer " + good}} {
				r := get(h, strings.ToUpper(method), url, header...)
				_, listed := op.Responses[strconv.Itoa(r.StatusCode)]
				if described && !listed {
					t.Errorf("%s %s: %d is not described", method, path, r.StatusCode)
				}
				if !described && r.StatusCode < 400 {
					t.Errorf("%s %s is not described: %d", method, path, r.StatusCode)
				}
				if described && r.StatusCode >= 400 && r.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s %s: %d without a problem", method, path, r.StatusCode)
				}
			}
		}
	}
}

// TestOpenAPIReferencesExist: a $ref leads to something.
func TestOpenAPIReferencesExist(t *testing.T) {
	b, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := readDocument(t)
	for line := range strings.Lines(string(b)) {
		for _, rest := range strings.Split(line, `$ref: "#/components/`)[1:] {
			ref, _, _ := strings.Cut(rest, `"`)
			kind, name, _ := strings.Cut(ref, "/")
			if _, ok := d.Components[kind][name]; !ok {
				t.Errorf("nothing at %s", ref)
			}
		}
	}
	for path, item := range d.Paths {
		for key := range item {
			if key != "parameters" && !isMethod(key) {
				t.Errorf("%s: %s", path, key)
			}
		}
	}
}
