package node

import (
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/web"
)

// adminRoutes is what the admin port serves. Only the API, from which the pages
// have what they show, wants a token: the port is
// private, by default it is on loopback.
func (n *Node) adminRoutes() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", metrics.Handler(n.deps.Version, n.instruments, n.snapshot))
	m.HandleFunc("GET /healthz", n.health)
	m.HandleFunc("GET /readyz", n.ready)
	m.Handle(api.Prefix, n.api)
	m.Handle(api.BrowsePath, api.Browse())
	m.Handle("/", web.Admin())
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return m
}

// health says that the process lives and answers.
func (n *Node) health(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// ready says whether new sessions should be sent here.
func (n *Node) ready(w http.ResponseWriter, _ *http.Request) {
	if n.draining.Load() {
		say(w, http.StatusServiceUnavailable, "closing")
		return
	}
	say(w, http.StatusOK, "ready")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
