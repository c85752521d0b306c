package attack

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of hashOf
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"time"
)

// Tokens are made by hand here, with the standard library alone.

type object = map[string]any

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// with returns a copy with members changed; nil removes one.
func with(m object, pairs ...any) object {
	m = maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		if m[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		}
	}
	return m
}

// rights are claims that allow everything on every stream for an hour; pairs change them.
func rights(pairs ...any) object {
	return with(object{
		"aud": "whippet", "sub": "mallory", "exp": time.Now().Add(time.Hour).Unix(),
		"actions": []string{"publish", "play", "admin", "metrics"}, "streams": []string{"*"},
	}, pairs...)
}

// sign makes a token: what the header says and how it is signed are two things. A key that is
// bytes is a secret; nil leaves the signature empty.
func sign(header, claims object, alg string, key any) string {
	return signText(string(asJSON(header)), string(asJSON(claims)), alg, key)
}

func signText(header, claims, alg string, key any) string {
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(signature(text, alg, key))
}

func signature(text, alg string, key any) []byte {
	switch key := key.(type) {
	case nil:
		return nil
	case []byte:
		mac := hmac.New(hashOf(alg).New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(text))
	case *rsa.PrivateKey:
		return signRSA(digest(text, alg), alg, key)
	case *ecdsa.PrivateKey:
		r, s := signEC(digest(text, alg), key)
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	panic(fmt.Sprintf("no way to sign with %T", key))
}

// hashOf is the hash in an algorithm's name.
func hashOf(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
}

func digest(text, alg string) []byte {
	h := hashOf(alg).New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

func signRSA(digest []byte, alg string, key *rsa.PrivateKey) (sig []byte) {
	var err error
	if strings.HasPrefix(alg, "PS") {
		sig, err = rsa.SignPSS(rand.Reader, key, hashOf(alg), digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		sig, err = rsa.SignPKCS1v15(nil, key, hashOf(alg), digest)
	}
	if err != nil {
		panic(err)
	}
	return sig
}

func signEC(digest []byte, key *ecdsa.PrivateKey) (r, s *big.Int) {
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		panic(err)
	}
	return r, s
}

// keyring is the keys of the node under attack, and one of each kind that it does not know.
type keyring struct {
	secret          []byte
	rsa, strangeRSA *rsa.PrivateKey
	ec, strangeEC   *ecdsa.PrivateKey
	ed, strangeEd   ed25519.PrivateKey
	partner         *ecdsa.PrivateKey // of the issuer https://partner.example, in a JWK set on the web
}

// keys are made once.
var keys = sync.OnceValue(func() (k keyring) {
	k.secret = []byte(rand.Text() + rand.Text()) // of letters: white space around it would be cut off
	k.rsa, k.strangeRSA = newRSA(2048), newRSA(2048)
	k.ec, k.strangeEC, k.partner = newEC(), newEC(), newEC()
	k.ed, k.strangeEd = newEd(), newEd()
	return k
})

func newRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func newEC() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func newEd() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func derOf(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return der
}

func pemOf(public crypto.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: derOf(public)})
}

// jwkOf is the public JWK of an EC or RSA key; pairs are added.
func jwkOf(public crypto.PublicKey, pairs ...any) object {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return with(object{"kty": "RSA", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}, pairs...)
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		half := (len(point) - 1) / 2
		return with(object{"kty": "EC", "crv": "P-256", "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}, pairs...)
	case ed25519.PublicKey:
		return with(object{"kty": "OKP", "crv": "Ed25519", "x": b64(key)}, pairs...)
	}
	panic(fmt.Sprintf("no JWK of %T", public))
}
