package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A sender speaks OTLP over HTTP with binary protobuf (opentelemetry.io/docs/specs/otlp,
// OTLP/HTTP). TracesData is on the wire what ExportTraceServiceRequest is.
type sender struct {
	endpoint string
	client   *http.Client
}

func newSender(endpoint string) *sender {
	return &sender{endpoint, &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Start does nothing.
func (s *sender) Start(context.Context) error { return nil }

// Stop does nothing.
func (s *sender) Stop(context.Context) error { return nil }

// UploadTraces sends spans, again if that may help.
func (s *sender) UploadTraces(ctx context.Context, spans []*otlp.ResourceSpans) error {
	body, err := marshal(spans)
	if err != nil {
		return err
	}
	delay := firstRetry
	for attempt := 1; ; attempt++ {
		again, err := s.post(ctx, body)
		if err == nil || !again || attempt == maxAttempts {
			return err
		}
		select {
		case <-time.After(delay):
			delay *= 2
		case <-ctx.Done():
			return err
		}
	}
}

func marshal(spans []*otlp.ResourceSpans) ([]byte, error) {
	plain, err := proto.Marshal(&otlp.TracesData{ResourceSpans: spans})
	if err != nil {
		return nil, fmt.Errorf("marshal spans: %w", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// post makes one request. again tells whether another one may succeed.
func (s *sender) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("User-Agent", "whippet")
	answer, err := s.client.Do(r)
	var dial *url.Error
	if errors.As(err, &dial) {
		err = dial.Err // without the address, which may hold a key
	}
	if err != nil {
		return true, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswerBytes)
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return false, nil
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true // the others say that they will not take it (OTLP/HTTP, Failures)
	}
	return again, fmt.Errorf("the receiver answers %s", answer.Status)
}
