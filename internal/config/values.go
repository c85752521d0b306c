package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func parseAnnounce(s string) (Announce, bool) {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return Announce{Host: ip.Unmap().String()}, usable(ip)
	}
	host, port := s, ""
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	}
	if port == "" {
		return Announce{Host: host}, validHost(host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return Announce{Host: host, Port: uint16(n)}, err == nil && n > 0 && validHost(host)
}

// usable refuses addresses nobody can send to.
func usable(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && ip.Zone() == ""
}

// validHost tells whether s is an address or looks like a DNS name.
func validHost(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return usable(ip)
	}
	if s == "" || len(s) > 253 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_", r))
	}) < 0
}

// withoutUsualPort writes an origin as browsers do.
func withoutUsualPort(origin string) string {
	if strings.HasPrefix(origin, "https:") {
		return strings.TrimSuffix(origin, ":443")
	}
	if strings.HasPrefix(origin, "http:") {
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}

func isTURN(s string) bool { return strings.HasPrefix(s, "turn:") || strings.HasPrefix(s, "turns:") }

// iceServers checks URIs of RFC 7064 and RFC 7065. Commas and semicolons would break
// the Link header for clients that do not parse it properly.
func (e *problems) iceServers(flag string, values []string) []string {
	e.bounded(flag, values)
	var list []string
	for _, v := range values {
		v = strings.TrimSpace(v)
		uri, ok := iceServer(v)
		if !ok {
			e.add(flag, "%q is no STUN or TURN URL; write stun:stun.example:3478 or turn:turn.example:3478", v)
			continue
		}
		list = append(list, uri)
	}
	return list
}

// iceServer reads scheme:host[:port][?transport=…].
func iceServer(s string) (uri string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Fragment != "" || strings.ContainsAny(s, "<>\",; \t") {
		return "", false
	}
	host, err := url.Parse("http://" + u.Opaque)
	if err != nil || host.Hostname() == "" || host.Host != u.Opaque {
		return "", false
	}
	switch u.Scheme {
	case "stun", "stuns":
		ok = u.RawQuery == ""
	case "turn", "turns":
		ok = slices.Contains([]string{"", "transport=udp", "transport=tcp"}, u.RawQuery)
	}
	return u.String(), ok
}

func parseLevel(s string) (slog.Level, bool) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return 0, false
}

// defaultData returns the folder of the XDG base directory specification, "" if
// there is no home.
func defaultData(env func(string) string) string {
	if dir := env("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "whippet")
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "whippet")
	}
	return ""
}

// bitrate reads bits per second: a whole number, or one with a decimal point and k, M or
// G behind it. "" is 0, no limit.
func (e *problems) bitrate(flag, s string) int64 {
	if s == "" {
		return 0
	}
	v, ok := ParseBitrate(s)
	if !ok || v < minBitrate || v > maxBitrate {
		e.add(flag, "%q is no bitrate from 50k to 1000G; write bits per second, as in 2500k, 8M or 1.5G", s)
		return 0
	}
	return v
}

// ParseBitrate reads bits per second without judging them. It reports whether s is a
// number of them.
func ParseBitrate(s string) (bitrate int64, ok bool) {
	if s == "" {
		return 0, false
	}
	unit := 1.0
	switch s[len(s)-1] {
	case 'k', 'K':
		unit = 1e3
	case 'M':
		unit = 1e6
	case 'G':
		unit = 1e9
	}
	if unit > 1 {
		s = s[:len(s)-1]
	}
	if strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' }) >= 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return int64(v * unit), err == nil
}
