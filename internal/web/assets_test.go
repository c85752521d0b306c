package web_test

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// entries are the files nobody needs to refer to: pages, and modules meant for others.
var entries = []string{"index.html", "publish.html", "watch.html", "problem.html", "admin.html", "adminstream.html", "adminnode.html", "admincluster.html"}

// maxLines keeps modules small enough to read at once.
const maxLines = 400

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources returns all embedded files by path inside static/.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	root := os.DirFS("static")
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, name)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var (
	htmlRef   = regexp.MustCompile(`(?:href|src)="([^"#?{]+\.(?:js|css|svg))"`)
	problemIn = regexp.MustCompile(`"\{\{root\}\}([^"]+\.(?:css|svg))"`)
	importRef = regexp.MustCompile(`(?m)(?:^(?:import|export)[^;]*?from |new URL\()'(\./[^']+)'`)
	cssRef    = regexp.MustCompile(`url\("([^"]+)"\)`)
)

// references returns what a file loads, as paths inside static/.
func references(name, text string) []string {
	var found []string
	for _, re := range []*regexp.Regexp{htmlRef, problemIn, importRef, cssRef} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			base := path.Dir(name)
			if base == "." {
				// Pages are served at / and at /publish/x: both see assets/ beside them.
				found = append(found, strings.TrimPrefix(m[1], "../"))
				continue
			}
			found = append(found, path.Join(base, m[1]))
		}
	}
	return found
}

func TestEveryAssetIsReferencedAndEveryReferenceExists(t *testing.T) {
	files := sources(t)
	used := make(map[string]bool)
	for _, name := range entries {
		used[name] = true
	}
	count := 0
	for name, text := range files {
		for _, ref := range references(name, text) {
			count++
			used[ref] = true
			if _, ok := files[ref]; !ok {
				t.Errorf("%s loads %s, which is not there", name, ref)
			}
			if res := get(t, "/"+ref); res.StatusCode != http.StatusOK {
				t.Errorf("GET /%s, loaded by %s: %s", ref, name, res.Status)
			}
		}
	}
	for name := range files {
		if !used[name] {
			t.Errorf("nothing loads %s", name)
		}
	}
	if count < 40 {
		t.Errorf("found %d references only: the patterns no longer match", count)
	}
}

// Namespaces name things and are never loaded.
var namespace = regexp.MustCompile(`http://www\.(w3\.org/2000/svg|webrtc\.org/experiments/rtp-hdrext/abs-capture-time)\b|` +
	`https://aomediacodec\.github\.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\b`)

// Examples in comments show how others use the modules.
var example = regexp.MustCompile(`https://whippet\.example[^\s']*`)

func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	foreign := regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9][a-z0-9-]*\.[a-z][^\s'"]*`)
	for name, text := range sources(t) {
		text = example.ReplaceAllString(namespace.ReplaceAllString(text, ""), "")
		if url := foreign.FindString(text); url != "" {
			t.Errorf("%s names %s", name, url)
		}
	}
}

func TestPagesHaveNothingTheirPolicyForbids(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?:[^>]*)>[^<]`)
	for name, text := range sources(t) {
		if path.Ext(name) != ".html" {
			continue
		}
		if found := forbidden.FindString(text); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
	sinks := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\('style'`)
	for name, text := range sources(t) {
		if found := sinks.FindString(text); path.Ext(name) == ".js" && found != "" {
			t.Errorf("%s has %s", name, found)
		}
	}
}

func TestModulesKeepWithinTheirSize(t *testing.T) {
	for name, text := range sources(t) {
		if n := strings.Count(text, "\n"); n > maxLines {
			t.Errorf("%s has %d lines, want at most %d", name, n, maxLines)
		}
	}
}

// Every id a module asks for by $('…') is in a page that loads the module.
func TestIdsExist(t *testing.T) {
	files := sources(t)
	asked := regexp.MustCompile(`\$\('([a-z-]+)'\)`)
	for page, modules := range map[string][]string{
		"index.html":   {"list.js"},
		"publish.html": {"publish.js", "publishstats.js"},
		"watch.html":   {"watch.js", "watchstats.js", "watchevents.js"},

		"admin.html":       {"adminpage.js", "adminlist.js"},
		"adminstream.html": {"adminpage.js", "adminstream.js", "adminsessions.js", "streamlimits.js"},
		"adminnode.html":   {"adminpage.js", "adminnode.js"},

		"admincluster.html": {"adminpage.js", "admincluster.js"},
	} {
		for _, module := range modules {
			for _, m := range asked.FindAllStringSubmatch(files["assets/"+module], -1) {
				if !strings.Contains(files[page], `id="`+m[1]+`"`) {
					t.Errorf("%s asks for #%s, which %s has not", module, m[1], page)
				}
			}
		}
	}
}

// node finds Node.js or skips: it is a tool of development, not of the node.
func node(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node.js is missing; make setup installs it or says how")
	}
	return bin
}

func TestModulesParse(t *testing.T) {
	bin := node(t)
	for name, text := range sources(t) {
		if path.Ext(name) != ".js" {
			continue
		}
		cmd := exec.Command(bin, "--check", "--input-type=module")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestModules(t *testing.T) {
	bin := node(t)
	tests, err := filepath.Glob("test/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no module tests found: %v", err)
	}
	if out, err := exec.Command(bin, append([]string{"--test"}, tests...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
