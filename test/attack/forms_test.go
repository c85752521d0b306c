package attack

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Pages of strangers make a visitor's browser send requests: forms, images, and what scripts may
// send without asking first. Browsers add cookies and passwords they know, and never a bearer
// token.

// formTypes are the media types a page may POST anywhere without a preflight.
func formTypes() []string {
	return []string{
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/plain;charset=UTF-8",
		"text/plain; application/sdp", "application/sdp,text/plain", "",
	}
}

// ambient is what a browser sends along by itself: cookies, passwords, both.
func ambient(token string) [][]string {
	basic := base64.StdEncoding.EncodeToString([]byte("token:" + token))
	cookies := []string{"Cookie", "token=" + token + "; Authorization=Bearer " + token + "; access_token=" + token + "; session=" + token}
	password := []string{"Authorization", "Basic " + basic, "Origin", "https://evil.example", "Referer", "https://evil.example/?token=" + token}
	return [][]string{cookies, password, append(cookies[:2:2], password...)}
}

func TestFormsOfStrangers(t *testing.T) {
	n := newKeep(t)
	token := good()
	for _, kind := range []string{"whip", "whep"} {
		for _, media := range append(formTypes(), "application/sdp") {
			for _, header := range ambient(token) {
				r := request{"POST", "/" + kind + "/studio", offer(kind), append(header, "Content-Type", media)}
				n.wantChallenge(t, "form as "+media, r)
			}
		}
	}
	for _, query := range []string{"token", "access_token", "jwt", "bearer", "Authorization", "key", "auth", "authToken"} {
		r := post("/whip/studio?"+query+"="+url.QueryEscape(token), offer("whip"))
		n.wantChallenge(t, "query "+query, r)
	}
	body := url.Values{"access_token": {token}, "token": {token}, "sdp": {offer("whip")}}.Encode()
	n.wantChallenge(t, "token in the body", request{"POST", "/whip/studio", body, []string{"Content-Type", formTypes()[0]}})
	for _, header := range ambient(token) {
		n.wantChallenge(t, "list with ambient rights", request{"GET", "/streams.json", "", header})
	}
}

// wantChallenge fails the test unless the answer is a 401 that sets no cookie and lets no page
// use credentials.
func (n *keep) wantChallenge(t *testing.T, name string, r request) {
	t.Helper()
	a := n.do(t, r)
	if a.status < 300 {
		t.Errorf("%s: ACCEPTED: %v", name, a)
		n.leave(t, a)
		return
	}
	if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("%s: %v, want a 401 with a challenge for Bearer alone", name, a)
	}
	wantNoCredentials(t, name, a)
}

func wantNoCredentials(t *testing.T, name string, a answer) {
	t.Helper()
	for _, header := range []string{"Set-Cookie", "Access-Control-Allow-Credentials"} {
		if v := a.header.Get(header); v != "" {
			t.Errorf("%s: the answer says %s: %s", name, header, v)
		}
	}
}

// TestFormsOnAnOpenNode: who needs no token is still protected from forms, since a page can
// send an offer only after it has asked (Fetch §3.2.2), and cross-origin only where allowed.
func TestFormsOnAnOpenNode(t *testing.T) {
	n := newKeep(t, "--auth", "open", "--cors-origin", "https://player.example")
	for _, media := range formTypes() {
		r := request{"POST", "/whip/studio", offer("whip"), []string{"Content-Type", media, "Origin", "https://evil.example"}}
		if a := n.do(t, r); a.status != http.StatusUnsupportedMediaType && a.status != http.StatusBadRequest {
			t.Errorf("a form as %q: %v, want 415", media, a)
			n.leave(t, a)
		}
	}
	a := n.do(t, post("/whip/studio", offer("whip")))
	if a.status != http.StatusCreated {
		t.Fatalf("a client: %v", a)
	}
	for _, origin := range []string{"https://evil.example", "null", "https://player.example.evil.example", "http://player.example", "https://PLAYER.example"} {
		for _, path := range []string{"/whip/studio", n.session(a), "/streams.json"} {
			r := request{"OPTIONS", path, "", []string{"Origin", origin, "Access-Control-Request-Method", "DELETE"}}
			got := n.do(t, r)
			if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != "" {
				t.Errorf("%s may use %s: %s", origin, path, allowed)
			}
			wantNoCredentials(t, "preflight", got)
		}
	}
	n.leave(t, a)
}

