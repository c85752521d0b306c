package house

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages returns the project's Markdown files, from its root.
func pages(t *testing.T) []string {
	t.Helper()
	root := projectRoot(t)
	var all []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && p != root && skipped(d.Name()) {
			return errOrSkip(err)
		}
		if rel, _ := filepath.Rel(root, p); strings.HasSuffix(p, ".md") {
			all = append(all, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func errOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|src="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	blocks  = regexp.MustCompile("(?s)```.*?```")
)

// TestLinksLeadSomewhere: files and headings that pages link to exist. The network is not asked.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(blocks.ReplaceAllString(readPage(t, page), ""), -1) {
			if target := m[1] + m[2]; !strings.Contains(target, ":") {
				checkLink(t, page, target)
			}
		}
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	name := page
	if file != "" {
		name = path.Join(path.Dir(page), file)
	}
	if _, err := os.Stat(filepath.Join(projectRoot(t), filepath.FromSlash(name))); err != nil {
		t.Errorf("%s links to %s, which does not exist", page, target)
		return
	}
	if anchor != "" && !anchors(readPage(t, name))[anchor] {
		t.Errorf("%s links to %s, a heading that does not exist", page, target)
	}
}

// anchors returns the headings of a page as links name them.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(blocks.ReplaceAllString(page, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127 && r != '–':
				return r
			}
			return -1
		}, strings.ToLower(m[1]))
		all[name] = true
	}
	return all
}
