package attack

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The rules J1 to J17 of docs/protocol-rows.md, against one running node.

// What the challenge of a refused token says, in the words of RFC 6750's error_description.
const (
	badSignature = "unknown key or wrong signature"
	malformed    = "malformed"
)

func hs(claims object) string { return sign(object{"alg": "HS256"}, claims, "HS256", keys().secret) }

func TestJ1_NoneIsNoAlgorithm(t *testing.T) {
	n := newKeep(t)
	n.wantIn(t, "HS256", good())
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", "null", "plain"} {
		for name, key := range map[string]any{"unsigned": nil, "signed": keys().secret} {
			n.wantOut(t, name+" "+none, sign(object{"alg": none}, rights(), "HS256", key), badSignature)
		}
	}
	cut := good()
	cut = cut[:strings.LastIndexByte(cut, '.')+1]
	n.wantOut(t, "cut signature", cut, badSignature)
	n.wantOut(t, "alg is null", signText(`{"alg":null}`, string(asJSON(rights())), "HS256", nil), badSignature)
	n.wantOut(t, "two algs", signText(`{"alg":"HS256","alg":"none"}`, string(asJSON(rights())), "HS256", nil), badSignature)
	n.wantOut(t, "alg by another name", signText(`{"Alg":"HS256"}`, string(asJSON(rights())), "HS256", keys().secret), badSignature)
}

func TestJ3_J4_WeakKeysDoNotStart(t *testing.T) {
	offCurve := jwkOf(keys().ec.Public())
	offCurve["x"], offCurve["y"] = offCurve["y"], offCurve["x"]
	for name, flag := range map[string]startFlag{
		"short secret":       {"--jwt-secret-file", []byte("8 bytes.")},
		"RSA of 1024 bits":   {"--jwt-key", pemOf(newRSA(1024).Public())},
		"point off curve":    {"--jwt-key", asJSON(offCurve)},
		"short oct JWK":      {"--jwt-key", asJSON(object{"kty": "oct", "alg": "HS256", "k": b64([]byte("short"))})},
		"two keys, one kid":  {"--jwt-key", asJSON(object{"keys": []object{jwkOf(keys().ec.Public(), "kid", "a"), jwkOf(keys().strangeEC.Public(), "kid", "a")}})},
		"private key, empty": {"--jwt-key", nil},
	} {
		wantNoStart(t, name, flag)
	}
}

// TestJ4_SignaturesOfOtherShapes: an ECDSA signature is two numbers of fixed length, and
// neither is zero.
func TestJ4_SignaturesOfOtherShapes(t *testing.T) {
	n := newKeep(t)
	text := b64([]byte(`{"alg":"ES256"}`)) + "." + b64(asJSON(rights()))
	shaped := func(sig []byte) string { return text + "." + b64(sig) }
	raw := signature(text, "ES256", keys().ec)
	n.wantIn(t, "ES256", shaped(raw))
	der, err := ecdsa.SignASN1(nil, keys().ec, digest(text, "ES256"))
	if err != nil {
		t.Fatal(err)
	}
	for name, sig := range map[string][]byte{
		"zeros": make([]byte, 64), "ASN.1": der, "short": raw[:63], "long": append(raw[:64:64], 0),
		"empty": {}, "one zero half": append(raw[:32:32], make([]byte, 32)...), "halves changed": append(raw[32:64:64], raw[:32]...),
	} {
		n.wantOut(t, name, shaped(sig), badSignature)
	}
}

