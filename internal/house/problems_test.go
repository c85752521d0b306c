package house

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const problemsPage = "docs/problems.md"

// TestProblemsAreListed: docs/problems.md holds every code a client can meet, and no other.
func TestProblemsAreListed(t *testing.T) {
	used, listed := problemCodes(t), listedProblems(t)
	for _, code := range slices.Sorted(maps.Keys(used)) {
		if !slices.Contains(listed, code) {
			t.Errorf("%s is used in %s and not listed in %s", code, used[code], problemsPage)
		}
	}
	for i, code := range listed {
		if used[code] == "" {
			t.Errorf("%s lists %s, which nothing uses", problemsPage, code)
		}
		if slices.Contains(listed[:i], code) {
			t.Errorf("%s lists %s twice", problemsPage, code)
		}
	}
}

var problemLine = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| \\d{3}")

func listedProblems(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range problemLine.FindAllStringSubmatch(readPage(t, problemsPage), -1) {
		all = append(all, m[1])
	}
	return all
}

// problemCodes finds the codes in the source and a file that uses each: the argument of
// NewProblem and Overloaded, the constants of internal/sdp, the problems of internal/web.
func problemCodes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, s := range sources(t) {
		if s.test || within(s.dir, "internal/client") {
			continue // a client shows the codes of others
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if e := codeOf(s, n); e != nil {
				all[text(t, e)] = s.path
			}
			return true
		})
	}
	return all
}

// codeOf returns the literal that is a problem's code, or nil.
func codeOf(s source, n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		return literalAt(n.Args, map[string]int{"NewProblem": 1, "Overloaded": 0}, calledName(n))
	case *ast.CompositeLit:
		if of, ok := n.Type.(*ast.Ident); ok && s.dir == "internal/web" {
			return literalAt(n.Elts, map[string]int{"problem": 1}, of.Name)
		}
	case *ast.ValueSpec:
		if s.dir == "internal/sdp" && strings.HasPrefix(n.Names[0].Name, "Code") && len(n.Values) == 1 {
			return n.Values[0]
		}
	}
	return nil
}

func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// literalAt returns the string literal at the place that name has, or nil: a code that is
// passed on was a literal elsewhere.
func literalAt(list []ast.Expr, places map[string]int, name string) ast.Expr {
	place, ok := places[name]
	if !ok || place >= len(list) {
		return nil
	}
	literal, ok := list[place].(*ast.BasicLit)
	if !ok {
		return nil
	}
	return literal
}
