package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-media/whippet/internal/authz"
)

// Config checks the settings and returns all mistakes at once, one a line, each
// naming its flag. It reads files with secrets and looks at the environment for the
// default of --data; it opens nothing else.
func (f Flags) Config() (Config, error) {
	var e problems
	c := Config{
		HTTP:              e.address("http", f.HTTP),
		Admin:             e.address("admin", f.Admin),
		Announce:          e.announce(f.Announce),
		PublicAPI:         f.PublicAPI,
		InForce:           f.InForce(),
		PublicURL:         e.publicURL(f.PublicURL),
		TrustedProxies:    e.prefixes("trusted-proxies", f.TrustedProxies),
		CORSOrigins:       e.origins("cors-origin", f.CORSOrigin),
		TLS:               e.tls(f.TLSCert, f.TLSKey),
		Open:              f.Auth == "open",
		SessionToken:      f.SessionAuth == "token",
		AuthURL:           e.authURL(f.AuthURL),
		Takeover:          f.Conflict == "takeover",
		RejectAbsent:      f.Absent == "reject",
		MaxSessions:       e.between("max-sessions", f.MaxSessions, 1, maxSessions),
		MaxSubscribers:    e.between("max-subscribers", f.MaxSubscribers, 1, maxSessions),
		MaxBitrate:        e.bitrate("max-bitrate", f.MaxBitrate),
		MaxStreamBitrate:  e.bitrate("max-stream-bitrate", f.MaxStreamBitrate),
		MaxSessionBitrate: e.bitrate("max-session-bitrate", f.MaxSessionBitrate),
		ClientLimits:      e.bounds(f.Bounds),
		ICEServers:        e.iceServers("ice-server", f.ICEServer),
		TURNSecret:        e.secret("turn-secret", f.TURNSecret, f.TURNSecretFile),
		Trace:             e.trace(f.TraceEndpoint, f.TraceShare),
		MetricsStreams:    e.between("metrics-streams", f.MetricsStreams, 0, maxMetricsStreams),
		Webhooks:          e.webhooks(f.Hooks),
		Log:               e.log(f.LogLevel, f.LogFormat),
	}
	if f.Media != "" {
		c.Media = e.address("media", f.Media)
	}
	e.lenient(&c, f.Lenient)
	c.StreamKeys = e.streamKeys(f.StreamKey, f.StreamKeyFile)
	c.Tokens = e.tokens(f.Keys)
	c.NodeID = e.nodeID(f.Nodes)
	c.Cluster = e.cluster(f.Nodes)
	c.Pushes, c.Pulls = e.pushes(f.Others), e.pulls(f.Others)
	e.together(c)
	e.clusterTogether(c)
	return c, e.err()
}

// trace checks where traces go.
func (e *problems) trace(endpoint string, share float64) Trace {
	if !(share >= 0 && share <= 1) {
		e.add("trace-share", "%v is out of range; write a number from 0 to 1", share)
	}
	if endpoint == "" {
		return Trace{}
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		e.add("trace-endpoint", "this is no address of a receiver; write http(s)://host:port/v1/traces")
	}
	if err == nil && (u.Path == "" || u.Path == "/") {
		u.Path = "/v1/traces" // where OTLP over HTTP goes unless said otherwise
		endpoint = u.String()
	}
	return Trace{Endpoint: endpoint, Share: share}
}

// problems collects mistakes; its methods return the checked value.
type problems struct{ list []error }

func (e *problems) add(flag, format string, args ...any) {
	e.list = append(e.list, fmt.Errorf("--%s: "+format, append([]any{flag}, args...)...))
}

func (e *problems) err() error { return errors.Join(e.list...) }

// together checks what is a mistake only in combination.
func (e *problems) together(c Config) {
	if c.HTTP != "" && c.HTTP == c.Admin && !strings.HasSuffix(c.HTTP, ":0") {
		e.add("admin", "%s is the address of --http; choose another port", c.Admin)
	}
	turn := slices.ContainsFunc(c.ICEServers, isTURN)
	if c.Open && c.AuthURL != "" {
		e.add("auth-url", "nobody is asked on an open node; leave out --auth=open")
	}
	switch {
	case turn && c.TURNSecret.Empty():
		e.add("turn-secret", "TURN servers in --ice-server need it; give --turn-secret or --turn-secret-file")
	case !turn && !c.TURNSecret.Empty():
		e.add("ice-server", "--turn-secret is given, but no turn: or turns: URL")
	}
}

