package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/apitest"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

const secret = "0123456789abcdef0123456789abcdef"

// A rig is a node with publishers and subscribers in virtual time, and openapi.yaml, to
// which every response is held.
type rig struct {
	*nodetest.World
	t        *testing.T
	document *apitest.Document
	asked    map[string]bool // operations
}

// run tests a guarded node with the API on both ports.
func run(t *testing.T, f func(t *testing.T, r *rig), options ...nodetest.Option) {
	t.Helper()
	document := apitest.Load(t)
	options = append(guarded(t), options...)
	synctest.Test(t, func(t *testing.T) {
		f(t, &rig{nodetest.New(t, options...), t, document, map[string]bool{}})
	})
}

// guarded makes a node that wants tokens and serves the API on both ports.
func guarded(t *testing.T) []nodetest.Option {
	t.Helper()
	verifier, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: []byte(secret)}}})
	if err != nil {
		t.Fatal(err)
	}
	return []nodetest.Option{
		nodetest.Guarded(verifier),
		nodetest.Config(func(c *config.Config) { c.PublicAPI, c.MaxSubscribers = true, 100 }),
		nodetest.Logs(node.NewLogs(io.Discard, config.Log{Level: slog.LevelInfo})),
	}
}

// mint makes a token of a subject for all streams.
func mint(t *testing.T, subject string, actions ...auth.Action) string {
	t.Helper()
	s, err := auth.Mint([]byte(secret), auth.Claims{
		Issuer: "https://issuer.example", Subject: subject, ID: "id-of-" + subject, Audience: []string{"whippet"},
		IssuedAt: time.Now(), Expires: time.Now().Add(time.Hour), Actions: actions, Streams: []string{"*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// publish publishes a stream with a token of the subject of its own.
func (r *rig) publish(stream, subject string) *nodetest.Publisher {
	r.t.Helper()
	return r.Publish(stream, func(o *client.PublishOptions) { o.Token = mint(r.t, subject, auth.Publish) })
}

func (r *rig) subscribe(stream, subject string) *nodetest.Subscriber {
	r.t.Helper()
	return r.Subscribe(stream, func(o *client.PlayOptions) { o.Token = mint(r.t, subject, auth.Subscribe) })
}

// A reply is a response that was held to the document.
type reply struct {
	*http.Response
	t    *testing.T
	text string
}

// do sends a request with an operator's token to the public port: a path below the API's,
// a JSON body or "", and pairs of header fields.
func (r *rig) do(method, path, body string, header ...string) reply {
	r.t.Helper()
	return r.send(r.Node.Handler(), method, path, body, append([]string{"Authorization", "Bearer " + mint(r.t, "operator", auth.Admin)}, header...)...)
}

// send sends a request to a port. A header field that comes again replaces the one before;
// an empty one is left out.
func (r *rig) send(h http.Handler, method, path, body string, header ...string) reply {
	r.t.Helper()
	q := httptest.NewRequest(method, "/api/v1/"+path, strings.NewReader(body))
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			q.Header.Del(header[i])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	response := w.Result()
	if op := r.document.Check(r.t, q, []byte(body), response); response.StatusCode < 300 {
		r.asked[op] = true
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{response, r.t, string(text)}
}

// want checks the status, and the code if that is a problem's.
func (r reply) want(status int, code string) reply {
	r.t.Helper()
	var problem struct{ Type string }
	if status >= 400 {
		if err := json.Unmarshal([]byte(r.text), &problem); err != nil {
			r.t.Error(err)
		}
	}
	if r.StatusCode != status || code != "" && problem.Type != "urn:whippet:problem:"+code {
		r.t.Errorf("%d, want %d %s\n%s", r.StatusCode, status, code, r.text)
	}
	return r
}

// read reads the body into a value, strictly.
func read[T any](r reply) T {
	r.t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader([]byte(r.text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		r.t.Errorf("%v\n%s", err, r.text)
	}
	return v
}