func TestJ6_J13_ExtensionsAndOtherForms(t *testing.T) {
	n := newKeep(t)
	secret, claims := keys().secret, string(asJSON(rights()))
	for name, header := range map[string]string{
		"crit":  `{"alg":"HS256","crit":["exp"]}`,
		"b64":   `{"alg":"HS256","b64":false,"crit":["b64"]}`,
		"zip":   `{"alg":"HS256","zip":"DEF"}`,
		"enc":   `{"alg":"HS256","enc":"A256GCM"}`,
		"array": `["HS256"]`,
		"text":  `"HS256"`,
	} {
		n.wantOut(t, name, signText(header, claims, "HS256", secret), malformed)
	}
	parts := strings.Split(good(), ".")
	for name, token := range map[string]string{
		"JWE of five parts":  parts[0] + ".." + parts[1] + "." + parts[2] + ".AA",
		"JSON serialization": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"padding":            parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"one part":           parts[1],
		"dots":               strings.Repeat(".", 8000),
		"nested":             signText(`{"alg":"HS256","cty":"JWT"}`, `"`+good()+`"`, "HS256", secret),
		"token twice":        good() + "." + good(),
		"two tokens":         good() + " " + good(),
		"token, comma":       good() + "," + good(),
	} {
		n.wantOut(t, name, token, "")
	}
}

// TestJ13_Length: what is longer than 8 KiB is not decoded, however good it is.
func TestJ13_Length(t *testing.T) {
	n := newKeep(t)
	n.wantIn(t, "8 KiB", padded(8<<10))
	n.wantOut(t, "8 KiB and 1", padded(8<<10+1), "too long")
	n.wantOut(t, "16 KiB", padded(16<<10), "too long")
	n.wantOut(t, "8 KiB of nothing", strings.Repeat("A", 8<<10), malformed)
}

// padded makes a good token of some length, by a claim and a header that nobody reads: the
// length of one text in base64 cannot be chosen freely.
func padded(length int) string {
	for header := range 4 {
		for claim := length*3/4 - 400; claim < length; claim++ {
			token := sign(object{"alg": "HS256", "x": strings.Repeat("x", header)}, rights("x", strings.Repeat("x", max(claim, 0))), "HS256", keys().secret)
			switch {
			case len(token) == length:
				return token
			case len(token) > length:
				claim = length // none of this header's
			}
		}
	}
	panic("no token of that length")
}

func TestJ7_TypeOfToken(t *testing.T) {
	n := newKeep(t, "--jwt-type", "whippet+jwt")
	typed := func(typ any) string {
		return sign(with(object{"alg": "HS256"}, "typ", typ), rights(), "HS256", keys().secret)
	}
	n.wantIn(t, "its type", typed("whippet+jwt"))
	for _, typ := range []any{nil, "JWT", "at+jwt", "", 5, []string{"whippet+jwt"}, "whippet+jwt;x"} {
		n.wantOut(t, fmt.Sprint("typ ", typ), typed(typ), "of another type")
	}
}

func TestJ8_KeysOfAnIssuerAreForIt(t *testing.T) {
	n := newKeep(t)
	partners := func(iss any, header object) string { return sign(header, rights("iss", iss), "ES256", keys().partner) }
	es := object{"alg": "ES256", "kid": "2026"}
	n.wantIn(t, "the partner's", partners(partner, es))
	n.wantIn(t, "the partner's without kid", partners(partner, object{"alg": "ES256"}))
	for _, iss := range []any{nil, "", "https://partner.example/", "HTTPS://partner.example", "https://evil.example", partner + "\x00"} {
		n.wantOut(t, fmt.Sprintf("partner's key as %q", iss), partners(iss, es), badSignature)
	}
	for _, iss := range []any{[]string{partner}, 7, object{"a": partner}} {
		n.wantOut(t, fmt.Sprint("iss ", iss), partners(iss, es), malformed)
	}
	n.wantOut(t, "our secret as the partner's", hs(rights("iss", partner)), badSignature)
	n.wantOut(t, "our EC key as the partner's", sign(es, rights("iss", partner), "ES256", keys().ec), badSignature)
	n.wantOut(t, "two issuers", signText(`{"alg":"HS256"}`,
		strings.Replace(string(asJSON(rights())), "{", `{"iss":"`+partner+`","iss":"x",`, 1), "ES256", keys().partner), badSignature)
}

