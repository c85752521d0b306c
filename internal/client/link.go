package client

import (
	"net/url"
	"strings"

	"github.com/pion/webrtc/v4"
)

// A Link is one entry of a Link header (RFC 8288).
type Link struct {
	URL    string // absolute
	Rel    string
	Params map[string]string // the others, names in lower case
}

// maxLinks bounds how many entries are read from one response.
const maxLinks = 64

// parseLinks reads Link header fields, lists with commas included. Broken
// entries are left out. Relative targets are resolved against base.
func parseLinks(fields []string, base *url.URL) []Link {
	var links []Link
	for _, field := range fields {
		for field != "" && len(links) < maxLinks {
			var link Link
			var ok bool
			if link, field, ok = nextLink(field); !ok {
				continue
			}
			if target, err := base.Parse(link.URL); err == nil {
				link.URL = target.String()
				links = append(links, link)
			}
		}
	}
	return links
}

// nextLink cuts one entry off the field and returns the rest.
func nextLink(field string) (link Link, rest string, ok bool) {
	_, field, ok = strings.Cut(field, "<")
	if !ok {
		return link, "", false
	}
	link.URL, field, ok = strings.Cut(field, ">")
	if !ok {
		return link, "", false
	}
	link.Params = make(map[string]string)
	for {
		field = strings.TrimLeft(field, " \t")
		if !strings.HasPrefix(field, ";") {
			break
		}
		var name, value string
		name, value, field = nextParam(field[1:])
		if _, twice := link.Params[name]; name != "" && !twice { // RFC 8288 §3.3: the first counts
			link.Params[name] = value
		}
	}
	link.Rel = link.Params["rel"]
	delete(link.Params, "rel")
	return link, strings.TrimPrefix(field, ","), link.Rel != ""
}

// nextParam cuts `name=value` or `name="value"` off s.
func nextParam(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return strings.ToLower(strings.TrimSpace(s)), "", ""
	}
	name = strings.ToLower(strings.TrimSpace(s[:end]))
	if s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		value, rest = quoted(s[1:])
		return name, value, rest
	}
	end = strings.IndexAny(s, ";,")
	if end < 0 {
		return name, strings.TrimSpace(s), ""
	}
	return name, strings.TrimSpace(s[:end]), s[end:]
}

// quoted reads a quoted string whose opening quote is gone.
func quoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// iceServers picks the STUN and TURN servers (RFC 9725 §4.6).
func iceServers(links []Link) []webrtc.ICEServer {
	var servers []webrtc.ICEServer
	for _, l := range links {
		if l.Rel != "ice-server" {
			continue
		}
		servers = append(servers, webrtc.ICEServer{
			URLs: []string{l.URL}, Username: l.Params["username"], Credential: l.Params["credential"],
		})
	}
	return servers
}
