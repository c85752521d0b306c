package web

import (
	"net/http"
	"strings"
)

// Admin returns the handler of the operator's pages and their assets: GET and HEAD of
// `/`, `/streams/{stream}`, `/node`, `/cluster`, `/assets/…` and `/favicon.ico`, for the root of the
// admin port. Everything else is a problem, as with New. The pages are the same for
// everybody: what they show comes from /api/v1/ of the same port, which wants a token. It
// is safe for concurrent use and keeps no state.
func Admin() http.Handler {
	s := &site{files: load()}
	s.route = s.adminPage
	return s
}

// adminPage serves the pages of operators. None may be framed: they have buttons.
func (s *site) adminPage(w http.ResponseWriter, r *http.Request) {
	switch kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
	case r.URL.Path == "/":
		s.page(w, r, "admin.html")
	case r.URL.Path == "/node":
		s.page(w, r, "adminnode.html")
	case r.URL.Path == "/cluster":
		s.page(w, r, "admincluster.html")
	case kind == "streams" && streamName.MatchString(rest):
		s.page(w, r, "adminstream.html")
	case kind == "streams":
		s.problem(w, r, badName)
	default:
		s.common(w, r, kind, rest)
	}
}

// common serves what both ports have.
func (s *site) common(w http.ResponseWriter, r *http.Request, kind, rest string) {
	switch {
	case kind == "assets":
		s.asset(w, r, "assets/"+rest)
	case r.URL.Path == "/favicon.ico":
		s.asset(w, r, "assets/favicon.svg")
	default:
		s.problem(w, r, noPage)
	}
}
