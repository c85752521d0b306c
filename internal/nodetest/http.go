package nodetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// base is the origin of the node's URLs in tests.
const base = "http://node.example"

// direct carries requests straight to the handler of the host they name, else to handler.
type direct struct {
	handler http.Handler
	by      map[string]http.Handler
}

// RoundTrip calls the handler.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RemoteAddr, in.Host = "192.0.2.1:1234", r.URL.Host
	w := httptest.NewRecorder()
	handler := d.handler
	if h := d.by[r.URL.Host]; h != nil {
		handler = h
	}
	if m, ok := handler.(*Member); ok && m.dead.Load() {
		return nil, errCut
	}
	handler.ServeHTTP(w, in)
	response := w.Result()
	response.Request = r
	return response, nil
}

// A Reply is a response to Do.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request without credentials to the node's public handler: a path or a URL
// of this node, and name and value pairs of header fields.
func (w *World) Do(method, url, body string, header ...string) Reply {
	w.t.Helper()
	r := httptest.NewRequest(method, strings.TrimPrefix(url, base), strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.Node.Handler().ServeHTTP(rec, r)
	text, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return Reply{rec.Code, rec.Result().Header, string(text)}
}

// Post sends an SDP offer to an endpoint's path.
func (w *World) Post(path, offer string) Reply {
	return w.Do(http.MethodPost, path, offer, "Content-Type", "application/sdp")
}
