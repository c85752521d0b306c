package house

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const diagnosisPage = "docs/diagnosis.md"

var (
	findingLine = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|")
	codeForm    = regexp.MustCompile("^[a-z0-9]+(-[a-z0-9]+)*$")
)

// TestFindingsAreListed: docs/diagnosis.md holds every code of a finding, and no other, in
// the order of the source, which is that of every list.
func TestFindingsAreListed(t *testing.T) {
	var listed []string
	for _, m := range findingLine.FindAllStringSubmatch(readPage(t, diagnosisPage), -1) {
		listed = append(listed, m[1])
	}
	codes := findingCodes(t)
	if len(codes) < 10 || !slices.Equal(codes, listed) {
		t.Errorf("the source has %v\n%s has %v", codes, diagnosisPage, listed)
	}
	for _, code := range codes {
		if !codeForm.MatchString(code) {
			t.Errorf("%q is no code", code)
		}
	}
}

// findingCodes returns the string constants of package forwarder that begin with Finding,
// in order.
func findingCodes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, s := range sources(t) {
		if s.test || s.dir != "forwarder" {
			continue
		}
		for _, spec := range constSpecs(s.file) {
			for i, name := range spec.Names {
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok && strings.HasPrefix(name.Name, "Finding") {
					all = append(all, text(t, lit))
				}
			}
		}
	}
	return all
}
