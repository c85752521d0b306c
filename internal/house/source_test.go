package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/whippet-media/whippet"

// A source is one Go file of the project.
type source struct {
	path string // from the project's root, with slashes
	dir  string // its package, "." for the root
	test bool   // not part of the program: a _test file, in a package named …test, or below test/
	file *ast.File
	fset *token.FileSet
}

// sources parses all Go files of the project.
func sources(t *testing.T) []source {
	t.Helper()
	root := projectRoot(t)
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != root && skipped(d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(p, ".go") {
			all = append(all, parse(t, root, p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || slices.Contains([]string{"node_modules", "testdata", "dist"}, dir)
}

func parse(t *testing.T, root, name string) source {
	t.Helper()
	rel, err := filepath.Rel(root, name)
	if err != nil {
		t.Fatal(err)
	}
	s := source{path: filepath.ToSlash(rel), fset: token.NewFileSet()}
	s.dir = path.Dir(s.path)
	s.test = strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(s.dir, "test") || within(s.dir, "test")
	if s.file, err = parser.ParseFile(s.fset, name, nil, parser.ParseComments); err != nil {
		t.Fatal(err)
	}
	return s
}

// imports returns what the file imports.
func (s source) imports() []string {
	var all []string
	for _, i := range s.file.Imports {
		if name, err := strconv.Unquote(i.Path.Value); err == nil {
			all = append(all, name)
		}
	}
	return all
}

// own returns the project's packages the file imports, from the project's root.
func (s source) own() []string {
	var all []string
	for _, name := range s.imports() {
		if rest, ok := strings.CutPrefix(name, module+"/"); ok {
			all = append(all, rest)
		}
	}
	return all
}

func projectRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// within tells whether a package is one of the trees: a folder and what is below it.
func within(dir string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return dir == tree || strings.HasPrefix(dir, tree+"/")
	})
}