// address checks host:port. The host may be empty; the port is a number.
func (e *problems) address(flag, s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		e.add(flag, "%q is no address; write host:port or :port, IPv6 as [::1]:8080", s)
		return ""
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		e.add(flag, "%q is no port; write a number from 0 to 65535, 0 for any free one", port)
		return ""
	}
	return net.JoinHostPort(host, port)
}

func (e *problems) announce(values []string) []Announce {
	if len(values) > maxAnnounce {
		e.add("announce", "%d addresses; at most %d are possible", len(values), maxAnnounce)
		return nil
	}
	var list []Announce
	for _, v := range values {
		a, ok := parseAnnounce(strings.TrimSpace(v))
		if !ok {
			e.add("announce", "%q is no address or name; write 203.0.113.7, live.example, [2001:db8::7]:9000 or the like", v)
			continue
		}
		list = append(list, a)
	}
	return list
}

func (e *problems) publicURL(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		e.add("public-url", "%q is no URL; write https://live.example or https://live.example/media", s)
	case u.RawQuery != "", u.Fragment != "", u.User != nil:
		e.add("public-url", "%q must not have a user, a query or a fragment", s)
	}
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.String(), "/") // scheme and host as clients compare them
}

func (e *problems) prefixes(flag string, values []string) []netip.Prefix {
	e.bounded(flag, values)
	var list []netip.Prefix
	for _, v := range values {
		v = strings.TrimSpace(v)
		p, err := netip.ParsePrefix(v)
		if ip, ipErr := netip.ParseAddr(v); ipErr == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			e.add(flag, "%q is no address or network; write 10.0.0.2 or 10.0.0.0/8", v)
			continue
		}
		list = append(list, p.Masked())
	}
	return list
}

func (e *problems) bounded(flag string, values []string) {
	if len(values) > maxList {
		e.add(flag, "%d values; at most %d are possible", len(values), maxList)
	}
}

func (e *problems) origins(flag string, values []string) []string {
	e.bounded(flag, values)
	var list []string
	for _, v := range values {
		v = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(v)), "/")
		v = withoutUsualPort(v)
		u, err := url.Parse(v)
		if v != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != v) {
			e.add(flag, "%q is no origin; write https://player.example, http://localhost:3000 or *", v)
			continue
		}
		list = append(list, v)
	}
	return list
}

func (e *problems) tls(cert, key string) TLS {
	switch {
	case cert != "" && key == "":
		e.add("tls-key", "--tls-cert needs it; name the file with the private key")
	case cert == "" && key != "":
		e.add("tls-cert", "--tls-key needs it; name the file with the certificate")
	}
	return TLS{Cert: cert, Key: key}
}

func (e *problems) between(flag string, n, low, high int) int {
	if n < low || n > high {
		e.add(flag, "%d is out of range; write a number from %d to %d", n, low, high)
	}
	return n
}

func (e *problems) authURL(s string) string {
	if s == "" {
		return ""
	}
	if err := authz.CheckURL(s); err != nil {
		e.add("auth-url", "%v", err)
	}
	return s
}

func (e *problems) lenient(c *Config, values []string) {
	for _, v := range values {
		switch strings.TrimSpace(v) {
		case "if-match":
			c.LenientIfMatch = true
		case "bearer":
			c.BareToken = true
		case "query":
			c.QueryToken = true
		default:
			e.add("lenient", "%q is not known; write if-match, bearer, query or several of them", v)
		}
	}
}

// secret reads a secret given as value or as file. White space around it is not
// part of it: editors end files with a newline.
func (e *problems) secret(flag, value, file string) Secret {
	switch {
	case value != "" && file != "":
		e.add(flag, "both --%s and --%s-file are given; choose one", flag, flag)
		return Secret{}
	case file == "":
		return NewSecret(strings.TrimSpace(value))
	}
	b, err := readBounded(file)
	if err != nil {
		e.add(flag+"-file", "%v", err)
		return Secret{}
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		e.add(flag+"-file", "%s is empty", file)
	}
	return NewSecret(text)
}

func (e *problems) log(level, format string) Log {
	l := Log{Level: slog.LevelInfo, Packages: map[string]slog.Level{}, JSON: format == "json"}
	for part := range strings.SplitSeq(level, ",") {
		name, text, single := strings.Cut(strings.TrimSpace(part), "=")
		if !single {
			name, text = "", name
		}
		parsed, ok := parseLevel(text)
		switch {
		case !ok:
			e.add("log-level", "%q is no level; write debug, info, warn or error", text)
		case !single:
			l.Level = parsed
		case !slices.Contains(LogPackages(), name):
			e.add("log-level", "there is no package %q; there are %s", name, strings.Join(LogPackages(), ", "))
		default:
			l.Packages[name] = parsed
		}
	}
	return l
}
