package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// ParseKeys reads the keys that check tokens from a file's content: public keys in PEM,
// one JWK, or a JWK set (RFC 7517). It refuses private keys, weak ones and what is not
// understood, but for the keys of a set that are not for signatures: these are left out
// (RFC 7517 §5). Errors hold nothing of a key.
func ParseKeys(text []byte) ([]Key, error) {
	if bytes.Contains(text, []byte("-----BEGIN")) {
		return parsePEM(text)
	}
	m, err := parseObject(text)
	if err != nil {
		return nil, errors.New("neither PEM nor JSON of a key or a key set")
	}
	if _, ok := m["keys"]; ok {
		return ParseJWKS(text)
	}
	k, err := m.key()
	if err != nil {
		return nil, err
	}
	return []Key{k}, nil
}

// ParseJWKS reads a JWK set as ParseKeys does, and nothing else.
func ParseJWKS(text []byte) ([]Key, error) {
	m, err := parseObject(text)
	if err != nil {
		return nil, errors.New("no JSON object")
	}
	var list []jwk
	if err := json.Unmarshal(m["keys"], &list); err != nil || list == nil {
		return nil, errors.New("no key set: its keys are missing or no list of objects")
	}
	if len(list) > maxKeys {
		return nil, fmt.Errorf("%d keys in a set; at most %d are possible", len(list), maxKeys)
	}
	var keys []Key
	for i, m := range list {
		k, err := m.key()
		if errors.Is(err, errOtherUse) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no key that checks signatures")
	}
	return keys, checkAmbiguous(keys)
}

// errOtherUse is of a JWK that may be fine, but not for what we do.
var errOtherUse = errors.New("the key is not for signatures of tokens: see its kty, use, key_ops and alg")

// A jwk is a JSON Web Key. Names match exactly, which a struct's would not.
type jwk map[string]json.RawMessage

func parseObject(text []byte) (jwk, error) {
	var m jwk
	if err := json.Unmarshal(text, &m); err != nil || m == nil {
		return nil, errors.New("no JSON object")
	}
	return m, nil
}

// text returns a member that is a string; "" if it is absent.
func (m jwk) text(name string) (string, error) {
	raw, ok := m[name]
	if !ok {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("%s is no string", name)
	}
	return *s, nil
}

// bytes returns a member that is base64url without padding (RFC 7515 §2), not empty.
func (m jwk) bytes(name string) ([]byte, error) {
	s, err := m.text(name)
	if err != nil {
		return nil, err
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%s is missing or no base64url", name)
	}
	return b, nil
}

// key reads a key that checks signatures.
func (m jwk) key() (Key, error) {
	k, err := m.common("verify")
	if err != nil {
		return Key{}, err
	}
	if m["d"] != nil {
		return Key{}, errors.New("this is a private key, which no node needs; leave out d, p, q, dp, dq and qi")
	}
	if k.Secret == nil {
		if k.Public, err = m.public(); err != nil {
			return Key{}, err
		}
	}
	return k, k.check()
}

// common reads what all keys have, and the secret of those that are one.
func (m jwk) common(operation string) (k Key, err error) {
	kty, err := m.text("kty")
	if err != nil {
		return Key{}, err
	}
	if k.ID, err = m.text("kid"); err != nil {
		return Key{}, err
	}
	if k.Algorithm, err = m.text("alg"); err != nil {
		return Key{}, err
	}
	if err := m.use(kty, k.Algorithm, operation); err != nil {
		return Key{}, err
	}
	if kty != "oct" {
		return k, nil
	}
	if k.Algorithm == "" {
		k.Algorithm = HS256
	}
	k.Secret, err = m.bytes("k")
	return k, err
}

// use refuses keys for something else.
func (m jwk) use(kty, algorithm, operation string) error {
	use, err := m.text("use")
	if err != nil {
		return err
	}
	if use != "" && use != "sig" {
		return errOtherUse
	}
	if raw, ok := m["key_ops"]; ok {
		var operations []string
		if err := json.Unmarshal(raw, &operations); err != nil {
			return errors.New("key_ops is no list of strings")
		}
		if !slices.Contains(operations, operation) {
			return errOtherUse
		}
	}
	possible := map[string][]string{
		"oct": {HS256, HS384, HS512}, "RSA": rsaAlgorithms(), "EC": {ES256, ES384, ES512}, "OKP": {EdDSA},
	}[kty]
	if possible == nil || algorithm != "" && !slices.Contains(possible, algorithm) {
		return errOtherUse
	}
	return nil
}

// public reads the public half of an asymmetric key.
func (m jwk) public() (crypto.PublicKey, error) {
	kty, err := m.text("kty")
	if err != nil {
		return nil, err
	}
	switch kty {
	case "RSA":
		return m.rsa()
	case "EC":
		return m.ec()
	case "OKP":
		return m.okp()
	}
	return nil, errOtherUse
}

func (m jwk) rsa() (*rsa.PublicKey, error) {
	n, err := m.bytes("n")
	if err != nil {
		return nil, err
	}
	e, err := m.bytes("e")
	if err != nil {
		return nil, err
	}
	exponent := new(big.Int).SetBytes(e)
	if len(n) > maxRSABits/8 || !exponent.IsInt64() || exponent.Int64() > math.MaxInt32 {
		return nil, errors.New("an RSA key is too large")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
}

// ec reads a point, whose coordinates have their full length (RFC 7518 §6.2.1.2).
func (m jwk) ec() (*ecdsa.PublicKey, error) {
	curve, err := m.curve()
	if err != nil {
		return nil, err
	}
	x, err := m.bytes("x")
	if err != nil {
		return nil, err
	}
	y, err := m.bytes("y")
	if err != nil {
		return nil, err
	}
	if size := (curve.Params().BitSize + 7) / 8; len(x) != size || len(y) != size {
		return nil, fmt.Errorf("x and y of this curve have %d bytes", size)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("an EC key is no point of its curve")
	}
	return key, nil
}

func (m jwk) curve() (elliptic.Curve, error) {
	name, err := m.text("crv")
	if err != nil {
		return nil, err
	}
	switch name {
	case "P-256":
		return elliptic.P256(), nil
	case "P-384":
		return elliptic.P384(), nil
	case "P-521":
		return elliptic.P521(), nil
	}
	return nil, errOtherUse
}

func (m jwk) okp() (ed25519.PublicKey, error) {
	curve, err := m.text("crv")
	if err != nil {
		return nil, err
	}
	if curve != "Ed25519" {
		return nil, errOtherUse
	}
	x, err := m.bytes("x")
	return ed25519.PublicKey(x), err
}
