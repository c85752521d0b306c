package house

import (
	"errors"
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
	"sync"
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

// sources returns all Go files of the project. They are parsed once, for all tests: nobody changes them.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var parsed = sync.OnceValues(func() ([]source, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	return parseAll(root)
})

func parseAll(root string) (all []source, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
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
			s, err := parse(root, p)
			all = append(all, s)
			return err
		}
		return nil
	})
	return all, err
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || slices.Contains([]string{"node_modules", "testdata", "dist"}, dir)
}

func parse(root, name string) (s source, err error) {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return s, err
	}
	s = source{path: filepath.ToSlash(rel), fset: token.NewFileSet()}
	s.dir = path.Dir(s.path)
	s.test = strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(s.dir, "test") || within(s.dir, "test")
	s.file, err = parser.ParseFile(s.fset, name, nil, parser.ParseComments)
	return s, err
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
	dir, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// within tells whether a package is one of the trees: a folder and what is below it.
func within(dir string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return dir == tree || strings.HasPrefix(dir, tree+"/")
	})
}
