package signalingtest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the TURN REST scheme is defined with SHA-1
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/signaling"
)

var linkRows = []Row{
	{"W115_W116_W118", "E56", "ice_servers", testICEServers},
	{"W117", "E56", "turn_credentials", testTURNCredentials},
	{"W33_W34_W119", "E56", "ice_servers_on_options", testICEServersOnOptions},
	{"W129_W130", "E57", "extension_links", testExtensionLinks},
}

func withICEServers(cfg *signaling.Config) {
	cfg.ICEServers = []string{
		"stun:stun.example:3478", "turn:turn.example?transport=udp",
		"turn:turn.example?transport=tcp", "turns:turn.example:5349",
	}
	cfg.TURNSecret = "shared"
}

// iceLinks returns the Link fields of ICE servers.
func iceLinks(r Reply) []string {
	return slices.DeleteFunc(r.Header.Values("Link"), func(field string) bool {
		return !strings.Contains(field, `rel="ice-server"`)
	})
}

var linkForm = regexp.MustCompile(
	`^<[^>]+>; rel="ice-server"(; username="[^",;]+"; credential="[^",;]+"; credential-type="password")?$`)

func testICEServers(t *testing.T, k Kit) {
	x := k.Guarded(t, withICEServers)
	links := iceLinks(x.Create(t, "live", Token(t, k.Kind.Action(), "live")).Reply)
	if len(links) != 4 {
		t.Errorf("%d links for 4 servers: %q", len(links), links)
	}
	plain := false
	for _, l := range links {
		if !linkForm.MatchString(l) || strings.HasPrefix(l, "<turn") != strings.Contains(l, "credential=") {
			t.Errorf("link %s", l)
		}
		plain = plain || strings.HasPrefix(l, "<turn:turn.example>")
	}
	if !plain {
		t.Errorf("no turn: without transport in %q", links)
	}
}

var turnPair = regexp.MustCompile(`username="((\d+):[^"]+)"; credential="([^"]+)"`)

func testTURNCredentials(t *testing.T, k Kit) {
	x := k.Guarded(t, withICEServers)
	token := Token(t, k.Kind.Action(), "*")
	seen := map[string]bool{}
	for _, stream := range []string{"a", "b"} {
		m := turnPair.FindStringSubmatch(strings.Join(x.Create(t, stream, token).Header.Values("Link"), "\n"))
		if m == nil {
			t.Fatal("no TURN credentials")
		}
		mac := hmac.New(sha1.New, []byte("shared"))
		mac.Write([]byte(m[1]))
		if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); m[3] != want {
			t.Errorf("credential %s, want %s", m[3], want)
		}
		expiry, err := strconv.ParseInt(m[2], 10, 64)
		if left := time.Until(time.Unix(expiry, 0)); err != nil || left < 12*time.Hour {
			t.Errorf("credentials for %v, %v", left, err)
		}
		if seen[m[1]] {
			t.Errorf("username %s twice", m[1])
		}
		seen[m[1]] = true
	}
}

func testICEServersOnOptions(t *testing.T, k Kit) {
	x := k.Guarded(t, withICEServers)
	token := "Bearer " + Token(t, k.Kind.Action(), "live")
	plain := Request{Method: "OPTIONS", Path: x.Endpoint("live")}
	if links := x.Do(t, plain.With("Authorization", token)).Want(t, 200).Header.Values("Link"); len(links) != 4 {
		t.Errorf("links with a token: %q", links)
	}
	for name, q := range map[string]Request{
		"anonymous": plain,
		"bad token": plain.With("Authorization", "Bearer bad"),
		"preflight": preflight(x.Endpoint("live"), "POST", "authorization").With("Authorization", token),
		"refused":   x.OfferRequest("live", x.Offer(), ""),
		"forbidden": {Method: "OPTIONS", Path: x.Endpoint("other"), Header: map[string]string{"Authorization": token}},
	} {
		if links := x.Do(t, q).Header.Values("Link"); len(links) != 0 {
			t.Errorf("%s: links %q", name, links)
		}
	}
}

// oneLink is a field with one link and quoted parameters (RFC 8288 §3), as far as the
// simplest of clients reads it.
var (
	oneLink   = regexp.MustCompile(`^<([^<>"\s]+)>((?:; [a-z-]+="[^"]*")+)$`)
	linkParam = regexp.MustCompile(`; ([a-z-]+)="([^"]*)"`)
)

// readLink returns target and relation of a Link field.
func readLink(t *testing.T, field string) (target, rel string) {
	t.Helper()
	m := oneLink.FindStringSubmatch(field)
	if m == nil {
		t.Fatalf("link %s cannot be read", field)
	}
	seen := map[string]string{}
	for _, p := range linkParam.FindAllStringSubmatch(m[2], -1) {
		if _, twice := seen[p[1]]; twice {
			t.Errorf("link %s has %s twice", field, p[1])
		}
		seen[p[1]] = p[2]
	}
	if u, err := url.Parse(m[1]); err != nil || u.Scheme == "" {
		t.Errorf("link %s: target %v, %v", field, u, err)
	}
	return m[1], seen["rel"]
}

func testExtensionLinks(t *testing.T, k Kit) {
	for servers, change := range map[int]func(*signaling.Config){0: func(*signaling.Config) {}, 4: withICEServers} {
		x := k.Guarded(t, change)
		r := x.Create(t, "live", Token(t, k.Kind.Action(), "live"))
		relations := map[string]int{}
		for _, field := range r.Header.Values("Link") {
			target, rel := readLink(t, field)
			relations[rel]++
			if rel == "ice-server" {
				continue
			}
			if !strings.HasPrefix(rel, "urn:ietf:params:"+k.Kind.String()+":ext:") || relations[rel] > 1 || !strings.HasPrefix(target, r.Header.Get("Location")+"/") {
				t.Errorf("link %s", field)
			}
			x.Do(t, Request{Method: "OPTIONS", Path: PathOf(t, target)}).Want(t, 200)
		}
		if relations["ice-server"] != servers {
			t.Errorf("%d ICE servers of %d: %q", relations["ice-server"], servers, r.Header.Values("Link"))
		}
	}
}
