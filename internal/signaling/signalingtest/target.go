package signalingtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/apitest"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A Target is an endpoint under test.
type Target struct {
	Kind    signaling.Kind
	Service *signaling.Service
	Handler http.Handler
}

// A Factory makes a target with the configuration, closed by the test's cleanup. A zero
// Config is an open node.
type Factory func(t *testing.T, cfg signaling.Config) *Target

// A Request is what Do sends. The zero fields mean: no body, no further headers.
type Request struct {
	Method, Path string
	Body         string
	Header       map[string]string
}

// With returns the request with a header added.
func (r Request) With(name, value string) Request {
	h := map[string]string{name: value}
	for k, v := range r.Header {
		if _, ok := h[k]; !ok {
			h[k] = v
		}
	}
	r.Header = h
	return r
}

// A Reply is a response that was checked: errors are problem details, nothing but a POST
// redirects, 406 is never used, CORS is there if the request has an Origin, and a length
// is stated, but of event streams.
type Reply struct {
	Status  int
	Header  http.Header
	Body    string
	Problem Problem // of an error
}

// A Problem is an RFC 9457 body.
type Problem struct {
	Type, Title, Detail string
	Status              int
}

// Do sends the request to the handler.
func (x *Target) Do(t testing.TB, q Request) Reply {
	t.Helper()
	reply := doUnchecked(x, q)
	checkReply(t, q, &reply)
	checkDescribed(t, q, &reply)
	return reply
}

func doUnchecked(x *Target, q Request) Reply {
	r := httptest.NewRequest(q.Method, q.Path, strings.NewReader(q.Body))
	for name, value := range q.Header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	x.Handler.ServeHTTP(w, r)
	return Reply{Status: w.Code, Header: w.Result().Header, Body: w.Body.String()}
}

// document is openapi.yaml, read when it is first needed.
var document = sync.OnceValues(apitest.Open)

// checkDescribed wants openapi.yaml to have the response.
func checkDescribed(t testing.TB, q Request, r *Reply) {
	t.Helper()
	d, err := document()
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(q.Method, q.Path, nil)
	d.CheckResponse(t, request, &http.Response{
		StatusCode: r.Status, Header: r.Header, Body: io.NopCloser(strings.NewReader(r.Body)), Request: request,
	})
}

func checkReply(t testing.TB, q Request, r *Reply) {
	t.Helper()
	sentOn := r.Status == http.StatusTemporaryRedirect && q.Method == http.MethodPost && strings.Contains(r.Header.Get("Location"), "placed=1")
	if r.Status == http.StatusNotAcceptable || !sentOn && r.Status >= 300 && r.Status < 400 || r.Status >= 500 && r.Status != 503 {
		t.Errorf("%s %s: status %d", q.Method, q.Path, r.Status)
	}
	endless := r.Header.Get("Content-Type") == "text/event-stream"
	if r.Status != http.StatusNoContent && !endless && r.Header.Get("Content-Length") == "" {
		t.Errorf("%s %s: no Content-Length", q.Method, q.Path)
	}
	if q.Method == http.MethodHead && r.Body != "" {
		t.Errorf("HEAD %s: body %q", q.Path, r.Body)
	}
	if q.Header["Origin"] != "" && r.Header.Get("Access-Control-Expose-Headers") == "" {
		t.Errorf("%s %s: nothing exposed to the page", q.Method, q.Path)
	}
	if r.Status >= 400 && q.Method != http.MethodHead {
		checkProblem(t, q, r)
	}
}

func checkProblem(t testing.TB, q Request, r *Reply) {
	t.Helper()
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("%s %s: error of type %q", q.Method, q.Path, ct)
	}
	if err := json.Unmarshal([]byte(r.Body), &r.Problem); err != nil {
		t.Fatalf("%s %s: error body %q: %v", q.Method, q.Path, r.Body, err)
	}
	p := r.Problem
	if !strings.HasPrefix(p.Type, "urn:whippet:problem:") || p.Title == "" || p.Detail == "" || p.Status != r.Status {
		t.Errorf("%s %s: problem %+v with status %d", q.Method, q.Path, p, r.Status)
	}
}

// Want fails the test unless the reply has the status.
func (r Reply) Want(t testing.TB, status int) Reply {
	t.Helper()
	if r.Status != status {
		t.Fatalf("status %d, want %d: %s", r.Status, status, r.Body)
	}
	return r
}

// Endpoint returns the path of a stream's endpoint.
func (x *Target) Endpoint(stream string) string { return "/" + x.Kind.String() + "/" + stream }

// Offer returns F-BASE or V-BASE, changed.
func (x *Target) Offer(mods ...sdptest.Mod) string {
	if x.Kind == signaling.WHIP {
		return sdptest.Base(mods...)
	}
	return sdptest.View(mods...)
}

// Post sends an offer to a stream's endpoint, with a token unless it is "".
func (x *Target) Post(t testing.TB, stream, offer, token string) Reply {
	t.Helper()
	return x.Do(t, x.OfferRequest(stream, offer, token))
}

// OfferRequest is the request Post sends.
func (x *Target) OfferRequest(stream, offer, token string) Request {
	q := Request{Method: "POST", Path: x.Endpoint(stream), Body: offer}.With("Content-Type", "application/sdp")
	if token != "" {
		q = q.With("Authorization", "Bearer "+token)
	}
	return q
}

// A Created is a session that a 201 announced.
type Created struct {
	Reply
	URL  string // Location
	Path string // of it
	Tag  string
}

// Create posts the plain offer and wants a 201.
func (x *Target) Create(t testing.TB, stream, token string) Created {
	t.Helper()
	return NewCreated(t, x.Post(t, stream, x.Offer(), token))
}

// NewCreated reads a 201.
func NewCreated(t testing.TB, r Reply) Created {
	t.Helper()
	r.Want(t, http.StatusCreated)
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return Created{Reply: r, URL: u.String(), Path: u.Path, Tag: r.Header.Get("ETag")}
}

// Patch sends a fragment with If-Match, unless that is "".
func (x *Target) Patch(t testing.TB, path, ifMatch, fragment string) Reply {
	t.Helper()
	q := Request{Method: "PATCH", Path: path, Body: fragment}.With("Content-Type", "application/trickle-ice-sdpfrag")
	if ifMatch != "" {
		q = q.With("If-Match", ifMatch)
	}
	return x.Do(t, q)
}

// Server serves the target on a loopback socket until the test ends.
func (x *Target) Server(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(x.Handler)
	t.Cleanup(s.Close)
	return s
}

var secret = []byte("0123456789abcdef0123456789abcdef")

const audience = "whippet"

// Verifier checks the tokens that Token makes.
func Verifier(t testing.TB) signaling.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(auth.Options{
		Audience: audience,
		Keys:     []auth.Key{{Algorithm: auth.HS256, Secret: secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Token makes a token of an hour, changed.
func Token(t testing.TB, action auth.Action, stream string, change ...func(*auth.Claims)) string {
	t.Helper()
	c := auth.Claims{
		Subject:  "tester",
		Audience: []string{audience},
		Actions:  []auth.Action{action},
		Streams:  []string{stream},
		Expires:  time.Now().Add(time.Hour),
	}
	for _, f := range change {
		f(&c)
	}
	token, err := auth.Mint(secret, c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ReadAll reads a body of a real response.
func ReadAll(t testing.TB, body io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
