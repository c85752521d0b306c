package attack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// revokedWithin is how soon a revoked session must be gone.
const revokedWithin = time.Second

// TestJ16_ReplayAfterRevocation: a token that was taken back opens nothing more, in whatever form
// it comes, and what it had opened is shut.
func TestJ16_ReplayAfterRevocation(t *testing.T) {
	for name, what := range map[string]object{
		"its id": {"tokenId": "t-1"}, "its subject": {"subject": "carl"}, "its subject on the stream": {"subject": "carl", "stream": "carls"},
		"its stream": {"stream": "carls"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newKeep(t)
			claims := []any{"jti", "t-1", "sub", "carl", "streams", []string{"carls"}, "actions", []string{"publish", "play"}}
			token, other := good(claims...), good("jti", "t-2", "sub", "dora", "streams", []string{"doras"})
			session := n.do(t, post("/whip/carls", offer("whip")).bearer(token))
			others := n.do(t, post("/whip/doras", offer("whip")).bearer(other))
			if session.status != http.StatusCreated || others.status != http.StatusCreated {
				t.Fatalf("before: %v, %v", session, others)
			}
			n.revoke(t, what)
			n.wantGone(t, session)
			for form, token := range map[string]string{
				"again": token, "signed anew": sign(object{"typ": "JWT", "alg": "HS256", "x": 1}, rights(claims...), "HS256", keys().secret),
				"by another key": sign(object{"alg": "RS256"}, rights(claims...), "RS256", keys().rsa), "longer": good(append(claims, "exp", time.Now().Add(2*time.Hour).Unix())...),
			} {
				for _, kind := range []string{"whip", "whep"} {
					a := n.do(t, post("/"+kind+"/carls", offer(kind)).bearer(token))
					if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
						t.Errorf("%s: %s: ACCEPTED: %v", form, kind, a)
					}
				}
			}
			if a := n.do(t, request{method: "GET", path: n.session(others)}.bearer(other)); a.status != http.StatusNoContent {
				t.Errorf("somebody else's session: %v", a)
			}
		})
	}
}

func (n *keep) revoke(t *testing.T, what object) {
	t.Helper()
	a := n.do(t, request{"POST", "/api/v1/revocations", string(asJSON(what)), []string{"Content-Type", "application/json"}}.bearer(good()))
	if a.status != http.StatusCreated {
		t.Fatalf("revoke %v: %v", what, a)
	}
}

// wantGone: the session's URL leads nowhere, at once.
func (n *keep) wantGone(t *testing.T, session answer) {
	t.Helper()
	harness.Eventually(t, revokedWithin, func() error {
		if a := n.do(t, request{method: "GET", path: n.session(session)}); a.status != http.StatusNotFound {
			return fmt.Errorf("a revoked session: %v", a)
		}
		return nil
	})
}

// steering are requests to the API that show or change something of the node.
func steering(stream, session string) []request {
	body := func(method, path, text string, header ...string) request {
		return request{method, "/api/v1/" + path, text, append([]string{"Content-Type", "application/json"}, header...)}
	}
	at := "streams/" + stream + "/sessions/" + session
	return []request{
		body("GET", "streams", ""), body("GET", at, ""), body("GET", "settings", ""), body("GET", "revocations", ""),
		body("DELETE", at, ""), body("DELETE", "streams/"+stream, ""), body("POST", "streams/"+stream+"/keyframe", ""),
		body("PATCH", "streams/"+stream+"/settings", `{"maxSubscribers":1}`, "If-Match", "*"), body("DELETE", "streams/"+stream+"/settings", "", "If-Match", "*"),
		body("POST", at+"/layer", `{"maxHeight":90}`), body("DELETE", at+"/layer", ""), body("POST", "revocations", `{"stream":"ann"}`),
		body("DELETE", "revocations/x", ""), body("PATCH", "log-levels", `{"signaling":"error"}`), body("POST", "self-test", ""),
	}
}

// TestOperatorsOnly: publishing, playing and reading metrics do not steer, whoever they are for;
// the public ids that all of them may see are no rights either.
func TestOperatorsOnly(t *testing.T) {
	p := newPeople(t)
	for _, r := range steering("ann", p.publicID(t, "ann")) {
		for name, token := range map[string]string{
			"ann's": p.ann.token, "all streams'": good("actions", []string{"publish", "play"}), "a misspelt": good("actions", []string{"Admin", "admin ", "administrator", "api", "*"}),
		} {
			p.wantForbidden(t, name, r.bearer(token))
		}
		if r.method != "GET" {
			p.wantForbidden(t, "a reader's", r.bearer(good("actions", []string{"metrics"})))
		}
		p.wantChallenge(t, "nobody", r)
		p.wantChallenge(t, "by query", request{r.method, r.path + "?token=" + good(), r.body, r.header})
		p.wantChallenge(t, "by cookie", request{r.method, r.path, r.body, append(r.header, "Cookie", "token="+good())})
	}
	p.wantAlive(t)
	hidden := newKeep(t, "--public-api=false")
	for _, r := range steering("ann", "x") {
		if a := hidden.do(t, r.bearer(good())); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s with --public-api=false: %v", r.method, r.path, a)
		}
	}
}

// publicID is the id by which operators know the publisher of a stream.
func (p *people) publicID(t *testing.T, stream string) string {
	t.Helper()
	a := p.do(t, request{method: "GET", path: "/api/v1/streams/" + stream + "/sessions?kind=publisher"}.bearer(good("actions", []string{"metrics"})))
	var page struct{ Items []struct{ ID string } }
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Items) != 1 {
		t.Fatalf("sessions of %s: %v", stream, a)
	}
	return page.Items[0].ID
}

// TestJ15_StreamKeys: a fixed key does one thing with one stream, and keys near it do nothing.
func TestJ15_StreamKeys(t *testing.T) {
	const publish, play = "publish-key-of-cam-1", "play-key-of-cam-one"
	n := newKeep(t, "--stream-key", "cam-1:publish="+publish+",cam-1:play="+play)
	for kind, key := range map[string]string{"whip": publish, "whep": play} {
		a := n.do(t, post("/"+kind+"/cam-1", offer(kind)).bearer(key))
		if a.status != http.StatusCreated {
			t.Errorf("its key cannot %s: %v", kind, a)
		}
		n.leave(t, a)
	}
	n.wantForbidden(t, "publish with the play key", post("/whip/cam-1", offer("whip")).bearer(play))
	n.wantForbidden(t, "play with the publish key", post("/whep/cam-1", offer("whep")).bearer(publish))
	for _, key := range []string{publish, play} {
		for _, stream := range []string{"cam-2", "cam-", "CAM-1", "cam-11"} {
			n.wantForbidden(t, "another stream", post("/whip/"+stream, offer("whip")).bearer(key))
		}
		for _, r := range steering("cam-1", "x") {
			n.wantForbidden(t, "the API", r.bearer(key))
		}
		for name, near := range map[string]string{
			"shorter": key[:len(key)-1], "longer": key + "x", "upper case": strings.ToUpper(key), "twice": key + key, "a byte": key[:4] + "_" + key[5:],
			"with stream": "cam-1:" + key, "prefix": key[:16], "NUL": key + "%00",
		} {
			n.wantOut(t, name, near, "") // it may be taken for a broken token
		}
	}
}
