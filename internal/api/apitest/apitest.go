// Package apitest holds requests and responses to openapi.yaml, for tests of whatever
// serves it or is a client of it.
package apitest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/whippet-media/whippet"
)

// A Document is openapi.yaml. It is safe for concurrent use.
type Document struct {
	spec   *openapi3.T
	router routers.Router
}

// Load reads the document and wants it to be sound.
func Load(t testing.TB) *Document {
	t.Helper()
	d, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Open reads the document. An error says why it is not sound.
func Open() (*Document, error) {
	spec, err := openapi3.NewLoader().LoadFromData([]byte(whippet.OpenAPI))
	if err != nil {
		return nil, err
	}
	spec.Servers = openapi3.Servers{{URL: "/"}} // whatever the host is
	router, err := legacy.NewRouter(spec)
	if err != nil {
		return nil, err
	}
	return &Document{spec, router}, nil
}

// Operations returns the ids of the operations with one of the tags.
func (d *Document) Operations(tags ...string) map[string]bool {
	all := map[string]bool{}
	for _, item := range d.spec.Paths.Map() {
		for _, op := range item.Operations() {
			for _, tag := range tags {
				if len(op.Tags) > 0 && op.Tags[0] == tag {
					all[op.OperationID] = true
				}
			}
		}
	}
	return all
}

// Check is CheckResponse that also wants a request that was answered with 2xx to be one
// that the document allows. The request's body is given apart.
func (d *Document) Check(t testing.TB, r *http.Request, body []byte, response *http.Response) (operation string) {
	t.Helper()
	return d.check(t, r, body, response, true)
}

// CheckResponse wants the response to be one that the document has for the request, and
// returns the id of the operation. HEAD is checked as GET without a body, bodies that are
// no JSON are not looked at, and methods and paths that the document does not have, and
// what is answered with 405, are not checked. The response's body can be read again.
func (d *Document) CheckResponse(t testing.TB, r *http.Request, response *http.Response) (operation string) {
	t.Helper()
	return d.check(t, r, nil, response, false)
}

func (d *Document) check(t testing.TB, r *http.Request, body []byte, response *http.Response, strict bool) (operation string) {
	t.Helper()
	in := r.Clone(context.Background())
	in.Body = io.NopCloser(bytes.NewReader(body))
	if in.Method == http.MethodHead {
		in.Method = http.MethodGet
	}
	route, params, err := d.router.FindRoute(in)
	if err != nil || response.StatusCode == http.StatusMethodNotAllowed {
		return ""
	}
	request := &openapi3filter.RequestValidationInput{
		Request: in, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	if strict && response.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), request); err != nil {
			t.Errorf("%s %s was answered with %d though it is not allowed: %v", r.Method, r.URL, response.StatusCode, err)
		}
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(answer))
	if r.Method == http.MethodHead || !strings.HasSuffix(response.Header.Get("Content-Type"), "json") {
		request.Options.ExcludeResponseBody = true
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(answer)), Options: request.Options,
	})
	if err != nil {
		t.Errorf("%s %s: %d is not what is described: %v\n%s", r.Method, r.URL, response.StatusCode, err, answer)
	}
	return route.Operation.OperationID
}

// Methods returns the methods of the paths that begin with a prefix.
func (d *Document) Methods(prefix string) map[string][]string {
	all := map[string][]string{}
	for path, item := range d.spec.Paths.Map() {
		for method := range item.Operations() {
			if strings.HasPrefix(path, prefix) {
				all[path] = append(all[path], method)
			}
		}
	}
	return all
}
