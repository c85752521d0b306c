package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// TestEveryPackageSaysWhatItIsFor: a package comment of at least a sentence.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	const words = 8
	docs := map[string]string{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		docs[s.dir] += s.file.Doc.Text()
	}
	for dir, doc := range docs {
		if len(strings.Fields(doc)) < words || !strings.HasPrefix(doc, "Package ") && !strings.HasPrefix(doc, "Command ") {
			t.Errorf("%s has no package comment worth the name: %q", dir, doc)
		}
	}
}

// TestNoInit: nothing happens because a package is imported.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init", s.fset.Position(f.Pos()))
			}
		}
	}
}

// TestPackageNames: one word, and none that says nothing.
func TestPackageNames(t *testing.T) {
	empty := []string{"util", "utils", "common", "types", "helpers", "misc"}
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.file.Name.Name, "_test")
		if slices.Contains(empty, name) || strings.ContainsAny(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%s: package %s", s.path, name)
		}
	}
}
