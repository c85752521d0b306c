package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// An outcome is what an attempt came to.
type outcome struct {
	delivered bool
	final     bool          // no other attempt can help
	status    int           // of the answer; 0: there was none
	err       error         // instead of an answer; never holds a URL
	wait      time.Duration // the receiver asked for
}

// attrs says why it failed.
func (o outcome) attrs() []any {
	if o.err != nil {
		return []any{"error", o.err.Error()}
	}
	return []any{"status", o.status}
}

// newClient returns a client that follows no redirect: what is signed for one place is
// not sent to another.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = newTransport()
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    senders,
		MaxConnsPerHost:        2 * senders, // two receivers may share a host
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    sendTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
}

// send makes one request and reads its answer.
func (r *receiver) send(d *delivery) outcome {
	ctx, cancel := context.WithTimeout(r.ctx, r.pace.send)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(d.body))
	if err != nil {
		return outcome{err: withoutURL(err), final: true}
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", r.agent)
	sign(q.Header, d.event.ID, time.Now(), d.body, r.Secrets)
	answer, err := r.client.Do(q)
	if err != nil {
		return outcome{err: withoutURL(err)}
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswerBytes) // what it says does not matter
	return judge(answer.StatusCode, answer.Header)
}

// judge reads an answer. Any 2xx is good. A redirect is not followed, and stays one; 410
// says that nobody will ever listen again.
func judge(status int, h http.Header) outcome {
	o := outcome{status: status}
	switch {
	case status >= 200 && status < 300:
		o.delivered = true
	case status >= 300 && status < 400, status == http.StatusGone:
		o.final = true
	}
	if seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16); err == nil {
		o.wait = time.Duration(seconds) * time.Second
	}
	return o
}

// withoutURL takes the URL out of an error: its path and query may be secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
