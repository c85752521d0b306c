package house

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const limitsPage = "docs/limits.md"

var update = flag.Bool("update", false, "write the numbers of "+limitsPage+" anew")

// limitLine is a line of the page: constant, value, what it bounds and what happens at
// it, tests. A constant is written package.name, from the project's root.
var limitLine = regexp.MustCompile("^\\| `([a-z0-9/]+\\.[A-Za-z]+)` \\| ([^|]*) \\| [^|]+ \\| ([^|]*) \\|$")

// TestLimitsAreListed: every constant of a limits*.go stands in docs/limits.md with its
// value; what stands there exists, and so do the tests that show it.
func TestLimitsAreListed(t *testing.T) {
	bounds, must := constants(t)
	names := testNames(t)
	listed := map[string]bool{}
	page := strings.Split(readPage(t, limitsPage), "\n")
	for i, line := range page {
		m := limitLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		listed[m[1]] = true
		value, ok := bounds[m[1]]
		if !ok {
			t.Errorf("%s is listed and does not exist", m[1])
			continue
		}
		page[i] = strings.Replace(line, "| "+m[2]+" |", "| "+value+" |", 1)
		if m[2] != value && !*update {
			t.Errorf("%s is %s, the page says %s (go test ./internal/house -update)", m[1], value, m[2])
		}
		for _, name := range quoted(m[3]) {
			if _, ok := names[name]; !ok {
				t.Errorf("%s names the test %s, which does not exist", m[1], name)
			}
		}
	}
	for _, name := range must {
		if !listed[name] {
			t.Errorf("%s = %s is not listed in %s", name, bounds[name], limitsPage)
		}
	}
	if *update {
		writePage(t, limitsPage, strings.Join(page, "\n"))
	}
}

func writePage(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(projectRoot(t), filepath.FromSlash(name)), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// constants returns the numeric constants of the program's packages, written out, and
// the names of those in files named limits.go, or limits and what they bound.
func constants(t *testing.T) (values map[string]string, inLimits []string) {
	t.Helper()
	values = map[string]string{}
	scopes := map[string]map[string]number{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if scopes[s.dir] == nil {
			scopes[s.dir] = map[string]number{}
		}
		for _, spec := range constSpecs(s.file) {
			for i, name := range spec.Names {
				n, ok := evaluate(spec.Values[i], scopes[s.dir])
				if !ok {
					continue
				}
				scopes[s.dir][name.Name] = n
				full := s.dir + "." + name.Name
				values[full] = n.String()
				if ofLimits, _ := path.Match("limits*.go", path.Base(s.path)); ofLimits {
					inLimits = append(inLimits, full)
				}
			}
		}
	}
	slices.Sort(inLimits)
	return values, inLimits
}

// constSpecs returns the constants of a file that have values of their own, those of the
// package's scope only.
func constSpecs(f *ast.File) []*ast.ValueSpec {
	var all []*ast.ValueSpec
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				all = append(all, v)
			}
		}
	}
	return all
}

// A number is a constant: a duration, a count, or a power-of-two size in bytes.
type number struct {
	value    int64
	duration bool
	size     bool // written with a shift: bytes
}

// evaluate computes the few kinds of expressions that bounds are written in.
func evaluate(e ast.Expr, scope map[string]number) (number, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		v, err := strconv.ParseInt(e.Value, 0, 64)
		return number{value: v}, err == nil && e.Kind == token.INT
	case *ast.Ident:
		n, ok := scope[e.Name]
		return n, ok
	case *ast.SelectorExpr:
		d, ok := units()[e.Sel.Name]
		return number{value: int64(d), duration: true}, ok
	case *ast.BinaryExpr:
		return combine(e, scope)
	}
	return number{}, false
}

func units() map[string]time.Duration {
	return map[string]time.Duration{
		"Microsecond": time.Microsecond, "Millisecond": time.Millisecond, "Second": time.Second,
		"Minute": time.Minute, "Hour": time.Hour,
	}
}

func combine(e *ast.BinaryExpr, scope map[string]number) (number, bool) {
	a, ok1 := evaluate(e.X, scope)
	b, ok2 := evaluate(e.Y, scope)
	n := number{duration: a.duration || b.duration}
	switch e.Op {
	case token.MUL:
		n.value = a.value * b.value
	case token.ADD:
		n.value = a.value + b.value
	case token.SUB:
		n.value = a.value - b.value
	case token.SHL:
		n.value, n.size = a.value<<uint(b.value), b.value%10 == 0
	default:
		return n, false
	}
	return n, ok1 && ok2
}

// String writes a number as people do: 12 s, 1.5 ms, 64 KiB, 10,000.
func (n number) String() string {
	switch {
	case n.duration:
		return durationText(time.Duration(n.value))
	case n.size && n.value >= 1<<30:
		return fmt.Sprintf("%d GiB", n.value>>30)
	case n.size && n.value >= 1<<20:
		return fmt.Sprintf("%d MiB", n.value>>20)
	case n.size && n.value >= 1<<10:
		return fmt.Sprintf("%d KiB", n.value>>10)
	}
	return thousands(n.value)
}

func durationText(d time.Duration) string {
	for _, u := range []struct {
		name string
		of   time.Duration
	}{{"days", 48 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		one := u.of
		if u.name == "days" {
			one = 24 * time.Hour
		}
		if d >= u.of && d%one == 0 {
			return fmt.Sprintf("%d %s", d/one, u.name)
		}
	}
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + " ms"
}

func thousands(v int64) string {
	s := strconv.FormatInt(v, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// TestConstantsAreWrittenOut holds the notation of the page.
func TestConstantsAreWrittenOut(t *testing.T) {
	for n, want := range map[number]string{
		{value: int64(12 * time.Second), duration: true}: "12 s", {value: int64(1500 * time.Microsecond), duration: true}: "1.5 ms",
		{value: int64(24 * time.Hour), duration: true}: "24 h", {value: int64(366 * 24 * time.Hour), duration: true}: "366 days",
		{value: int64(1500 * time.Millisecond), duration: true}: "1500 ms", {value: int64(time.Minute), duration: true}: "1 min",
		{value: 64 << 10, size: true}: "64 KiB", {value: 1_000_000}: "1,000,000", {value: 32}: "32",
	} {
		if got := n.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	values, _ := constants(t)
	if _, ok := values["internal/rtc.maxPeers"]; !ok || len(values) < 100 {
		t.Errorf("%d constants found: %v", len(values), slices.Sorted(maps.Keys(values)))
	}
}
