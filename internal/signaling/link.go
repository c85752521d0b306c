package signaling

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the TURN REST scheme is defined with SHA-1
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// iceServers writes the Link headers that tell clients about STUN and TURN (RFC 9725
// §4.6). The zero value has no servers.
type iceServers struct {
	uris   []string // as they are sent
	secret []byte   // shared with the TURN servers
}

// newICEServers checks the URIs of --ice-server. TURN URIs need the secret, since
// clients cannot use TURN without credentials. At least one turn: URI will be without a
// transport, because some clients drop the query and others ignore turns:.
func newICEServers(uris []string, secret string) (iceServers, error) {
	s := iceServers{secret: []byte(secret)}
	for _, uri := range uris {
		uri, err := checkICEURI(uri)
		if err != nil {
			return iceServers{}, err
		}
		if isTURN(uri) && secret == "" {
			return iceServers{}, errors.New("signaling: a TURN server needs a TURN secret")
		}
		s.uris = append(s.uris, uri)
	}
	s.addPlainTURN()
	return s, nil
}

// checkICEURI checks a URI of RFC 7064 or 7065 against what the header can carry:
// clients split it at commas and semicolons. UDP is what turn: means anyway.
func checkICEURI(uri string) (string, error) {
	scheme, rest, _ := strings.Cut(uri, ":")
	switch scheme {
	case "stun", "stuns", "turn", "turns":
	default:
		return "", fmt.Errorf("signaling: ICE server %q: write stun:host[:port] or turn:host[:port]", uri)
	}
	host, query, hasQuery := strings.Cut(rest, "?")
	if !validHost(host) || hasQuery && (!isTURN(uri) || query != "transport=udp" && query != "transport=tcp") {
		return "", fmt.Errorf("signaling: ICE server %q: malformed", uri)
	}
	if scheme == "turn" {
		uri = strings.TrimSuffix(uri, "?transport=udp")
	}
	return uri, nil
}

func isTURN(uri string) bool { return strings.HasPrefix(uri, "turn") }

func (s *iceServers) addPlainTURN() {
	withTransport := ""
	for _, uri := range s.uris {
		if !strings.HasPrefix(uri, "turn:") {
			continue
		}
		plain, _, found := strings.Cut(uri, "?")
		if !found {
			return
		}
		if withTransport == "" {
			withTransport = plain
		}
	}
	if withTransport != "" {
		s.uris = append(s.uris, withTransport)
	}
}

// addTo adds one Link field per server, never a list: clients cut lists wrongly. The
// order of parameters and credential-type, which RFC 9725 no longer has, are what
// MediaMTX's clients match literally. id becomes part of the TURN username and must not
// hold quotes, commas or semicolons.
func (s iceServers) addTo(h http.Header, id string, now time.Time) {
	for _, uri := range s.uris {
		link := "<" + uri + `>; rel="ice-server"`
		if isTURN(uri) {
			username, credential := turnCredentials(s.secret, id, now)
			link += `; username="` + username + `"; credential="` + credential + `"; credential-type="password"`
		}
		h.Add("Link", link)
	}
}

// turnCredentials makes ephemeral credentials as coturn's use-auth-secret checks them
// (draft-uberti-behave-turn-rest-00 §2.2).
func turnCredentials(secret []byte, id string, now time.Time) (username, credential string) {
	username = strconv.FormatInt(now.Add(turnLife).Unix(), 10) + ":" + id
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
