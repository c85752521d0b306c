package signaling

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// bases finds the URL under which a client reached the node, which is what Location
// and Link headers are built on: a configured one, else what trusted proxies say, else
// what the request itself says.
type bases struct {
	public  string // no trailing slash; "" if not configured
	trusted []netip.Prefix
}

func newBases(public string, trusted []netip.Prefix) (bases, error) {
	b := bases{public: strings.TrimRight(public, "/"), trusted: trusted}
	if public == "" {
		return b, nil
	}
	u, err := url.Parse(b.public)
	if err != nil || !validScheme(u.Scheme) || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return bases{}, fmt.Errorf("signaling: public URL %q: write http(s)://host[:port][/path]", public)
	}
	return b, nil
}

// of returns scheme, host and path prefix of the client's view of the node, without
// a trailing slash: "https://media.example/m".
func (b bases) of(r *http.Request) string {
	if b.public != "" {
		return b.public
	}
	v := view{scheme: "http", host: r.Host}
	if r.TLS != nil {
		v.scheme = "https"
	}
	if b.trusts(r.RemoteAddr) {
		v.forwarded(r.Header)
	}
	if !validHost(v.host) {
		v.host = localHost(r)
	}
	return v.scheme + "://" + v.host + v.prefix
}

// trusts tells whether the TCP peer is a proxy whose headers count.
func (b bases) trusts(remote string) bool { return b.vouches(hop(remote)) }

// localHost is what a request without a usable Host was sent to (HTTP/1.0).
func localHost(r *http.Request) string {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }); ok && validHost(addr.String()) {
		return addr.String()
	}
	return "localhost"
}

// A view is one way to see the node from outside.
type view struct{ scheme, host, prefix string }

// forwarded overlays what proxies say. Of a list the first counts: it is the proxy
// next to the client that knows what the client called us, and a client that makes
// something up misleads only itself. Values that could not be part of a URL are
// ignored.
func (v *view) forwarded(h http.Header) {
	scheme, host := parseForwarded(h.Values("Forwarded"))
	if scheme == "" {
		scheme = firstOf(h.Get("X-Forwarded-Proto"))
	}
	if host == "" {
		host = firstOf(h.Get("X-Forwarded-Host"))
	}
	if s := strings.ToLower(scheme); validScheme(s) {
		v.scheme = s
	}
	if validHost(host) {
		v.host = host
	}
	if p := strings.TrimRight(firstOf(h.Get("X-Forwarded-Prefix")), "/"); validPrefix(p) {
		v.prefix = p
	}
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return strings.Trim(first, " \t")
}

// parseForwarded finds the first proto and the first host of a Forwarded header, RFC
// 7239 §4. Both are "" where absent or malformed.
func parseForwarded(values []string) (proto, host string) {
	rest := strings.Join(values, ",")
	for rest != "" {
		var name, value string
		name, value, rest = cutPair(rest)
		switch {
		case proto == "" && strings.EqualFold(name, "proto"):
			proto = value
		case host == "" && strings.EqualFold(name, "host"):
			host = value
		}
	}
	return proto, host
}

// cutPair splits the first token=value off a list separated by ";" and ",". The
// value may be a quoted string.
func cutPair(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, " \t,;")
	end := strings.IndexAny(s, "=,;")
	if end < 0 {
		return "", "", ""
	}
	if s[end] != '=' {
		return "", "", s[end:]
	}
	name, s = strings.TrimRight(s[:end], " \t"), s[end+1:]
	if strings.HasPrefix(s, `"`) {
		value, rest = cutQuoted(s[1:])
		return name, value, rest
	}
	end = strings.IndexAny(s, ",;")
	if end < 0 {
		end = len(s)
	}
	return name, strings.Trim(s[:end], " \t"), s[end:]
}

// cutQuoted splits a quoted string, RFC 9110 §5.6.4, off s, whose opening quote is
// gone already. An unterminated one is empty and ends the list.
func cutQuoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			i++
			if i == len(s) {
				return "", ""
			}
		}
		b.WriteByte(s[i])
	}
	return "", ""
}

func validScheme(s string) bool { return s == "http" || s == "https" }

// validHost tells whether s can stand as host[:port] in a URL.
func validHost(s string) bool {
	if s == "" || len(s) > 255+len(":65535") || strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:[]") != "" {
		return false
	}
	u, err := url.Parse("http://" + s)
	return err == nil && u.Host == s && u.Hostname() != ""
}

// validPrefix tells whether s is an absolute path that can be put before ours. "" is.
func validPrefix(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != '/' || len(s) > 1024 || strings.Contains(s, "//") {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.EscapedPath() != s {
		return false
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
