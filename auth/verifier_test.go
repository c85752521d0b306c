package auth_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/auth"
)

var (
	now    = time.Unix(1_800_000_000, 0).UTC()
	secret = []byte("0123456789abcdef0123456789abcdef")
)

// sign makes a token by hand, so that the tests do not share code with Mint.
func sign(header, payload string, key []byte) string {
	return signWith(sha256.New, header, payload, key)
}

func signWith(h func() hash.Hash, header, payload string, key []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	mac := hmac.New(h, key)
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// payload has the required claims and then more, e.g. `"sub":"a"`.
func payload(more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"aud":"whippet","exp":%d%s}`, now.Unix()+3600, more)
}

func newVerifier(t testing.TB, keys ...auth.Key) *auth.Verifier {
	t.Helper()
	if keys == nil {
		keys = []auth.Key{{Algorithm: auth.HS256, Secret: secret}}
	}
	v, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyReturnsTheGrant(t *testing.T) {
	token := sign(hs256, payload(`"sub":"obs","jti":"7","actions":["publish","dance"],"streams":["cam-*"],"x":{"y":[1]}`), secret)
	got, err := newVerifier(t).Verify(" "+token+"\r\n", now)
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Grant{
		Subject: "obs", ID: "7", Actions: []auth.Action{auth.Publish, "dance"}, Streams: []string{"cam-*"},
		Expires: now.Add(time.Hour + auth.Leeway),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVerifyWithoutATokenIsMissing(t *testing.T) {
	for _, token := range []string{"", "  \t\n"} {
		if _, err := newVerifier(t).Verify(token, now); !errors.Is(err, auth.ErrMissing) || errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// TestRFC8725 goes through the rules J1 to J17 as far as one HS256 key meets them.
func TestRFC8725(t *testing.T) {
	good := sign(hs256, payload(""), secret)
	parts := strings.Split(good, ".")
	at := func(claim string, offset time.Duration) string {
		return fmt.Sprintf(`{"aud":"whippet","exp":%d,%q:%d}`, now.Unix()+3600, claim, now.Add(offset).Unix())
	}
	exp := func(text string) string { return `{"aud":"whippet","exp":` + text + `}` }
	rsaText, rsaPEM := rsaKey(t)

	for _, test := range []struct {
		rule, token string
		want        string // the reason; "" for a good token
	}{
		{"base", good, ""},
		{"J1 none", unsigned(`{"alg":"none"}`), "unknown key or wrong signature"},
		{"J1 None", unsigned(`{"alg":"None"}`), "unknown key or wrong signature"},
		{"J1 NONE", unsigned(`{"alg":"NONE"}`), "unknown key or wrong signature"},
		{"J1 empty signature", parts[0] + "." + parts[1] + ".", "unknown key or wrong signature"},
		{"J1 no alg", sign(`{"typ":"JWT"}`, payload(""), secret), "unknown key or wrong signature"},
		{"J1 alg no string", sign(`{"alg":5}`, payload(""), secret), "unknown key or wrong signature"},
		{"J1 lower case", sign(`{"alg":"hs256"}`, payload(""), secret), "unknown key or wrong signature"},
		{"J2 HS512 with the same secret", signWith(sha512.New, `{"alg":"HS512"}`, payload(""), secret), "unknown key or wrong signature"},
		{"J2 RS256", sign(`{"alg":"RS256"}`, payload(""), secret), "unknown key or wrong signature"},
		{"J2 PEM as secret", sign(hs256, payload(""), rsaPEM), "unknown key or wrong signature"},
		{"J2 JWK text as secret", sign(hs256, payload(""), rsaText), "unknown key or wrong signature"},
		{"J5 jku", sign(`{"alg":"HS256","jku":"http://127.0.0.1:1/"}`, payload(""), []byte("another secret")), "unknown key or wrong signature"},
		{"J5 jwk", sign(`{"alg":"HS256","jwk":{"kty":"oct","k":"YWFh"}}`, payload(""), []byte("aaa")), "unknown key or wrong signature"},
		{"J5 kid path", sign(`{"alg":"HS256","kid":"../../etc/passwd"}`, payload(""), secret), "unknown key or wrong signature"},
		{"J5 kid no string", sign(`{"alg":"HS256","kid":{"a":1}}`, payload(""), secret), "malformed"},
		{"J6 crit", sign(`{"alg":"HS256","crit":["exp"]}`, payload(""), secret), "malformed"},
		{"J6 b64", sign(`{"alg":"HS256","b64":false,"crit":["b64"]}`, payload(""), secret), "malformed"},
		{"J6 JWE", "a.b.c.d.e", "malformed"},
		{"J6 JSON serialization", `{"payload":"` + parts[1] + `","signatures":[]}`, "malformed"},
		{"J6 nested", sign(`{"alg":"HS256","cty":"JWT"}`, `"`+good+`"`, secret), "malformed"},
		{"J9 aud missing", sign(hs256, fmt.Sprintf(`{"exp":%d}`, now.Unix()+9), secret), "exp or aud is missing"},
		{"J9 aud other", sign(hs256, fmt.Sprintf(`{"aud":"x","exp":%d}`, now.Unix()+9), secret), "made for another audience"},
		{"J9 aud other case", sign(hs256, fmt.Sprintf(`{"aud":"Whippet","exp":%d}`, now.Unix()+9), secret), "made for another audience"},
		{"J9 aud list without us", sign(hs256, fmt.Sprintf(`{"aud":["x","y"],"exp":%d}`, now.Unix()+9), secret), "made for another audience"},
		{"J9 aud list with us", sign(hs256, fmt.Sprintf(`{"aud":["x","whippet"],"exp":%d}`, now.Unix()+9), secret), ""},
		{"J9 aud number", sign(hs256, fmt.Sprintf(`{"aud":5,"exp":%d}`, now.Unix()+9), secret), "malformed"},
		{"J10 exp -61 s", sign(hs256, at("exp", -61*time.Second), secret), "expired"},
		{"J10 exp -60 s", sign(hs256, at("exp", -60*time.Second), secret), "expired"},
		{"J10 exp -30 s", sign(hs256, at("exp", -30*time.Second), secret), ""},
		{"J10 nbf +30 s", sign(hs256, at("nbf", 30*time.Second), secret), ""},
		{"J10 nbf +120 s", sign(hs256, at("nbf", 120*time.Second), secret), "not valid yet"},
		{"J10 iat +120 s", sign(hs256, at("iat", 120*time.Second), secret), "not valid yet"},
		{"J10 iat -120 s", sign(hs256, at("iat", -120*time.Second), secret), ""},
		{"J10 exp as text", sign(hs256, exp(fmt.Sprintf(`"%d"`, now.Unix()+9)), secret), "malformed"},
		{"J10 exp null", sign(hs256, exp("null"), secret), "malformed"},
		{"J10 exp float", sign(hs256, exp(fmt.Sprintf("%d.5", now.Unix())), secret), ""},
		{"J10 exp huge", sign(hs256, exp("1e300"), secret), "malformed"},
		{"J10 exp negative", sign(hs256, exp("-1"), secret), "malformed"},
		{"J10 exp missing", sign(hs256, `{"aud":"whippet"}`, secret), "exp or aud is missing"},
		{"J10 exp in other case", sign(hs256, `{"aud":"whippet","EXP":99999999999}`, secret), "exp or aud is missing"},
		{"J10 longest life", sign(hs256, exp(fmt.Sprint(now.Add(auth.MaxLife).Unix())), secret), ""},
		{"J10 too long a life", sign(hs256, exp(fmt.Sprint(now.Add(auth.MaxLife).Unix()+1)), secret), "exp is too far in the future"},
		{"J13 zip", sign(`{"alg":"HS256","zip":"DEF"}`, payload(""), secret), "malformed"},
		{"J13 8 KiB", padded(auth.MaxTokenBytes), ""},
		{"J13 over 8 KiB", padded(auth.MaxTokenBytes + 1), "malformed"},
		{"J13 16 KiB", padded(16 << 10), "malformed"},
		{"J14 actions text", sign(hs256, payload(`"actions":"publish"`), secret), "malformed"},
		{"J14 actions null", sign(hs256, payload(`"actions":null`), secret), "malformed"},
		{"J14 actions of null", sign(hs256, payload(`"actions":[null]`), secret), "malformed"},
		{"J14 actions of numbers", sign(hs256, payload(`"actions":[1]`), secret), "malformed"},
		{"J14 streams text", sign(hs256, payload(`"streams":"*"`), secret), "malformed"},
		{"J14 streams object", sign(hs256, payload(`"streams":{"*":true}`), secret), "malformed"},
		{"J14 sub number", sign(hs256, payload(`"sub":7`), secret), "malformed"},
		{"J14 sub too long", sign(hs256, payload(`"sub":"`+strings.Repeat("a", 257)+`"`), secret), "malformed"},
		{"J14 too many streams", sign(hs256, payload(`"streams":[`+strings.Repeat(`"a",`, 64)+`"a"]`), secret), "malformed"},
		{"J14 claims no object", sign(hs256, `[]`, secret), "malformed"},
		{"J14 claims null", sign(hs256, `null`, secret), "exp or aud is missing"},
		{"J17 wrong secret", sign(hs256, payload(""), []byte(strings.Repeat("x", 32))), "unknown key or wrong signature"},
		{"signature bit", good[:len(good)-2] + flip(good[len(good)-2]) + good[len(good)-1:], "unknown key or wrong signature"},
		{"signature with loose bits", looseBits(good), "malformed"},
		{"payload changed", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload(`"sub":"root"`))) + "." + parts[2], "unknown key or wrong signature"},
		{"header no JSON", "YQ." + parts[1] + "." + parts[2], "malformed"},
		{"no base64", "?." + parts[1] + "." + parts[2], "malformed"},
		{"one part", "undefined", "malformed"},
		{"two parts", "a.b", "malformed"},
		{"dots", "..", "malformed"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			_, err := newVerifier(t).Verify(test.token, now)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || err.Error() != test.want || !errors.Is(err, auth.ErrInvalid)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func unsigned(header string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(payload(""))) + "."
}

// padded makes a good token of exactly n bytes. An unknown claim fills it; where
// base64 cannot reach n, white space in the JSON header does.
func padded(n int) string {
	for pad := range 4 {
		header := hs256[:len(hs256)-1] + strings.Repeat(" ", pad) + "}"
		for fill := n * 3 / 4; fill > 0; fill-- {
			token := sign(header, payload(`"x":"`+strings.Repeat("a", fill)+`"`), secret)
			if len(token) == n {
				return token
			}
			if len(token) < n {
				break
			}
		}
	}
	panic("no such length")
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// looseBits sets bits of the last base64 digit that carry no data: the same bytes
// under another spelling.
func looseBits(token string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, token[len(token)-1])
	return token[:len(token)-1] + string(digits[last|1])
}

func rsaKey(t *testing.T) (jwk, pemText []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	return []byte(`{"kty":"RSA","n":"` + n + `","e":"AQAB"}`),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestKeysAreChosenByID(t *testing.T) {
	other := []byte(strings.Repeat("o", 32))
	next := []byte(strings.Repeat("n", 32))
	v := newVerifier(t,
		auth.Key{Algorithm: auth.HS256, Secret: secret},
		auth.Key{ID: "b", Algorithm: auth.HS256, Secret: other},
		auth.Key{ID: "c", Algorithm: auth.HS256, Secret: next},
	)
	for _, test := range []struct {
		header string
		key    []byte
		ok     bool
	}{
		{hs256, secret, true},
		{hs256, other, true}, // without a kid all keys are tried
		{`{"alg":"HS256","kid":""}`, next, true},
		{`{"alg":"HS256","kid":"b"}`, other, true},
		{`{"alg":"HS256","kid":"c"}`, next, true},
		{`{"alg":"HS256","kid":"b"}`, next, false},
		{`{"alg":"HS256","kid":"b"}`, secret, false},
		{`{"alg":"HS256","kid":"B"}`, other, false},
		{`{"alg":"HS256","kid":"d"}`, secret, false},
	} {
		_, err := v.Verify(sign(test.header, payload(""), test.key), now)
		if (err == nil) != test.ok {
			t.Errorf("%s with %.1s…: %v", test.header, test.key, err)
		}
	}
}

func TestNewVerifierRefusesMistakes(t *testing.T) {
	good := auth.Key{Algorithm: auth.HS256, Secret: secret}
	for name, o := range map[string]auth.Options{
		"no key":      {Audience: "whippet"},
		"no audience": {Keys: []auth.Key{good}},
		"J3":          {Audience: "whippet", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: secret[:31]}}},
		"none":        {Audience: "whippet", Keys: []auth.Key{{Algorithm: "none", Secret: secret}}},
		"no alg":      {Audience: "whippet", Keys: []auth.Key{{Secret: secret}}},
		"many":        {Audience: "whippet", Keys: make([]auth.Key, 65)},
	} {
		_, err := auth.NewVerifier(o)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if name == "J3" && !errors.Is(err, auth.ErrWeakSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErrorsDoNotEchoTheToken: J17 and W134.
func TestErrorsDoNotEchoTheToken(t *testing.T) {
	const canary = "canary"
	for _, token := range []string{
		canary,
		sign(`{"alg":"canary"}`, payload(""), secret),
		sign(`{"alg":"HS256","kid":"canary"}`, payload(""), secret),
		sign(hs256, `{"aud":"canary","exp":1,"sub":"canary"}`, secret),
		sign(hs256, payload(`"actions":"canary"`), secret),
	} {
		if _, err := newVerifier(t).Verify(token, now); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", token, err)
		}
	}
}
