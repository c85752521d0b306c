package signalingtest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the TURN REST scheme is defined with SHA-1
	"encoding/base64"
	"regexp"
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

var linkForm = regexp.MustCompile(
	`^<[^>]+>; rel="ice-server"(; username="[^",;]+"; credential="[^",;]+"; credential-type="password")?$`)

func testICEServers(t *testing.T, k Kit) {
	x := k.Guarded(t, withICEServers)
	links := x.Create(t, "live", Token(t, k.Kind.Action(), "live")).Header.Values("Link")
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

func testExtensionLinks(t *testing.T, k Kit) {
	r := k.Open(t).Create(t, "live", "")
	for _, l := range r.Header.Values("Link") {
		if !strings.Contains(l, `rel="ice-server"`) && !strings.Contains(l, `rel="urn:ietf:params:`+k.Kind.String()+`:ext:`) {
			t.Errorf("link %s", l)
		}
	}
}
