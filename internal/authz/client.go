package authz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// ErrUnavailable says that the service did not decide, since it did not answer in time or not as it
// should. A retry can help.
var ErrUnavailable = errors.New("authz: the service does not answer")

// A Client asks a service about tokens.
type Client struct {
	url    string
	http   *http.Client
	asking chan struct{} // holds one for each question that waits for its answer
	kept   *answers
}

// New returns a client of the service at a URL: https:, or http: where that stays on this
// machine or a private network. Close it.
func New(address string) (*Client, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	return &Client{
		url: address,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
				MaxIdleConnsPerHost:    maxAsking,
				MaxConnsPerHost:        maxAsking,
				IdleConnTimeout:        time.Minute,
				MaxResponseHeaderBytes: maxAnswerBytes,
				ForceAttemptHTTP2:      true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		asking: make(chan struct{}, maxAsking),
		kept:   newAnswers(),
	}, nil
}

// CheckURL refuses a URL that tokens must not be sent to.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("it is no http(s) URL with a host and without user and fragment; write https://login.example/whippet")
	case u.Scheme == "http" && !nearby(u.Hostname()):
		return errors.New("tokens are sent by https: only, except to this machine or a private network")
	}
	return nil
}

// nearby tells whether a host is on this machine or a private network: names without a dot
// are those of containers.
func nearby(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return !strings.Contains(host, ".")
	}
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
}

// Close ends the connections that wait for the next question.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// question is the body of a request to the service.
type question struct {
	Action  auth.Action `json:"action"`
	Stream  string      `json:"stream"`
	Token   string      `json:"token"`
	Address string      `json:"address"` // "" if nobody knows it
}

// Authorise asks the service about a use of a token, unless it said so a moment ago. The
// grant is for this action on this stream alone. The error is [auth.ErrRefused],
// [auth.ErrForbidden], or else [ErrUnavailable].
func (c *Client) Authorise(ctx context.Context, q auth.Request) (auth.Grant, error) {
	key, now := keyOf(q), time.Now()
	if a, ok := c.kept.get(key, now); ok {
		return a.grant, a.err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case c.asking <- struct{}{}:
		defer func() { <-c.asking }()
	case <-ctx.Done():
		return auth.Grant{}, ErrUnavailable
	}
	a := answer{}
	a.grant, a.err = c.ask(ctx, q)
	if !errors.Is(a.err, ErrUnavailable) {
		c.kept.put(key, a, time.Now())
	}
	return a.grant, a.err
}

func (c *Client) ask(ctx context.Context, q auth.Request) (auth.Grant, error) {
	body, err := json.Marshal(question{q.Action, q.Stream, q.Token, text(q.Address)})
	if err != nil {
		return auth.Grant{}, unavailable(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return auth.Grant{}, unavailable(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	response, err := c.http.Do(r)
	if err != nil {
		return auth.Grant{}, unavailable(err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return read(response.Body, q, time.Now())
	case http.StatusUnauthorized:
		return auth.Grant{}, auth.ErrRefused
	case http.StatusForbidden:
		return auth.Grant{}, auth.ErrForbidden
	}
	return auth.Grant{}, unavailable(fmt.Errorf("status %d", response.StatusCode))
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// unavailable wraps the reason without the URL, which the settings may keep to themselves.
func unavailable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// read makes a grant of the claims in an answer, which may have none at all. What cannot
// be read allows nothing.
func read(body io.Reader, q auth.Request, now time.Time) (auth.Grant, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxAnswerBytes+1))
	if err != nil || len(b) > maxAnswerBytes {
		return auth.Grant{}, unavailable(errors.New("the answer's body is too long or broken"))
	}
	var claims auth.Claims
	if len(bytes.TrimSpace(b)) > 0 {
		if err := json.Unmarshal(b, &claims); err != nil {
			return auth.Grant{}, unavailable(errors.New("the answer's body is no JSON object of claims"))
		}
	}
	if !claims.Expires.IsZero() && !now.Before(claims.Expires) {
		return auth.Grant{}, auth.ErrRefused
	}
	grant := claims.Grant()
	grant.Expires = claims.Expires // it was made now: no clocks differ
	grant.Actions, grant.Streams = []auth.Action{q.Action}, []string{q.Stream}
	return grant, nil
}
