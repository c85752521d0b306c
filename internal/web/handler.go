package web

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Config is what a node may say about its pages. The zero Config is valid.
type Config struct {
	// ConnectOrigins are origins ("https://media.example") besides the page's own
	// that pages may send requests to: the public URL, where Location headers point
	// elsewhere than the address in the browser, and other nodes of a cluster. "https:"
	// and "http:" stand for all origins of that scheme. Other entries are left out.
	// It is called for each response. Nil: none.
	ConnectOrigins func() []string
}

// streamName is one path segment that names a stream.
var streamName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// origin is a source expression that cannot smuggle in another directive.
var origin = regexp.MustCompile(`^https?:(//[A-Za-z0-9.\-\[\]:]+)?$`)

// Handler is New with the zero Config.
func Handler() http.Handler { return New(Config{}) }

// New returns the handler of all pages and assets. It answers GET and HEAD of
// `/`, `/publish/{stream}`, `/watch/{stream}`, `/assets/…` and `/favicon.ico`, and
// everything else with a problem: 404, or 405 with Allow. It is safe for concurrent
// use and keeps no state.
func New(cfg Config) http.Handler {
	s := &site{files: load(), connect: cfg.ConnectOrigins}
	s.route = s.publicPage
	return s
}

// A site is the immutable set of pages and assets.
type site struct {
	files   map[string]file // by path inside static/
	connect func() []string // further sources of connect-src; nil: none
	route   http.HandlerFunc
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.secure(w.Header(), "'none'")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.problem(w, r, methodNotAllowed)
		return
	}
	s.route(w, r)
}

// publicPage serves the pages of everybody.
func (s *site) publicPage(w http.ResponseWriter, r *http.Request) {
	switch kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
	case r.URL.Path == "/":
		s.page(w, r, "index.html")
	case kind == "publish":
		s.streamPage(w, r, "publish.html", rest)
	case kind == "watch":
		s.streamPage(w, r, "watch.html", rest)
	default:
		s.common(w, r, kind, rest)
	}
}

// streamPage serves the page of one stream; the page itself reads the name from its
// address.
func (s *site) streamPage(w http.ResponseWriter, r *http.Request, name, stream string) {
	if !streamName.MatchString(stream) {
		s.problem(w, r, badName)
		return
	}
	if name == "watch.html" {
		// A player may be embedded: it sends nothing and changes nothing.
		s.secure(w.Header(), "*")
	}
	s.page(w, r, name)
}

func (s *site) page(w http.ResponseWriter, r *http.Request, name string) {
	s.files[name].serve(w, r)
}

// asset serves a module, style or picture to pages of any origin.
func (s *site) asset(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := s.files[name]
	if !ok {
		s.problem(w, r, noPage)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	f.serve(w, r)
}

// secure sets the headers every response carries. ancestors is who may frame it.
func (s *site) secure(h http.Header, ancestors string) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "+
		"img-src 'self' data:; media-src 'self' blob: mediastream:; connect-src "+s.sources()+"; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors "+ancestors)
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), "+
		"fullscreen=(self), picture-in-picture=(self), autoplay=(self), screen-wake-lock=(self), "+
		"geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// sources are those of connect-src.
func (s *site) sources() string {
	all := []string{"'self'"}
	if s.connect != nil {
		all = append(all, s.connect()...)
	}
	return strings.Join(slices.DeleteFunc(all, func(s string) bool {
		return s != "'self'" && !origin.MatchString(s)
	}), " ")
}
