package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// A Signer makes tokens. Either Secret or Private is set. It is a value that nobody
// changes; copies share the key.
type Signer struct {
	ID        string // kid of its tokens; "": they have none
	Type      string // typ of its tokens; "" is JWT
	Algorithm string // as of a Key; "" with an RSA key is RS256
	Secret    []byte
	Private   crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
}

// ParseSigner reads a private key in PEM (PKCS #8, PKCS #1 or SEC 1), or a JWK with a
// private key or a secret. It refuses the keys that [ParseKeys] does.
func ParseSigner(text []byte) (Signer, error) {
	var s Signer
	var err error
	if bytes.Contains(text, []byte("-----BEGIN")) {
		s, err = pemSigner(text)
	} else {
		s, err = jwkSigner(text)
	}
	if err != nil {
		return Signer{}, err
	}
	return s, s.Key().check()
}

func pemSigner(text []byte) (Signer, error) {
	key, err := privateBlock(text)
	if err != nil {
		return Signer{}, err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return Signer{Private: key}, nil
	case *ecdsa.PrivateKey:
		return Signer{Private: key}, nil
	case ed25519.PrivateKey:
		return Signer{Private: key}, nil
	}
	return Signer{}, fmt.Errorf("a key of type %T signs no tokens; RSA, EC and Ed25519 keys do", key)
}

func jwkSigner(text []byte) (Signer, error) {
	m, err := parseObject(text)
	if err != nil {
		return Signer{}, errors.New("neither PEM nor JSON of a private key")
	}
	k, err := m.common("sign")
	if err != nil {
		return Signer{}, err
	}
	s := Signer{ID: k.ID, Algorithm: k.Algorithm, Secret: k.Secret}
	if s.Secret != nil {
		return s, nil
	}
	public, err := m.public()
	if err != nil {
		return Signer{}, err
	}
	if m["d"] == nil {
		return Signer{}, errors.New("this is a public key; give the private one")
	}
	s.Private, err = m.private(public)
	return s, err
}

// errHalves is of a JWK whose private and public members do not belong together.
var errHalves = errors.New("the private key is broken or not that of its public half")

// private reads d and what else the kind of key has.
func (m jwk) private(public crypto.PublicKey) (crypto.Signer, error) {
	d, err := m.bytes("d")
	if err != nil {
		return nil, err
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		return m.privateRSA(*public, d)
	case *ecdsa.PublicKey:
		key, err := ecdsa.ParseRawPrivateKey(public.Curve, d)
		if err != nil || !key.PublicKey.Equal(public) {
			return nil, errHalves
		}
		return key, nil
	case ed25519.PublicKey:
		if len(d) != ed25519.SeedSize {
			return nil, errHalves
		}
		key := ed25519.NewKeyFromSeed(d)
		if !public.Equal(key.Public()) {
			return nil, errHalves
		}
		return key, nil
	}
	return nil, errHalves
}

func (m jwk) privateRSA(public rsa.PublicKey, d []byte) (crypto.Signer, error) {
	p, err := m.bytes("p")
	if err != nil {
		return nil, err
	}
	q, err := m.bytes("q")
	if err != nil {
		return nil, err
	}
	if most := maxRSABits / 8; len(d) > most || len(p) > most || len(q) > most {
		return nil, errHalves
	}
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	key := &rsa.PrivateKey{PublicKey: public, D: number(d), Primes: []*big.Int{number(p), number(q)}}
	if err := checkRSA(&public); err != nil {
		return nil, err
	}
	if err := key.Validate(); err != nil {
		return nil, errHalves
	}
	key.Precompute()
	return key, nil
}

// Key returns the key that checks the signer's tokens.
func (s Signer) Key() Key {
	k := Key{ID: s.ID, Algorithm: s.Algorithm, Secret: s.Secret}
	if s.Private != nil {
		k.Public = s.Private.Public()
	}
	return k
}

// Mint makes a token. It refuses what [Verifier.Verify] would not take or what could
// never allow anything: a weak key (for a secret [ErrWeakSecret]), no exp, no audience,
// unknown or no actions, an action about streams without a valid glob, limits out of
// range. The caller supplies the times and a random ID. ECDSA and RSA-PSS signatures are
// random; apart from that Mint is a pure function.
func (s Signer) Mint(c Claims) (string, error) {
	k := s.Key()
	if err := k.check(); err != nil {
		return "", err
	}
	if err := c.check(); err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(k.algorithms()[0]), &wireClaims{c})
	if s.ID != "" {
		token.Header["kid"] = s.ID
	}
	if s.Type != "" {
		token.Header["typ"] = s.Type
	}
	signed, err := token.SignedString(s.material())
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	if len(signed) > MaxTokenBytes {
		return "", fmt.Errorf("the token has %d bytes; at most %d are possible", len(signed), MaxTokenBytes)
	}
	return signed, nil
}

func (s Signer) material() any {
	if s.Private != nil {
		return s.Private
	}
	return s.Secret
}
