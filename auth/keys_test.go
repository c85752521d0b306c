package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/whippet-media/whippet/auth"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// A keyPair is a real key in all its forms.
type keyPair struct {
	private crypto.Signer
	secret  []byte
	jwk     map[string]any // public, or the secret
	d       map[string]any // what a private JWK has more
}

func (p keyPair) public() crypto.PublicKey { return p.private.Public() }

func (p keyPair) key(t testing.TB) auth.Key {
	t.Helper()
	keys, err := auth.ParseKeys(asJSON(t, p.jwk))
	if err != nil {
		t.Fatal(err)
	}
	return keys[0]
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with returns the JWK with members changed; nil removes one.
func with(m map[string]any, pairs ...any) map[string]any {
	m = maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		if m[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		}
	}
	return m
}

func pemOf(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func privatePEM(t testing.TB, private crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// realKeys returns a key for every algorithm, by algorithm. They are made once.
var realKeys = sync.OnceValue(func() map[string]keyPair {
	all := map[string]keyPair{}
	for alg, n := range map[string]int{auth.HS256: 32, auth.HS384: 48, auth.HS512: 64} {
		k := make([]byte, n)
		rand.Read(k)
		all[alg] = keyPair{secret: k, jwk: map[string]any{"kty": "oct", "alg": alg, "k": b64(k)}}
	}
	r := rsaPair(2048)
	for _, alg := range []string{auth.RS256, auth.RS384, auth.RS512, auth.PS256, auth.PS384, auth.PS512} {
		p := r
		p.jwk = with(r.jwk, "alg", alg)
		all[alg] = p
	}
	all[auth.ES256] = ecPair(elliptic.P256(), "P-256")
	all[auth.ES384] = ecPair(elliptic.P384(), "P-384")
	all[auth.ES512] = ecPair(elliptic.P521(), "P-521")
	all[auth.EdDSA] = edPair()
	return all
})

func rsaPair(bits int) keyPair {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return keyPair{
		private: k,
		jwk:     map[string]any{"kty": "RSA", "n": b64(k.N.Bytes()), "e": "AQAB"},
		d:       map[string]any{"d": b64(k.D.Bytes()), "p": b64(k.Primes[0].Bytes()), "q": b64(k.Primes[1].Bytes())},
	}
}

func ecPair(curve elliptic.Curve, name string) keyPair {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	d, err := k.Bytes()
	if err != nil {
		panic(err)
	}
	half := (len(point) - 1) / 2
	return keyPair{
		private: k,
		jwk:     map[string]any{"kty": "EC", "crv": name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])},
		d:       map[string]any{"d": b64(d)},
	}
}

func edPair() keyPair {
	public, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return keyPair{
		private: k,
		jwk:     map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(public)},
		d:       map[string]any{"d": b64(k.Seed())},
	}
}

// hashOf is the hash in an algorithm's name.
func hashOf(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
}

