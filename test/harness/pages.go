package harness

import (
	"embed"
	"io/fs"
	"net"
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
	return servePages(t, "127.0.0.1")
}

// ServePagesBehind is [ServePages] at the near end of a link.
func ServePagesBehind(t testing.TB, l *Link) string {
	t.Helper()
	return servePages(t, l.Near().String())
}

func servePages(t testing.TB, host string) string {
	t.Helper()
	files, err := fs.Sub(pages, "pages")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.FileServerFS(files))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return s.URL + "/harness.html"
}
