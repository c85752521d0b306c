package attack

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"
)

// TestJ2_PublicKeyAsSecret: the node has a secret and public keys side by side. Whoever knows
// all that is public about a key cannot make an HS token with it (RFC 8725 §2.1).
func TestJ2_PublicKeyAsSecret(t *testing.T) {
	n := newKeep(t)
	k := keys()
	n.wantIn(t, "HS256", good())
	for kind, public := range map[string]crypto.PublicKey{
		"RSA": k.rsa.Public(), "EC": k.ec.Public(), "Ed25519": k.ed.Public(), "partner's": k.partner.Public(),
	} {
		for form, secret := range publicForms(public) {
			for _, alg := range []string{"HS256", "HS384", "HS512"} {
				name := fmt.Sprintf("%s with the %s of the %s key", alg, form, kind)
				n.wantOut(t, name, sign(object{"alg": alg}, rights(), alg, secret), badSignature)
			}
			n.wantOut(t, "HS256 for the partner with "+form+" of "+kind,
				sign(object{"alg": "HS256", "kid": "2026"}, rights("iss", partner), "HS256", secret), badSignature)
		}
	}
	for name, secret := range map[string][]byte{
		"nothing": {}, "zero bytes": make([]byte, 32), "hex": []byte(fmt.Sprintf("%x", k.secret)),
		"base64": []byte(base64.StdEncoding.EncodeToString(k.secret)), "newline": append(k.secret[:32:32], '\n'),
		"its half": k.secret[:16], "whippet": []byte("whippet"), "secret": []byte("secret"),
	} {
		n.wantOut(t, "HS256 with "+name, sign(object{"alg": "HS256"}, rights(), "HS256", secret), badSignature)
	}
}

// publicForms are the bytes of a public key that a confused server could take for a secret.
func publicForms(public crypto.PublicKey) map[string][]byte {
	text := pemOf(public)
	block, _ := pem.Decode(text)
	indented, err := json.MarshalIndent(jwkOf(public), "", "  ")
	if err != nil {
		panic(err)
	}
	forms := map[string][]byte{
		"PEM": text, "PEM without newline": text[:len(text)-1], "DER": block.Bytes,
		"JWK": asJSON(jwkOf(public)), "JWK indented": indented, "JWK set": asJSON(object{"keys": []object{jwkOf(public)}}),
	}
	for _, member := range []string{"n", "x"} {
		if s, ok := jwkOf(public)[member].(string); ok {
			forms[member+" as text"] = []byte(s)
			forms[member], _ = base64.RawURLEncoding.DecodeString(s)
		}
	}
	return forms
}

// TestJ2_OneKeyOneAlgorithm: a good signature of a known key under another algorithm's name,
// and every algorithm by a stranger's key of the right kind.
func TestJ2_OneKeyOneAlgorithm(t *testing.T) {
	n := newKeep(t)
	k := keys()
	for alg, key := range map[string]any{"RS256": k.rsa, "PS256": k.rsa, "RS512": k.rsa, "ES256": k.ec, "EdDSA": k.ed, "HS256": k.secret} {
		n.wantIn(t, alg, sign(object{"alg": alg}, rights(), alg, key))
	}
	all := []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "ES256K", "Ed448", "RSA1_5", "dir"}
	own := map[string]any{"HS256": k.secret, "RS256": k.rsa, "PS256": k.rsa, "ES256": k.ec, "EdDSA": k.ed}
	for alg, key := range own {
		for _, named := range all {
			if named != alg {
				n.wantOut(t, alg+" under the name "+named, sign(object{"alg": named}, rights(), alg, key), badSignature)
			}
		}
	}
	strange := map[string]any{
		"RS256": k.strangeRSA, "RS384": k.strangeRSA, "PS256": k.strangeRSA, "PS512": k.strangeRSA,
		"ES256": k.strangeEC, "EdDSA": k.strangeEd, "HS512": k.secret, "HS384": k.secret,
	}
	for alg, key := range strange {
		n.wantOut(t, alg+" of a stranger", sign(object{"alg": alg}, rights(), alg, key), badSignature)
	}
}

// TestJ2_BoundKeys: a JWK that says alg is for that alone, and one that is for encryption or
// for signing checks nothing.
func TestJ2_BoundKeys(t *testing.T) {
	k := keys()
	n := newKeepOf(t, []object{
		jwkOf(k.rsa.Public(), "kid", "rs", "alg", "RS256"), jwkOf(k.strangeRSA.Public(), "kid", "enc", "use", "enc"),
		jwkOf(k.strangeEC.Public(), "kid", "ops", "key_ops", []string{"sign"}),
	})
	to := func(alg, kid string, key any) string {
		return sign(object{"alg": alg, "kid": kid}, rights("iss", partner), alg, key)
	}
	n.wantIn(t, "RS256", to("RS256", "rs", k.rsa))
	for _, alg := range []string{"RS384", "RS512", "PS256", "PS384", "PS512"} {
		n.wantOut(t, alg+" by a key for RS256", to(alg, "rs", k.rsa), badSignature)
	}
	n.wantOut(t, "a key for encryption", to("RS256", "enc", k.strangeRSA), badSignature)
	n.wantOut(t, "a key for signing", to("ES256", "ops", k.strangeEC), badSignature)
	n.wantOut(t, "a key that is gone", to("ES256", "2026", k.partner), badSignature)
}

// TestStrippedSignatures: tokens put together from parts of good ones.
func TestStrippedSignatures(t *testing.T) {
	n := newKeep(t)
	k := keys()
	a, b := good(), good("sub", "other")
	for _, alg := range []string{"RS256", "ES256", "EdDSA", "HS256"} {
		n.wantOut(t, alg+" unsigned", sign(object{"alg": alg}, rights(), alg, nil), badSignature)
	}
	sigOf := func(token string) string { return token[len(token)-43:] }
	n.wantOut(t, "signature of another token", a[:len(a)-43]+sigOf(b), badSignature)
	n.wantOut(t, "a byte changed", a[:60]+flip(a[60])+a[61:], "")
	n.wantOut(t, "last bits changed", a[:len(a)-1]+flip(a[len(a)-1]), "")
	zero := ed25519.PrivateKey(make([]byte, ed25519.PrivateKeySize))
	n.wantOut(t, "EdDSA by the zero key", sign(object{"alg": "EdDSA"}, rights(), "EdDSA", zero), badSignature)
	n.wantIn(t, "EdDSA", sign(object{"alg": "EdDSA", "kid": "ed"}, rights(), "EdDSA", k.ed))
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}