func TestJ9_Audience(t *testing.T) {
	n := newKeep(t)
	n.wantIn(t, "a list with us", good("aud", []string{"other", "whippet"}))
	for name, aud := range map[string]any{
		"none": nil, "other": "other", "list without us": []string{"a", "b"}, "empty list": []string{}, "empty": "",
		"other case": "Whippet", "more": "whippet2", "white space": " whippet", "glob": "*",
	} {
		n.wantOut(t, name, good("aud", aud), "")
	}
	for name, aud := range map[string]any{"number": 5, "object": object{"whippet": 1}, "list of numbers": []int{1}, "list with null": []any{"whippet", nil}} {
		n.wantOut(t, name, good("aud", aud), malformed)
	}
}

func TestJ10_Times(t *testing.T) {
	n := newKeep(t)
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	n.wantIn(t, "just expired", good("exp", at(-30*time.Second)))
	n.wantIn(t, "soon valid", good("nbf", at(30*time.Second)))
	n.wantIn(t, "a fraction", good("exp", float64(at(time.Hour))+0.5))
	n.wantOut(t, "expired", good("exp", at(-65*time.Second)), "expired")
	n.wantOut(t, "long expired", good("exp", 1), "expired")
	n.wantOut(t, "not yet", good("nbf", at(120*time.Second)), "")
	n.wantOut(t, "made tomorrow", good("iat", at(24*time.Hour)), "")
	n.wantOut(t, "for ever", good("exp", at(10*366*24*time.Hour)), "")
	n.wantOut(t, "no exp", good("exp", nil), "")
	for name, exp := range map[string]any{
		"text": fmt.Sprint(at(time.Hour)), "negative": -1, "huge": 1e300, "list": []int64{at(time.Hour)}, "true": true,
		"null": json.RawMessage("null"), "overflow": json.RawMessage("99999999999999999999999"), "infinity": "Infinity",
	} {
		n.wantOut(t, "exp "+name, good("exp", exp), malformed)
	}
	n.wantOut(t, "exp twice", signText(`{"alg":"HS256"}`, fmt.Sprintf(`{"aud":"whippet","exp":%d,"exp":1,"actions":["publish"],"streams":["*"]}`, at(time.Hour)), "HS256", keys().secret), "expired")
}

// TestJ14_ClaimsAreRead strictly: a right that is not there is none, and what cannot be
// understood is not guessed at.
func TestJ14_ClaimsAreRead(t *testing.T) {
	n := newKeep(t)
	for name, claims := range map[string][]any{
		"actions is a text": {"actions", "publish"}, "actions is null": {"actions", json.RawMessage("null")},
		"actions is an object": {"actions", object{"publish": true}}, "an action is null": {"actions", []any{"publish", nil}},
		"streams is a text": {"streams", "*"}, "streams is null": {"streams", json.RawMessage("null")},
		"sub is a number": {"sub", 7}, "jti is a list": {"jti", []string{"a"}}, "origins is a text": {"origins", "*"},
		"ip is any": {"ip", []string{"*"}}, "limits is a text": {"limits", "none"}, "max_session is 0": {"max_session", 0},
		"sub too long": {"sub", strings.Repeat("x", 300)}, "too many streams": {"streams", strings.Split(strings.Repeat("*,", 100), ",")},
	} {
		n.wantOut(t, name, good(claims...), malformed)
	}
	for name, claims := range map[string][]any{
		"no actions": {"actions", nil}, "empty actions": {"actions", []string{}}, "unknown action": {"actions", []string{"*", "all", "Publish", "publish ", "whip:publish"}},
		"no streams": {"streams", nil}, "empty streams": {"streams", []string{}}, "admin only": {"actions", []string{"admin", "metrics"}},
		"claims by other names": {"actions", nil, "Actions", []string{"publish"}, "ACTIONS", []string{"play"}, "permissions", []string{"publish"}},
		"broken globs":          {"streams", []string{"", "[a-z]", "?", "/", "**/", "s*/", "(s.*)", "%2A", "\uff0a"}},
	} {
		n.wantNoRight(t, name, good(claims...))
	}
}
