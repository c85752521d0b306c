package web

import (
	"bytes"
	"encoding/json"
	"html"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// A problem is an error this package answers with (RFC 9457).
type problem struct {
	status int
	code   string // after urn:whippet:problem:
	title  string
	detail string // says what to do
}

var (
	noPage = problem{
		http.StatusNotFound, "no-such-page", "There is no such page",
		"Pages are /, /publish/{stream} and /watch/{stream}. The list of live streams is the first.",
	}
	badName = problem{
		http.StatusNotFound, "bad-stream-name", "That is not a stream name",
		"A stream name has 1 to 128 letters, digits, dots, underscores and hyphens, and begins with a letter or digit.",
	}
	methodNotAllowed = problem{
		http.StatusMethodNotAllowed, "method-not-allowed", "Pages can only be read",
		"Use GET or HEAD here. Media is published by POST to /whip/{stream} and played by POST to /whep/{stream}.",
	}
)

// problem answers with a page where a person asks, else with problem+json.
func (s *site) problem(w http.ResponseWriter, r *http.Request, p problem) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	body, mediaType := p.json(), "application/problem+json"
	if wantsHTML(r) {
		body, mediaType = p.html(s.files["problem.html"].body, r.URL.Path), mediaTypes[".html"]
	}
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // the client is gone if this fails; net/http drops the body of HEAD
}

// wantsHTML reports whether the request names text/html among what it accepts.
// Browsers do when they navigate; fetch and curl send */*.
func wantsHTML(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(field, ",") {
			if t, _, err := mime.ParseMediaType(part); err == nil && t == "text/html" {
				return true
			}
		}
	}
	return false
}

func (p problem) json() []byte {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"urn:whippet:problem:" + p.code, p.title, p.status, p.detail})
	if err != nil {
		panic("web: " + err.Error()) // strings and a number always marshal
	}
	return body
}

// html fills the page's placeholders. Links and assets are relative to where the
// page seems to be: one `../` for each slash of the path after the first.
func (p problem) html(page []byte, path string) []byte {
	// Bounded: no page lies deeper, and a long path would make a long page.
	root := strings.Repeat("../", min(strings.Count(path, "/")-1, 16))
	if root == "" {
		root = "./"
	}
	for name, value := range map[string]string{"title": p.title, "detail": p.detail, "status": strconv.Itoa(p.status), "root": root} {
		page = bytes.ReplaceAll(page, []byte("{{"+name+"}}"), []byte(html.EscapeString(value)))
	}
	return page
}
