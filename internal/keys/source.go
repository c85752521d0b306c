package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/whippet-media/whippet/auth"
)

// A Source is where keys come from.
type Source struct {
	// Issuer is whose tokens the keys check, see [auth.Key].
	Issuer string
	// Name tells people which source it is. It is logged.
	Name string
	// Optional sources may fail when a Set is opened.
	Optional bool
	// Read returns the keys there are. It respects ctx, and one goroutine at a time
	// calls it.
	Read func(context.Context) ([]auth.Key, error)
}

// File returns the source of a file with public keys in PEM, a JWK or a JWK set.
func File(issuer, path string) Source {
	return Source{Issuer: issuer, Name: path, Read: func(context.Context) ([]auth.Key, error) {
		text, err := readFile(path)
		if err != nil {
			return nil, err
		}
		return auth.ParseKeys(text)
	}}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err) // without the path
	}
	defer f.Close()
	return readBounded(f)
}

func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxBytes:
		return nil, fmt.Errorf("more than %d bytes", maxBytes)
	}
	return b, nil
}

// URL returns the source of a JWK set on the web. The URL must be an https: one, or lead
// to this machine; it is followed to the same host and port only. The source is optional:
// a node must start while the other side does not run.
func URL(issuer, address string) (Source, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Source{}, fmt.Errorf("%q is no URL; write https://login.example/jwks.json", address)
	}
	name := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if err := trusted(u); err != nil {
		return Source{}, err
	}
	client := &http.Client{Transport: transport(), CheckRedirect: sameHost}
	return Source{
		Issuer: issuer, Name: name.String(), Optional: true,
		Read: func(ctx context.Context) ([]auth.Key, error) { return fetch(ctx, client, u.String()) },
	}, nil
}

// trusted refuses URLs whose content anybody on the way could change.
func trusted(u *url.URL) error {
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "" || u.Hostname() == "":
		return errors.New("it is no URL with a host and without user and fragment; write https://login.example/jwks.json")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("keys come by https: only, except from this machine (http://127.0.0.1, http://localhost)")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// transport keeps no connection: minutes pass between two requests.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: readTimeout}).DialContext,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxBytes,
		ForceAttemptHTTP2:      true,
	}
}

func sameHost(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case r.URL.Scheme != first.Scheme || r.URL.Host != first.Host || r.URL.User != nil:
		return fmt.Errorf("a redirect to another host (%s) is not followed", r.URL.Host)
	}
	return nil
}

func fetch(ctx context.Context, client *http.Client, address string) ([]auth.Key, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errors.New("the URL is broken")
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(r)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	text, err := readBounded(response.Body)
	if err != nil {
		return nil, err
	}
	keys, err := auth.ParseJWKS(text)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Secret != nil {
			return nil, errors.New("the key set on the web holds a secret, which all can read; give it as a file")
		}
	}
	return keys, nil
}
