// Package tracetest has a receiver of traces for tests: an HTTP server that takes OTLP and
// keeps the spans.
package tracetest

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Span is a span as it was received.
type Span struct {
	Name, Trace, ID, Parent string // ids in hex; Parent "": none
	State                   string // of the trace
	Start, End              time.Time
	Error                   string // the message of a status that is an error
	Attributes              map[string]string
	Resource                map[string]string
}

// A Receiver takes traces at URL until its test ends.
type Receiver struct {
	URL string

	// Answer says how a request is answered; nil: 200. Set it before the first request.
	Answer func(request int) int

	t  testing.TB
	mu sync.Mutex
	// guarded by mu
	requests int
	spans    []Span
}

// New starts a receiver.
func New(t testing.TB) *Receiver {
	r := &Receiver{t: t}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.URL = s.URL + "/v1/traces"
	return r
}

// ServeHTTP takes one request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if r.Answer != nil {
		if status := r.Answer(r.requests); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	if q.Method != http.MethodPost || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/x-protobuf" {
		r.t.Errorf("%s %s of type %s", q.Method, q.URL.Path, q.Header.Get("Content-Type"))
	}
	z, err := gzip.NewReader(q.Body)
	if err != nil {
		r.t.Error(err)
		return
	}
	b, err := io.ReadAll(z)
	if err != nil {
		r.t.Error(err)
		return
	}
	var data otlp.TracesData
	if err := proto.Unmarshal(b, &data); err != nil {
		r.t.Error(err)
		return
	}
	r.spans = append(r.spans, read(&data)...)
}

func read(data *otlp.TracesData) []Span {
	var all []Span
	for _, resource := range data.ResourceSpans {
		of := map[string]string{}
		for _, a := range resource.GetResource().GetAttributes() {
			of[a.Key] = a.GetValue().GetStringValue()
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				all = append(all, span(s, of))
			}
		}
	}
	return all
}

func span(s *otlp.Span, resource map[string]string) Span {
	one := Span{
		Name: s.Name, Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		State: s.TraceState, Start: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)), //nolint:gosec // this century
		Attributes: map[string]string{}, Resource: resource,
	}
	if s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR {
		one.Error = s.GetStatus().GetMessage()
	}
	for _, a := range s.Attributes {
		one.Attributes[a.Key] = a.GetValue().GetStringValue()
	}
	return one
}

// Requests returns how many requests there were.
func (r *Receiver) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Spans returns what was received so far, in order.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Await returns the spans once there are so many, or fails the test.
func (r *Receiver) Await(n int, within time.Duration) []Span {
	r.t.Helper()
	for end := time.Now().Add(within); len(r.Spans()) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%d spans, want %d: %+v", len(r.Spans()), n, r.Spans())
		}
	}
	return r.Spans()
}