// TestMethodsAreWhatTheyAre: a GET that claims to be a DELETE is a GET, and no GET changes
// anything: images and links reach it.
func TestMethodsAreWhatTheyAre(t *testing.T) {
	p := newPeople(t)
	for _, session := range []string{p.ann.publish, p.ann.play} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "LINK"} {
			for _, query := range []string{"", "?_method=DELETE", "?method=DELETE"} {
				p.do(t, request{method, session + query, "_method=DELETE", []string{
					"X-HTTP-Method-Override", "DELETE", "X-HTTP-Method", "DELETE", "X-Method-Override", "DELETE", "Content-Type", formTypes()[0],
				}})
			}
		}
		for _, path := range []string{"/layer", "/events", "/events/x"} {
			p.do(t, request{method: "GET", path: session + path + "?_method=DELETE"})
		}
	}
	p.wantAlive(t)
}

// TestOriginsOfAToken: a token that names the pages it is for works in no other.
func TestOriginsOfAToken(t *testing.T) {
	n := newKeep(t)
	token := good("origins", []string{"https://player.example"})
	n.wantIn(t, "no page", token)
	for _, origin := range []string{
		"https://evil.example", "null", "http://player.example", "https://player.example:8443", "https://player.example.evil.example",
		"https://evil.example/https://player.example", "https://player.example https://evil.example", "https://player.example,https://evil.example", "https://player.example/",
	} {
		for _, d := range n.doors() {
			r := d.open(n.name()).bearer(token)
			r.header = append(r.header, "Origin", origin)
			n.wantForbidden(t, "origin "+origin, r)
		}
	}
}

// TestHeadersOfTokens: one Authorization header of the one scheme, and no other place.
func TestHeadersOfTokens(t *testing.T) {
	n := newKeep(t)
	token := good()
	for name, header := range map[string][]string{
		"Basic": {"Authorization", "Basic " + token}, "no scheme": {"Authorization", token}, "Digest": {"Authorization", "Digest " + token},
		"JWT": {"Authorization", "JWT " + token}, "scheme runs on": {"Authorization", "Bearer" + token}, "Token": {"Authorization", "Token token=" + token},
		"another header": {"X-Authorization", "Bearer " + token}, "for a proxy": {"Proxy-Authorization", "Bearer " + token},
		"for the original": {"X-Original-Authorization", "Bearer " + token, "X-Forwarded-Authorization", "Bearer " + token},
		"user":             {"X-Remote-User", "admin", "Remote-User", "admin", "X-Forwarded-User", "admin", "X-Whippet-Admin", "1"},
		"path":             {"X-Original-URL", "/", "X-Rewrite-URL", "/"}, "undefined": {"Authorization", "Bearer undefined"},
		"tab": {"Authorization", "Bearer\t" + token}, "quoted": {"Authorization", `Bearer "` + token + `"`},
	} {
		for _, d := range n.doors() {
			r := d.open(n.name())
			r.header = append(r.header, header...)
			n.wantChallenge(t, name, r)
		}
	}
	for name, values := range map[string][]string{
		"good, bad": {token, "x.y.z"}, "bad, good": {"x.y.z", token}, "good twice": {token, token}, "empty, good": {"", token},
	} {
		for _, d := range n.doors() {
			if a := n.do(t, d.open(n.name()).bearer(values[0]).bearer(values[1])); a.status != http.StatusBadRequest {
				t.Errorf("%s: %v, want 400", name, a)
				n.leave(t, a)
			}
		}
	}
}
