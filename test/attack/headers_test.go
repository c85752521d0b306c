package attack

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestJ5_HeadersBringNoKey: where a key is and what it is like is not the token's to say. The
// places it names are never asked.
func TestJ5_HeadersBringNoKey(t *testing.T) {
	n := newKeep(t)
	k := keys()
	var asked atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(asJSON(object{"keys": []object{jwkOf(k.strangeEC.Public(), "kid", "evil")}}))
	}))
	t.Cleanup(evil.Close)
	for name, header := range map[string]object{
		"jwk": {"jwk": jwkOf(k.strangeEC.Public())}, "jku": {"jku": evil.URL}, "jku and kid": {"jku": evil.URL, "kid": "evil"},
		"x5u": {"x5u": evil.URL}, "x5c": {"x5c": []string{b64(derOf(k.strangeEC.Public()))}}, "x5t": {"x5t": "AAAA"},
		"kid is a URL": {"kid": evil.URL}, "kid and jwk": {"kid": "2026", "jwk": jwkOf(k.strangeEC.Public(), "kid", "2026")},
		"iss in header": {"iss": evil.URL, "kid": "evil"},
	} {
		for _, iss := range []any{nil, partner, evil.URL} {
			n.wantOut(t, name, sign(with(header, "alg", "ES256"), rights("iss", iss), "ES256", k.strangeEC), badSignature)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the node asked a token's URL %d times", asked.Load())
	}
}

// TestJ5_J12_Kid is a name and nothing else: no path, no query, no pattern, and no way to
// another issuer's key.
func TestJ5_J12_Kid(t *testing.T) {
	n := newKeep(t)
	k := keys()
	n.wantIn(t, "its kid", sign(object{"alg": "EdDSA", "kid": "ed"}, rights(), "EdDSA", k.ed))
	for _, kid := range []string{
		"../../etc/passwd", "/dev/null", "/proc/self/environ", "secret", "../secret", "ed.jwk", "file:///dev/null",
		"' OR '1'='1", "ed' --", "1; DROP TABLE keys", "*", "e*", "%", "ed\x00", "ed ", " ed", "ED", "еd", // the last one is Cyrillic
		"$(id)", "`id`", "|id", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}", "0", "[0]", "__proto__", "constructor",
		strings.Repeat("k", 4000),
	} {
		for alg, key := range map[string]any{"EdDSA": k.ed, "HS256": []byte{}, "HS512": k.secret} {
			n.wantOut(t, fmt.Sprintf("kid %.40q %s", kid, alg), sign(object{"alg": alg, "kid": kid}, rights(), alg, key), badSignature)
		}
	}
	for _, kid := range []any{5, true, []string{"ed"}, object{"kid": "ed"}} {
		n.wantOut(t, fmt.Sprint("kid ", kid), sign(object{"alg": "EdDSA", "kid": kid}, rights(), "EdDSA", k.ed), malformed)
	}
	n.wantOut(t, "kid of another issuer", sign(object{"alg": "ES256", "kid": "2026"}, rights(), "ES256", k.partner), badSignature)
	n.wantOut(t, "our kid at the partner's", sign(object{"alg": "EdDSA", "kid": "ed"}, rights("iss", partner), "EdDSA", k.ed), badSignature)
	n.wantOut(t, "kid of another kind of key", sign(object{"alg": "ES256", "kid": "ed"}, rights(), "ES256", k.ec), badSignature)
	twice := signText(`{"alg":"EdDSA","kid":"ed","kid":"x"}`, string(asJSON(rights())), "EdDSA", k.ed)
	n.wantOut(t, "two kids, the last unknown", twice, badSignature)
}

// TestJ11_KeysTurn: the partner's keys change, its server fails, strangers ask for keys that
// never were.
func TestJ11_KeysTurn(t *testing.T) {
	t.Parallel()
	n := newKeep(t)
	k := keys()
	of := func(kid string, key any) string {
		return sign(object{"alg": "ES256", "kid": kid}, rights("iss", partner), "ES256", key)
	}
	n.wantIn(t, "at the start", of("2026", k.partner))
	start := n.jwks.requests()
	n.flood(t, 200, func(i int) string { return of(fmt.Sprint("stranger-", i), k.strangeEC) })
	if asked := n.jwks.requests() - start; asked > 1 {
		t.Errorf("200 unknown kids at once made %d requests for keys, want at most one in ten seconds", asked)
	}

	n.jwks.rotate(jwkOf(k.partner.Public(), "kid", "2026", "alg", "ES256"), jwkOf(k.strangeEC.Public(), "kid", "2027", "alg", "ES256"))
	time.Sleep(11 * time.Second) // the node's own pause between two readings; there is no sign of its end
	n.wantIn(t, "the new key, first request", of("2027", k.strangeEC))
	n.wantIn(t, "the old key", of("2026", k.partner))
	n.wantOut(t, "the new key under the old kid", of("2026", k.strangeEC), badSignature)

	n.jwks.fail()
	n.wantOut(t, "unknown kid while the server fails", of("2028", k.strangeEC), badSignature)
	n.wantIn(t, "the server fails", of("2027", k.strangeEC))
}

// flood has many tokens refused at the same time.
func (n *keep) flood(t *testing.T, tokens int, token func(int) string) {
	t.Helper()
	var wg sync.WaitGroup
	var accepted atomic.Int64
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range next {
				if n.status("/streams.json", token(i)) < 400 {
					accepted.Add(1)
				}
			}
		})
	}
	for i := range tokens {
		next <- i
	}
	close(next)
	wg.Wait()
	if accepted.Load() > 0 {
		t.Errorf("%d of %d tokens ACCEPTED", accepted.Load(), tokens)
	}
}

// status GETs with a token, if there is one; 999 stands for no answer. For any goroutine.
func (n *keep) status(path, token string) int {
	r, err := http.NewRequest(http.MethodGet, n.URL+path, nil)
	if err != nil {
		return 999
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := stranger.Do(r)
	if err != nil {
		return 999
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestJ17_OneAnswer: the answers to an unknown key, a wrong signature and an unsigned token
// are the same, byte for byte.
func TestJ17_OneAnswer(t *testing.T) {
	n := newKeep(t)
	k := keys()
	first := ""
	for name, token := range map[string]string{
		"unknown kid":     sign(object{"alg": "EdDSA", "kid": "x"}, rights(), "EdDSA", k.ed),
		"wrong signature": sign(object{"alg": "EdDSA", "kid": "ed"}, rights(), "EdDSA", k.strangeEd),
		"unsigned":        sign(object{"alg": "none"}, rights(), "", nil),
		"unknown issuer":  sign(object{"alg": "ES256"}, rights("iss", "x"), "ES256", k.partner),
		"partner's":       sign(object{"alg": "ES256", "kid": "2026"}, rights("iss", partner), "ES256", k.strangeEC),
		"expired as well": sign(object{"alg": "HS256"}, rights("exp", 1), "HS256", []byte("x")),
	} {
		a := n.do(t, post("/whip/same", offer("whip")).bearer(token))
		text := fmt.Sprint(a.status, a.header.Get("WWW-Authenticate"), a.body)
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s is told apart:\n%s\n%s", name, text, first)
		}
	}
}
