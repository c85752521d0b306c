package signaling

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func FuzzIfMatch(f *testing.F) {
	for _, s := range []string{"*", `"*"`, `"tag"`, `W/"tag"`, `"x", "tag"`, "tag", `W/"a,b", "tag"`, `"`, ",,,", `"a"b,"tag"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := parseIfMatch([]string{s})
		if !p.present || len(p.tags) > maxTags {
			t.Fatalf("%+v", p)
		}
		if p.matches(`"tag"`) && !p.any && !strings.Contains(s, `"tag"`) {
			t.Errorf("%q matches", s)
		}
		if p.any && !strings.Contains(s, "*") {
			t.Errorf("%q is any", s)
		}
		if s == `W/"tag"` && p.matches(`"tag"`) {
			t.Error("a weak tag matches")
		}
		// A good member after anything that is a list keeps matching.
		if strings.Count(s, `"`) == 0 && strings.Count(s, ",") < maxTags && !parseIfMatch([]string{s + `, "tag"`}).matches(`"tag"`) {
			t.Errorf("%q hides what follows", s)
		}
	})
}

func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer x", "bearer  x ", "Bearerx", "Basic dTpw", "", "x", "Bearer\tx", "Bearer \r\n"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, bare bool) {
		token, err := bearer(http.Header{"Authorization": {s}}, bare)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s, token) || strings.Trim(token, " \t\r\n") != token {
			t.Errorf("token %q of %q", token, s)
		}
		if token != "" && !bare && !strings.EqualFold(strings.TrimLeft(s, " \t\r\n")[:7], "bearer ") {
			t.Errorf("token %q without a scheme in %q", token, s)
		}
	})
}

func FuzzBaseURL(f *testing.F) {
	f.Add(`for=1;proto=https;host="a.example"`, "https", "b.example:80", "/m", "node.example")
	f.Add(`host="a\"b";;,=,proto`, "HTTPS, http", "[::1]:80", "//evil", "")
	f.Add(`host=`, "javascript", "a b", "/../x", "evil/path")
	f.Fuzz(func(t *testing.T, forwarded, proto, host, prefix, own string) {
		b := bases{trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
		r := httptest.NewRequest(http.MethodPost, "/whip/live", nil)
		r.Host = own
		r.Header = http.Header{
			"Forwarded": {forwarded}, "X-Forwarded-Proto": {proto},
			"X-Forwarded-Host": {host}, "X-Forwarded-Prefix": {prefix},
		}
		got := b.of(r)
		u, err := url.Parse(got + "/whip/live/id")
		if err != nil || !validScheme(u.Scheme) || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			t.Fatalf("base %q: %v", got, err)
		}
		if !strings.HasSuffix(u.EscapedPath(), "/whip/live/id") || strings.ContainsAny(got, "\r\n \"<>") {
			t.Errorf("base %q", got)
		}
	})
}

var linkForm = regexp.MustCompile(
	`^<[^<>,; "]+>; rel="ice-server"(; username="[^",;]+"; credential="[^",;]+"; credential-type="password")?$`)

func FuzzICEServerLink(f *testing.F) {
	for _, s := range []string{"stun:a.example", "turn:a.example:3478?transport=udp", "turns:[::1]:5349?transport=tcp", "turn:a,b", "stun:a>", "turn:a?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := newICEServers([]string{uri}, "secret")
		if err != nil {
			return
		}
		h := http.Header{}
		s.addTo(h, "id", time.Unix(0, 0))
		for _, link := range h.Values("Link") {
			if !linkForm.MatchString(link) {
				t.Errorf("%q gives %s", uri, link)
			}
		}
	})
}

func FuzzStreamName(f *testing.F) {
	form := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	for _, s := range []string{"live", "a%2Fb", "..", "-", "%", "caf%C3%A9", "a\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := streamName(s)
		if err == nil && !ValidStreamName(name) {
			t.Errorf("%q is %q, %v", s, name, err)
		}
		if ValidStreamName(s) != (form.MatchString(s) && !strings.HasSuffix(s, "\n")) {
			t.Errorf("%q valid: %v", s, ValidStreamName(s))
		}
	})
}

func FuzzMediaType(f *testing.F) {
	for _, s := range []string{"application/sdp", "Application/SDP;x", "application/sdpx", ";", "text/plain; application/sdp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Content-Type"] = []string{s}
		got := HasType(r, typeSDP)
		first, _, _ := strings.Cut(s, ";")
		if want := strings.EqualFold(strings.TrimSpace(first), typeSDP); got != want {
			t.Errorf("%q: %v", s, got)
		}
	})
}
