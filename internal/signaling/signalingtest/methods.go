package signalingtest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/internal/signaling"
)

var methodRows = []Row{
	{"W19", "E1_E2_E3_E7", "describe", testDescribe},
	{"W20", "E3", "get_session", testGetSession},
	{"W21", "E4", "other_methods", testOtherMethods},
	{"W22_W23", "E5", "options", testOptions},
	{"W17", "E42", "stream_names", testStreamNames},
}

func testDescribe(t *testing.T, k Kit) {
	x := k.Guarded(t)
	get := x.Do(t, Request{Method: "GET", Path: x.Endpoint("live")}).Want(t, 200)
	head := x.Do(t, Request{Method: "HEAD", Path: x.Endpoint("live")}).Want(t, 200)
	if get.Body != "" || get.Header.Get("Content-Length") != "0" {
		t.Errorf("body %q, length %q", get.Body, get.Header.Get("Content-Length"))
	}
	if diff := cmp.Diff(get.Header, head.Header); diff != "" {
		t.Errorf("HEAD differs from GET:\n%s", diff)
	}
	if ct := head.Header.Get("Content-Type"); k.Kind == signaling.WHEP && ct != "application/sdp" {
		t.Errorf("Content-Type %q", ct)
	}
	x.Create(t, "live", Token(t, k.Kind.Action(), "live"))
	for _, stream := range []string{"live", "unknown"} {
		r := x.Do(t, Request{Method: "HEAD", Path: x.Endpoint(stream)}).Want(t, 200)
		if diff := cmp.Diff(head.Header, r.Header); diff != "" {
			t.Errorf("%s can be told apart:\n%s", stream, diff)
		}
	}
}

func testGetSession(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	if got := x.Do(t, Request{Method: "GET", Path: r.Path}).Want(t, 204); got.Body != "" {
		t.Errorf("body %q", got.Body)
	}
	x.Do(t, Request{Method: "HEAD", Path: r.Path}).Want(t, 204)
	x.Do(t, Request{Method: "GET", Path: r.Path + "x"}).Want(t, 404)
	x.Do(t, Request{Method: "HEAD", Path: r.Path + "x"}).Want(t, 404)
}

func testOtherMethods(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for _, c := range []struct{ path, methods, allow string }{
		{x.Endpoint("live"), "PUT DELETE PATCH TRACE FOO PROPFIND", "GET HEAD OPTIONS POST"},
		{r.Path, "PUT POST TRACE FOO", "DELETE GET HEAD OPTIONS PATCH"},
	} {
		for _, method := range strings.Fields(c.methods) {
			q := Request{Method: method, Path: c.path}.With("Origin", "https://a.example")
			allow := strings.Split(x.Do(t, q).Want(t, 405).Header.Get("Allow"), ", ")
			slices.Sort(allow)
			if got := strings.Join(allow, " "); got != c.allow {
				t.Errorf("%s %s: Allow %q, want %q", method, c.path, got, c.allow)
			}
		}
	}
	x.Do(t, Request{Method: "GET", Path: r.Path}).Want(t, 204)
}

func testOptions(t *testing.T, k Kit) {
	x := k.Guarded(t)
	for _, path := range []string{x.Endpoint("live"), x.Endpoint("live") + "/none"} {
		r := x.Do(t, Request{Method: http.MethodOptions, Path: path}).Want(t, 200)
		if r.Body != "" || r.Header.Get("Accept-Post") != "application/sdp" {
			t.Errorf("%s: body %q, Accept-Post %q", path, r.Body, r.Header.Get("Accept-Post"))
		}
	}
}

func testStreamNames(t *testing.T, k Kit) {
	x := k.Guarded(t)
	token := Token(t, k.Kind.Action(), "*")
	for _, name := range []string{"-a", ".", "..", "_x", "a%20b", "a%2Fb", "a~b", "%00", "caf%C3%A9", "%2e%2e", strings.Repeat("a", 129)} {
		x.Do(t, x.OfferRequest(name, x.Offer(), token)).Want(t, 404)
		x.Do(t, x.OfferRequest(name, x.Offer(), "")).Want(t, 401)
	}
	root := "/" + k.Kind.String()
	for _, path := range []string{root, root + "/"} {
		r := x.Do(t, Request{Method: "POST", Path: path}.With("Authorization", "Bearer "+token)).Want(t, 404)
		if !strings.Contains(r.Problem.Detail, root+"/{stream}") {
			t.Errorf("%s: %q does not say what to write", path, r.Problem.Detail)
		}
	}
	for _, name := range []string{"slash/", "a", "0", "Cam-1.low_2", "a%2Db", strings.Repeat("a", 128)} {
		r := NewCreated(t, x.Do(t, x.OfferRequest(name, x.Offer(), token)))
		x.Do(t, Request{Method: "GET", Path: r.Path}).Want(t, 204)
	}
}
