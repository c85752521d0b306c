package house

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const rowsPage = "docs/protocol-rows.md"

// lastRow is the number of the last row of each kind; all from 1 on exist.
func lastRow() map[string]int { return map[string]int{"W": 134, "E": 84, "J": 17} }

// levels are those a row may have.
func levels() []string { return []string{"M", "S", "O", "I", "P"} }

// A row is one line of the table in docs/protocol-rows.md.
type row struct {
	id, level, remark string
	tests             []string // "package.Test" or "package.TestRows/subtest"
}

// TestEveryRowIsListed: each row stands in the table once, in order, with a test or the
// reason why there is none.
func TestEveryRowIsListed(t *testing.T) {
	next := map[string]int{}
	for _, r := range rows(t) {
		kind := r.id[:1]
		next[kind]++
		if want := kind + strconv.Itoa(next[kind]); r.id != want {
			t.Fatalf("row %s stands where %s belongs", r.id, want)
		}
		if !slices.Contains(levels(), r.level) {
			t.Errorf("%s has the level %q", r.id, r.level)
		}
		if reason := reasoned(r.remark); reason == (len(r.tests) > 0) {
			t.Errorf("%s must have tests, or a remark that begins with later: or not applicable:, and not both", r.id)
		}
	}
	if !maps.Equal(next, lastRow()) {
		t.Errorf("rows %v, want %v", next, lastRow())
	}
}

// reasoned tells whether a remark says why there is no test.
func reasoned(remark string) bool {
	for _, word := range []string{"later: ", "not applicable: "} {
		if rest, ok := strings.CutPrefix(remark, word); ok && len(strings.Fields(rest)) > 1 {
			return true
		}
	}
	return false
}

// TestEveryTestInTheTableExists: the table cannot promise what is not there. With -update
// the table's tests are written anew first: those that exist, and those that carry a
// row's id.
func TestEveryTestInTheTableExists(t *testing.T) {
	if *update {
		updateRows(t)
	}
	known := testNames(t)
	for _, r := range rows(t) {
		for i, name := range r.tests {
			if _, ok := known[name]; !ok {
				t.Errorf("%s names %s, which does not exist (go test ./internal/house -update)", r.id, name)
			}
			if slices.Contains(r.tests[:i], name) {
				t.Errorf("%s names %s twice", r.id, name)
			}
		}
	}
}

// TestEveryRowTestIsInTheTable: a test that carries a row's id stands in that row.
func TestEveryRowTestIsInTheTable(t *testing.T) {
	table := map[string][]string{}
	for _, r := range rows(t) {
		table[r.id] = r.tests
	}
	names := testNames(t)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, id := range names[name] {
			if !slices.Contains(table[id], name) {
				t.Errorf("%s carries %s; name it in that row of %s (go test ./internal/house -update)", name, id, rowsPage)
			}
		}
	}
}

// updateRows writes the column of tests anew.
func updateRows(t *testing.T) {
	t.Helper()
	known := testNames(t)
	lines := strings.Split(readPage(t, rowsPage), "\n")
	for i, line := range lines {
		if m := rowLine.FindStringSubmatch(line); m != nil {
			lines[i] = strings.Replace(line, "| "+m[3]+" |", "| "+testsCell(m[1], quoted(m[3]), known)+" |", 1)
		}
	}
	writePage(t, rowsPage, strings.Join(lines, "\n"))
}

// testsCell lists what a row's cell holds and still exists, then what carries its id.
func testsCell(id string, listed []string, known map[string][]string) string {
	var cell []string
	for _, name := range append(listed, slices.Sorted(maps.Keys(known))...) {
		_, exists := known[name]
		if wanted := slices.Contains(listed, name) || slices.Contains(known[name], id); exists && wanted && !slices.Contains(cell, "`"+name+"`") {
			cell = append(cell, "`"+name+"`")
		}
	}
	if len(cell) == 0 {
		return "–"
	}
	return strings.Join(cell, "<br>")
}

var rowLine = regexp.MustCompile(`^\| ([A-Z]\d+) \| (\w*) \| [^|]+ \| ([^|]*) \| ([^|]*?) ?\|$`)

// rows reads the table.
func rows(t *testing.T) []row {
	t.Helper()
	var all []row
	for number, line := range strings.Split(readPage(t, rowsPage), "\n") {
		if m := rowLine.FindStringSubmatch(line); m != nil {
			all = append(all, row{id: m[1], level: m[2], tests: quoted(m[3]), remark: m[4]})
		} else if regexp.MustCompile(`^\| [A-Z]\d`).MatchString(line) {
			t.Errorf("%s:%d: a row that cannot be read: %s", rowsPage, number+1, line)
		}
	}
	return all
}

var code = regexp.MustCompile("`([^`]+)`")

// quoted returns what stands between backticks.
func quoted(cell string) []string {
	var all []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(projectRoot(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// testNames returns every test of the project and the row ids its name carries.
func testNames(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && isTest(f.Name.Name) && strings.HasSuffix(s.path, "_test.go") {
				all[s.dir+"."+f.Name.Name] = idsOf(f.Name.Name)
			}
		}
		if s.dir == "internal/signaling/signalingtest" {
			maps.Copy(all, sharedRows(t, s))
		}
	}
	return all
}

func isTest(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
}

var (
	idPrefix = regexp.MustCompile(`^(?:Test|Fuzz)?((?:[WEJ]\d+_?)+)`)
	anID     = regexp.MustCompile(`[WEJ]\d+`)
)

// idsOf returns the row ids a name begins with: W3 and W4 of TestW3_W4_Location.
func idsOf(name string) []string {
	m := idPrefix.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	return anID.FindAllString(m[1], -1)
}

// sharedRows returns the subtests of whip.TestRows and whep.TestRows: composite literals
// {"W1", "E8", "name", function} in lists of Row.
func sharedRows(t *testing.T, s source) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if !ok || !isRowList(list.Type) {
			return true
		}
		for _, e := range list.Elts {
			cells := e.(*ast.CompositeLit).Elts
			for i, protocol := range []string{"whip", "whep"} {
				if ids := text(t, cells[i]); ids != "" {
					all[fmt.Sprintf("%s.TestRows/%s_%s", protocol, ids, text(t, cells[2]))] = idsOf(ids)
				}
			}
		}
		return false
	})
	return all
}

func isRowList(e ast.Expr) bool {
	list, ok := e.(*ast.ArrayType)
	if !ok {
		return false
	}
	of, ok := list.Elt.(*ast.Ident)
	return ok && of.Name == "Row"
}

// text returns the value of a string literal.
func text(t *testing.T, e ast.Expr) string {
	t.Helper()
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%T where a string literal was expected", e)
	}
	s, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
