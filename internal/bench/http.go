package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	requestTimeout = 15 * time.Second
	maxBody        = 64 << 10 // of an answer
	maxIdle        = 64       // connections that are kept for the next request
)

// A site is the server under load as HTTP sees it.
type site struct {
	base  string // without a slash at its end
	token string // "" sends none
	local netip.Addr
	http  *http.Client
}

// newSite finds the address of this machine that reaches the server.
func newSite(ctx context.Context, base, token string) (*site, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no address of a server; write http://host:port", base)
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // names of services
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1" // its IPv6 address may have no server
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", base, err)
	}
	defer c.Close()
	local := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap() //nolint:forcetypeassert // of a UDP socket
	t := &http.Transport{MaxIdleConnsPerHost: maxIdle, ForceAttemptHTTP2: true}
	return &site{strings.TrimRight(base, "/"), token, local, &http.Client{Transport: t, Timeout: requestTimeout}}, nil
}

// post offers and returns the answer and the session's URL.
func (s *site) post(ctx context.Context, path, offer string) (text, location string, err error) {
	r, err := s.request(ctx, http.MethodPost, s.base+path, offer)
	if err != nil {
		return "", "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return "", "", err
	}
	if r.StatusCode != http.StatusCreated {
		const excerpt = 200
		return "", "", fmt.Errorf("POST %s: %s: %.*s", path, r.Status, excerpt, bytes.TrimSpace(b))
	}
	at, err := r.Request.URL.Parse(r.Header.Get("Location"))
	if err != nil || r.Header.Get("Location") == "" {
		return "", "", fmt.Errorf("POST %s: no Location", path)
	}
	return string(b), at.String(), nil
}

// remove ends a session.
func (s *site) remove(ctx context.Context, location string) error {
	r, err := s.request(ctx, http.MethodDelete, location, "")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
	_ = r.Body.Close()
	return err
}

func (s *site) request(ctx context.Context, method, to, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/sdp")
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	return s.http.Do(r)
}