// signAs makes a token by hand with a key, whatever its header says. For a key that is
// bytes it is HMAC.
func signAs(t testing.TB, alg, header, payload string, key any) string {
	t.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	var digest []byte
	if alg != auth.EdDSA {
		h := hashOf(alg).New()
		h.Write([]byte(text))
		digest = h.Sum(nil)
	}
	var sig []byte
	var err error
	switch key := key.(type) {
	case []byte:
		mac := hmac.New(hashOf(alg).New, key)
		mac.Write([]byte(text))
		sig = mac.Sum(nil)
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			sig, err = rsa.SignPSS(rand.Reader, key, hashOf(alg), digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(nil, key, hashOf(alg), digest)
		}
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, key, digest)
		if err == nil {
			size := (key.Params().BitSize + 7) / 8
			sig = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
	case ed25519.PrivateKey:
		sig = ed25519.Sign(key, []byte(text))
	default:
		t.Fatalf("no way to sign with %T", key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

func (p keyPair) sign(t testing.TB, alg, more string) string {
	t.Helper()
	var key any = p.secret
	if p.private != nil {
		key = p.private
	}
	return signAs(t, alg, `{"alg":"`+alg+`"}`, payload(more), key)
}

// TestEveryAlgorithm: tokens made by hand with the standard library hold, by the key as
// JWK and as PEM; and so do minted ones.
func TestEveryAlgorithm(t *testing.T) {
	for alg, pair := range realKeys() {
		t.Run(alg, func(t *testing.T) {
			v := newVerifier(t, pair.key(t))
			if _, err := v.Verify(pair.sign(t, alg, ""), now); err != nil {
				t.Error(err)
			}
			signer := auth.Signer{Algorithm: alg, Secret: pair.secret, Private: pair.private}
			minted, err := signer.Mint(claims())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(minted, now); err != nil {
				t.Errorf("minted: %v", err)
			}
			if pair.private == nil {
				return
			}
			keys, err := auth.ParseKeys(append([]byte("a comment\n"), pemOf(t, pair.public())...))
			if err != nil || len(keys) != 1 {
				t.Fatal(keys, err)
			}
			if _, err := newVerifier(t, keys...).Verify(pair.sign(t, alg, ""), now); err != nil {
				t.Errorf("by PEM: %v", err)
			}
		})
	}
}

// TestJ2NoKeyChecksAnotherAlgorithm: every key is tried with tokens of every algorithm
// that anyone could make who knows all that is public.
func TestJ2NoKeyChecksAnotherAlgorithm(t *testing.T) {
	const want = "unknown key or wrong signature"
	for alg, pair := range realKeys() {
		v := newVerifier(t, pair.key(t))
		for other, stranger := range realKeys() {
			if other == alg {
				continue
			}
			if _, err := v.Verify(stranger.sign(t, other, ""), now); err == nil || err.Error() != want {
				t.Errorf("a key for %s takes %s of another key: %v", alg, other, err)
			}
			if _, err := v.Verify(signAs(t, other, `{"alg":"`+alg+`"}`, payload(""), secretOrPrivate(stranger)), now); err == nil || err.Error() != want {
				t.Errorf("a key for %s takes %s under its name: %v", alg, other, err)
			}
		}
		if pair.private == nil {
			continue
		}
		for _, hs := range []string{auth.HS256, auth.HS384, auth.HS512} {
			for name, public := range publicForms(t, pair) {
				token := signAs(t, hs, `{"alg":"`+hs+`"}`, payload(""), public)
				if _, err := v.Verify(token, now); err == nil || err.Error() != want {
					t.Errorf("%s with the %s of the %s key: %v", hs, name, alg, err)
				}
			}
		}
	}
}

func secretOrPrivate(p keyPair) any {
	if p.private != nil {
		return p.private
	}
	return p.secret
}

// publicForms are the bytes of a public key that a confused server could take for a secret.
func publicForms(t *testing.T, p keyPair) map[string][]byte {
	text := pemOf(t, p.public())
	block, _ := pem.Decode(text)
	forms := map[string][]byte{
		"PEM": text, "PEM without newline": text[:len(text)-1], "DER": block.Bytes, "JWK": asJSON(t, p.jwk),
	}
	if n, ok := p.jwk["n"].(string); ok {
		forms["modulus"], _ = base64.RawURLEncoding.DecodeString(n)
	}
	if ed, ok := p.public().(ed25519.PublicKey); ok {
		forms["raw"] = ed
	}
	return forms
}

// TestJ2OneRSAKeyIsForOneAlgorithm: a JWK with alg binds; one without, and PEM, take what
// RSA keys are for.
func TestJ2OneRSAKeyIsForOneAlgorithm(t *testing.T) {
	pair := realKeys()[auth.RS256]
	bound := newVerifier(t, pair.key(t))
	loose := keyPair{jwk: with(pair.jwk, "alg", nil)}
	free := newVerifier(t, loose.key(t))
	for _, alg := range []string{auth.RS256, auth.RS384, auth.RS512, auth.PS256, auth.PS384, auth.PS512} {
		token := pair.sign(t, alg, "")
		if _, err := bound.Verify(token, now); (err == nil) != (alg == auth.RS256) {
			t.Errorf("bound to RS256, %s: %v", alg, err)
		}
		if _, err := free.Verify(token, now); err != nil {
			t.Errorf("free, %s: %v", alg, err)
		}
	}
}

// TestJ3J4WeakKeysAreRefused when they are read, and by NewVerifier for keys made in Go.
func TestJ3J4WeakKeysAreRefused(t *testing.T) {
	ec, r, ed := realKeys()[auth.ES256].jwk, realKeys()[auth.RS256].jwk, realKeys()[auth.EdDSA].jwk
	small := rsaPair(1024)
	x, _ := base64.RawURLEncoding.DecodeString(ec["x"].(string))
	x[31] ^= 1
	zeros := b64(make([]byte, 32))
	for name, text := range map[string][]byte{
		"RSA 1024":                asJSON(t, small.jwk),
		"RSA 1024 PEM":            pemOf(t, small.public()),
		"RSA too large":           asJSON(t, with(r, "n", b64(slices.Repeat([]byte{255}, 1025)))),
		"RSA even modulus":        asJSON(t, with(r, "n", b64(append(slices.Repeat([]byte{255}, 255), 254)))),
		"RSA e 1":                 asJSON(t, with(r, "e", "AQ")),
		"RSA e 2":                 asJSON(t, with(r, "e", "Ag")),
		"RSA e huge":              asJSON(t, with(r, "e", b64(slices.Repeat([]byte{255}, 200)))),
		"RSA no n":                asJSON(t, with(r, "n", nil)),
		"RSA padded":              asJSON(t, with(r, "n", r["n"].(string)+"==")),
		"EC off curve":            asJSON(t, with(ec, "x", b64(x))),
		"EC infinity":             asJSON(t, with(ec, "x", zeros, "y", zeros)),
		"EC short x":              asJSON(t, with(ec, "x", b64(x[:31]))),
		"EC long x":               asJSON(t, with(ec, "x", b64(append([]byte{0}, x...)))),
		"EC other curve":          asJSON(t, with(ec, "crv", "P-384")),
		"EC unknown curve":        asJSON(t, with(ec, "crv", "secp256k1")),
		"EC alg of another curve": asJSON(t, with(ec, "alg", "ES384")),
		"Ed short":                asJSON(t, with(ed, "x", b64(x[:31]))),
		"X25519":                  asJSON(t, with(ed, "crv", "X25519")),
		"secret of 31":            asJSON(t, map[string]any{"kty": "oct", "k": b64(secret[:31])}),
		"secret empty":            asJSON(t, map[string]any{"kty": "oct", "k": ""}),
		"HS512 with 32":           asJSON(t, map[string]any{"kty": "oct", "k": b64(secret), "alg": "HS512"}),
		"private RSA":             asJSON(t, with(r, "d", "AQAB")),
		"private EC PEM":          privatePEM(t, realKeys()[auth.ES256].private),
		"for encryption":          asJSON(t, with(r, "use", "enc")),
		"for signing only":        asJSON(t, with(r, "key_ops", []string{"sign"})),
		"RSA-OAEP":                asJSON(t, with(r, "alg", "RSA-OAEP")),
		"alg none":                asJSON(t, with(r, "alg", "none")),
		"alg HS256 of RSA":        asJSON(t, with(r, "alg", "HS256")),
		"kty in other case":       asJSON(t, with(r, "kty", "rsa")),
		"kid a number":            asJSON(t, with(r, "kid", 5)),
		"kid long":                asJSON(t, with(r, "kid", strings.Repeat("k", 257))),
		"certificate":             []byte("-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"),
		"broken PEM":              []byte("-----BEGIN PUBLIC KEY-----\nYQ==\n-----END PUBLIC KEY-----\n"),
		"cut PEM":                 []byte("-----BEGIN PUBLIC KEY-----\nYQ=="),
		"nothing":                 nil,
		"text":                    []byte("0123456789abcdef0123456789abcdef"),
		"null":                    []byte("null"),
		"list":                    []byte("[]"),
		"empty set":               []byte(`{"keys":[]}`),
		"set no list":             []byte(`{"keys":{}}`),
		"set of null":             []byte(`{"keys":null}`),
		"set of texts":            []byte(`{"keys":["a"]}`),
		"set with a weak key":     asJSON(t, map[string]any{"keys": []any{r, small.jwk}}),
	} {
		keys, err := auth.ParseKeys(text)
		if err == nil {
			t.Errorf("%s: read as %v", name, keys)
		} else if strings.Contains(err.Error(), r["n"].(string)[:20]) || strings.Contains(err.Error(), string(secret[:9])) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]auth.Key{
		"no curve":      {Public: &ecdsa.PublicKey{}},
		"P-224":         {Public: p224.Public()},
		"RSA 1024":      {Public: small.public()},
		"RSA zero":      {Public: &rsa.PublicKey{}},
		"RSA nil":       {Public: (*rsa.PublicKey)(nil)},
		"Ed short":      {Public: ed25519.PublicKey(secret[:31])},
		"both":          {Public: realKeys()[auth.EdDSA].public(), Secret: secret, Algorithm: auth.HS256},
		"neither":       {Algorithm: auth.RS256},
		"other alg":     {Public: realKeys()[auth.EdDSA].public(), Algorithm: auth.ES256},
		"HS of an RSA":  {Public: realKeys()[auth.RS256].public(), Algorithm: auth.HS256},
		"private key":   {Public: realKeys()[auth.RS256].private},
		"secret for RS": {Secret: secret, Algorithm: auth.RS256},
	} {
		if _, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: []auth.Key{k}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestJ4ECDSASignaturesHaveFixedLength: r and s in DER, cut, padded, or zero.
func TestJ4ECDSASignaturesHaveFixedLength(t *testing.T) {
	pair := realKeys()[auth.ES256]
	v := newVerifier(t, pair.key(t))
	token := pair.sign(t, auth.ES256, "")
	cut := strings.LastIndexByte(token, '.') + 1
	sig, _ := base64.RawURLEncoding.DecodeString(token[cut:])
	hash := crypto.SHA256.New()
	hash.Write([]byte(token[:cut-1]))
	der, err := ecdsa.SignASN1(rand.Reader, pair.private.(*ecdsa.PrivateKey), hash.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, sig := range map[string][]byte{
		"DER": der, "63 bytes": sig[:63], "65 bytes": append(slices.Clone(sig), 0), "zero": make([]byte, 64), "none": nil,
		"padded": slices.Concat([]byte{0}, sig[:32], []byte{0}, sig[32:]),
	} {
		if _, err := v.Verify(token[:cut]+b64(sig), now); err == nil {
			t.Errorf("%s holds", name)
		}
	}
	if _, err := v.Verify(token, now); err != nil {
		t.Error(err)
	}
}

// TestJ12AmbiguousKids are refused; those of different issuers or kinds are not.
func TestJ12AmbiguousKids(t *testing.T) {
	r, ec := realKeys()[auth.RS256].jwk, realKeys()[auth.ES256].jwk
	set := func(keys ...any) []byte { return asJSON(t, map[string]any{"keys": keys}) }
	for name, test := range map[string]struct {
		text []byte
		want int // keys; 0 is an error
	}{
		"duplicate kid":          {set(with(r, "kid", "a"), with(r, "kid", "a", "n", rsaPair(2048).jwk["n"])), 0},
		"alg and none":           {set(with(r, "kid", "a"), with(r, "kid", "a", "alg", nil)), 0},
		"one kid, two kinds":     {set(with(r, "kid", "a"), with(ec, "kid", "a")), 2},
		"without kids":           {set(r, ec), 2},
		"other uses are left":    {set(r, with(r, "use", "enc"), map[string]any{"kty": "new"}, with(ec, "crv", "secp256k1")), 1},
		"too many without a kid": {set(slices.Repeat([]any{r}, 17)...), 0},
		"too many":               {set(slices.Repeat([]any{ec}, 65)...), 0},
	} {
		keys, err := auth.ParseKeys(test.text)
		if len(keys) != test.want && (test.want != 0 || err == nil) || test.want > 0 && err != nil {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
	same := []auth.Key{{ID: "a", Issuer: "A", Algorithm: auth.HS256, Secret: secret}, {ID: "a", Issuer: "B", Algorithm: auth.HS256, Secret: secret}}
	if _, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: same}); err != nil {
		t.Error(err)
	}
	same[1].Issuer = "A"
	if _, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: same}); err == nil {
		t.Error("two keys of one issuer and kid")
	}
}

// TestJ12WithoutKidAllKeysOfTheRightKindAreTried, and no others.
func TestJ12WithoutKidAllKeysOfTheRightKindAreTried(t *testing.T) {
	first, second := ecPair(elliptic.P256(), "P-256"), ecPair(elliptic.P256(), "P-256")
	text := asJSON(t, map[string]any{"keys": []any{first.jwk, realKeys()[auth.RS256].jwk, with(second.jwk, "kid", "2")}})
	keys, err := auth.ParseJWKS(text)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, keys...)
	for _, p := range []keyPair{first, second} {
		if _, err := v.Verify(p.sign(t, auth.ES256, ""), now); err != nil {
			t.Error(err)
		}
	}
	stranger := ecPair(elliptic.P256(), "P-256")
	if _, err := v.Verify(stranger.sign(t, auth.ES256, ""), now); err == nil {
		t.Error("a stranger's key")
	}
}

// TestSignersAreRead from every form, and what they sign holds by their public half.
func TestSignersAreRead(t *testing.T) {
	for alg, pair := range realKeys() {
		text := with(pair.jwk, "kid", "k1")
		maps.Copy(text, pair.d)
		forms := map[string][]byte{"JWK": asJSON(t, text)}
		if pair.private != nil {
			forms["PKCS8"] = privatePEM(t, pair.private)
		}
		switch k := pair.private.(type) {
		case *ecdsa.PrivateKey:
			der, _ := x509.MarshalECPrivateKey(k)
			parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
			forms["SEC1"] = append([]byte(parameters), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...)
		case *rsa.PrivateKey:
			forms["PKCS1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
		}
		for form, text := range forms {
			s, err := auth.ParseSigner(text)
			if err != nil {
				t.Errorf("%s %s: %v", alg, form, err)
				continue
			}
			token, err := s.Mint(claims())
			if err != nil {
				t.Errorf("%s %s: %v", alg, form, err)
				continue
			}
			if _, err := newVerifier(t, s.Key()).Verify(token, now); err != nil {
				t.Errorf("%s %s: %v", alg, form, err)
			}
		}
	}
}

func TestSignersAreRefused(t *testing.T) {
	ec, other := realKeys()[auth.ES256], ecPair(elliptic.P256(), "P-256")
	r, small := realKeys()[auth.RS256], rsaPair(1024)
	merge := func(m, more map[string]any) []byte {
		m = maps.Clone(m)
		maps.Copy(m, more)
		return asJSON(t, m)
	}
	for name, text := range map[string][]byte{
		"public JWK":     asJSON(t, ec.jwk),
		"public PEM":     pemOf(t, ec.public()),
		"other half":     merge(ec.jwk, other.d),
		"other RSA half": merge(r.jwk, rsaPair(2048).d),
		"other Ed half":  merge(realKeys()[auth.EdDSA].jwk, edPair().d),
		"short Ed half":  merge(realKeys()[auth.EdDSA].jwk, map[string]any{"d": "AQAB"}),
		"RSA without p":  asJSON(t, with(r.jwk, "d", r.d["d"], "q", r.d["q"])),
		"RSA 1024":       merge(small.jwk, small.d),
		"RSA 1024 PEM":   privatePEM(t, small.private),
		"weak secret":    asJSON(t, map[string]any{"kty": "oct", "k": "AQAB"}),
		"encrypted":      []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nYQ==\n-----END ENCRYPTED PRIVATE KEY-----\n"),
		"broken":         []byte("-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n"),
		"cut":            []byte("-----BEGIN PRIVATE KEY-----\nYQ=="),
		"text":           []byte("secret"),
	} {
		if _, err := auth.ParseSigner(text); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := (auth.Signer{}).Mint(claims()); err == nil {
		t.Error("the zero signer mints")
	}
	if _, err := (auth.Signer{Algorithm: auth.HS512, Secret: secret}).Mint(claims()); !errors.Is(err, auth.ErrWeakSecret) {
		t.Errorf("HS512 with 32 bytes: %v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, p := range realKeys() {
		f.Add(asJSON(f, p.jwk))
		f.Add(asJSON(f, map[string]any{"keys": []any{p.jwk}}))
		if p.private != nil {
			f.Add(pemOf(f, p.public()))
			f.Add(privatePEM(f, p.private))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if keys, err := auth.ParseKeys(text); err == nil {
			if _, err := auth.NewVerifier(auth.Options{Audience: "a", Keys: keys}); err != nil {
				t.Errorf("read but refused: %v", err)
			}
		}
		if s, err := auth.ParseSigner(text); err == nil {
			token, err := s.Mint(claims())
			if err != nil {
				t.Fatalf("read but cannot sign: %v", err)
			}
			if _, err := newVerifier(t, s.Key()).Verify(token, now); err != nil {
				t.Errorf("its own token: %v", err)
			}
		}
	})
}
