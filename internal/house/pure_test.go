package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// pure packages are functions of what they are given.
func pure() []string { return []string{"auth", "forwarder", "internal/sdp"} }

// impure lists packages of the standard library that do I/O, log, or are a source of
// randomness that no seed controls.
func impure() []string {
	return []string{
		"bufio", "crypto/rand", "database/sql", "io", "io/fs", "io/ioutil", "log", "log/slog",
		"math/rand", "net", "net/http", "net/url", "os", "os/exec", "os/signal", "runtime",
		"syscall", "golang.org/x/sys/unix", "testing",
	}
}

// clocks are the functions of package time that read a clock or wait.
func clocks() []string {
	return []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !within(s.dir, pure()...) {
			continue
		}
		for _, dep := range s.imports() {
			if slices.Contains(impure(), dep) {
				t.Errorf("%s: %s is pure and must not import %s", s.path, s.dir, dep)
			}
		}
	}
}

func TestPurePackagesReadNoClockAndStartNoGoroutine(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !within(s.dir, pure()...) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine in a pure package", s.fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if p, ok := n.X.(*ast.Ident); ok && p.Name == "time" && slices.Contains(clocks(), n.Sel.Name) {
					t.Errorf("%s: time.%s in a pure package; take now as an argument", s.fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestCoreHasNoLock: the forwarder is owned by one goroutine at a time; what others
// read is atomic.
func TestCoreHasNoLock(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test && within(s.dir, "forwarder") && slices.Contains(s.imports(), "sync") {
			t.Errorf("%s: imports sync", s.path)
		}
	}
}

// TestTestsOfTheCoreStartNoGoroutine, but for those called …NeedNoLock: `make test` runs only them
// with the race detector. Files with a build tag are not part of it.
func TestTestsOfTheCoreStartNoGoroutine(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if !s.test || !within(s.dir, "forwarder") || s.tagged() {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if n := goroutines(d); n > 0 && ok && strings.HasSuffix(f.Name.Name, "NeedNoLock") {
				found++
			} else if n > 0 {
				t.Errorf("%s: a goroutine in a test of the core that is not called …NeedNoLock", s.fset.Position(d.Pos()))
			}
		}
	}
	if found == 0 {
		t.Error("there is no test for the race detector")
	}
}

// goroutines counts what a declaration starts: go statements, and calls of Go as a WaitGroup has it.
func goroutines(d ast.Decl) (n int) {
	ast.Inspect(d, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			n++
		case *ast.CallExpr:
			if s, ok := node.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" {
				n++
			}
		}
		return true
	})
	return n
}

// tagged tells whether a file is built only where a tag is set.
func (s source) tagged() bool {
	return slices.ContainsFunc(s.file.Comments, func(c *ast.CommentGroup) bool { return strings.HasPrefix(c.List[0].Text, "//go:build") })
}
