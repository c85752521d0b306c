package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
)

// A requester sends the requests of one session. Safe for concurrent use.
type requester struct {
	http   http.Client
	token  string
	header http.Header
}

func newRequester(opts *Options) *requester {
	r := &requester{token: opts.Token, header: opts.Header}
	if opts.HTTP != nil {
		r.http = *opts.HTTP
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		if opts.InsecureTLS {
			transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
		}
		r.http = http.Client{Transport: transport, Timeout: requestTimeout}
	}
	r.http.CheckRedirect = r.checkRedirect
	return r
}

// close gives idle connections back; a client of the caller keeps its own.
func (r *requester) close(own bool) {
	if own {
		r.http.CloseIdleConnections()
	}
}

var errRedirect = errors.New("the server redirects with a status that turns POST into GET: it must use 307 or 308")

var errDowngrade = errors.New("the server redirects from https to http, where others on the way could read the token")

// checkRedirect lets a POST be passed on unchanged and nothing else. Whoever may have the
// token says who else may, as with OBS and FFmpeg; net/http alone would leave it out for
// another host.
func (r *requester) checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method != http.MethodPost:
		return http.ErrUseLastResponse // PATCH and DELETE go where the session is
	case req.Method != http.MethodPost:
		return errRedirect
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case r.token != "" && via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errDowngrade
	case r.token != "":
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return nil
}

// A reply is a response whose body has been read.
type reply struct {
	*http.Response
	body []byte
}

// problem makes an error of the reply.
func (r *reply) problem() error {
	return newProblem(r.Request.Method, withoutQuery(r.Request.URL), r.Response, r.body)
}

// is tells whether the body has the media type.
func (r *reply) is(mediaType string) bool {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && got == mediaType
}

// do sends one request and reads at most maxBody bytes of the response.
func (r *requester) do(ctx context.Context, method, target string, body []byte, header map[string]string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, withoutQuery(req.URL), err)
	}
	return &reply{resp, got}, nil
}

// withoutQuery writes a URL for humans: queries may hold tokens.
func withoutQuery(u *url.URL) string {
	short := *u
	short.RawQuery, short.User = "", nil
	return short.String()
}

// CheckURL returns an error that says what is wrong with the URL of an endpoint.
func CheckURL(raw string) error {
	_, err := parseEndpoint(raw)
	return err
}

// parseEndpoint checks what a user gave as URL.
func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL %q must start with http:// or https://", raw)
	case u.Host == "":
		return nil, fmt.Errorf("the URL %q names no host", raw)
	}
	return u, nil
}
