package signaling

import (
	"net/http"
	"net/url"
	"strings"
)

const maxNameBytes = 128

// ValidStreamName tells whether name may name a stream: one path segment, 1 to 128
// ASCII letters, digits, '.', '_' and '-', the first of them a letter or digit.
func ValidStreamName(name string) bool {
	if name == "" || len(name) > maxNameBytes || !isAlnum(name[0]) {
		return false
	}
	for i := 1; i < len(name); i++ {
		if c := name[i]; !isAlnum(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// A target is what the path of a request below /whip/ or /whep/ leads to.
type target struct {
	stream  string // still escaped
	session string // its id; "" for an endpoint
	below   string // the path behind the session's, with its slash; "" for a session
}

// target splits the path of a request. The router's own parameters are empty for methods
// it does not know.
func (k Kind) target(r *http.Request) target {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/"+k.String())
	stream, session, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	t := target{stream: stream, session: session}
	if i := strings.IndexByte(session, '/'); i >= 0 {
		t.session, t.below = session[:i], session[i:]
	}
	return t
}

// streamName undoes the escaping of a stream's name and checks it.
func streamName(escaped string) (string, error) {
	name, err := url.PathUnescape(escaped)
	if err != nil || !ValidStreamName(name) {
		return "", NewProblem(http.StatusNotFound, "no-such-stream",
			"Name a stream: /whip/{stream} to publish, /whep/{stream} to play. A name has 1 to 128 letters, digits, "+
				"dots, underscores and dashes and begins with a letter or digit.")
	}
	return name, nil
}
