package harness

import (
	"embed"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
)

//go:embed pages
var pages embed.FS

// ServePages serves the test pages from an origin of their own, so that everything they ask of a
// node is a cross-origin request. It returns the test page's URL.
func ServePages(t testing.TB) string {
	t.Helper()
	files, err := fs.Sub(pages, "pages")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.FileServerFS(files))
	t.Cleanup(s.Close)
	return s.URL + "/harness.html"
}
