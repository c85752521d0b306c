package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
)

// The algorithms of signatures (RFC 7518 §3.1, RFC 8037 §3.1). There are no others,
// "none" least of all.
const (
	HS256 = "HS256" // HMAC: one secret makes and checks tokens
	HS384 = "HS384"
	HS512 = "HS512"
	RS256 = "RS256" // RSA with PKCS #1 v1.5
	RS384 = "RS384"
	RS512 = "RS512"
	PS256 = "PS256" // RSA-PSS
	PS384 = "PS384"
	PS512 = "PS512"
	ES256 = "ES256" // ECDSA on P-256, P-384 and P-521
	ES384 = "ES384"
	ES512 = "ES512"
	EdDSA = "EdDSA" // Ed25519
)

// algorithms are all there are (RFC 8725 §3.1).
func algorithms() []string {
	return append(rsaAlgorithms(), HS256, HS384, HS512, ES256, ES384, ES512, EdDSA)
}

// rsaAlgorithms are what an RSA key without an algorithm of its own checks.
func rsaAlgorithms() []string { return []string{RS256, RS384, RS512, PS256, PS384, PS512} }

// A Key checks signatures of its algorithm and no other, whatever a token's header says
// (RFC 8725 §3.1). Either Secret or Public is set.
type Key struct {
	// Issuer is what a token's iss must be, exactly; "" is a key for the tokens of all
	// issuers that have no key of their own, and for tokens without iss.
	Issuer string

	// ID is what a token's kid must be, exactly; tokens with a kid are not checked by a
	// key without an ID.
	ID string

	// Algorithm is one of the constants. "" stands for the one that goes with a
	// public key's curve, and for all six of an RSA key; a secret must name its own.
	Algorithm string

	Secret []byte           // of HS…: at least as long as the hash; kept, must not change
	Public crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey; kept
}

// algorithms returns what the key checks; nothing for a key that check refuses.
func (k Key) algorithms() []string {
	if k.Algorithm != "" {
		return []string{k.Algorithm}
	}
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		return rsaAlgorithms()
	case *ecdsa.PublicKey:
		return []string{curveAlgorithm(public.Curve)}
	case ed25519.PublicKey:
		return []string{EdDSA}
	}
	return nil
}

// material is the key as the JWT library wants it.
func (k Key) material() any {
	if k.Public != nil {
		return k.Public
	}
	return k.Secret
}

// check refuses keys that are weak, no keys, or not of their algorithm.
func (k Key) check() error {
	if len(k.Issuer) > maxTextBytes || len(k.ID) > maxTextBytes {
		return fmt.Errorf("issuer and kid have at most %d bytes", maxTextBytes)
	}
	if (k.Public != nil) == (k.Secret != nil) {
		return errors.New("a key has either a secret or a public key")
	}
	if k.Secret != nil {
		return checkSecret(k.Algorithm, len(k.Secret))
	}
	possible, err := checkPublic(k.Public)
	if err != nil {
		return err
	}
	if k.Algorithm != "" && !slices.Contains(possible, k.Algorithm) {
		return fmt.Errorf("algorithm %q is not for this key; possible are %v", k.Algorithm, possible)
	}
	return nil
}

// checkSecret demands as many bytes as the hash has (RFC 7518 §3.2).
func checkSecret(algorithm string, bytes int) error {
	need := map[string]int{HS256: MinSecretBytes, HS384: 48, HS512: 64}[algorithm]
	switch {
	case need == 0:
		return fmt.Errorf("algorithm %q is not for a secret; possible are [HS256 HS384 HS512]", algorithm)
	case bytes < MinSecretBytes:
		return ErrWeakSecret
	case bytes < need:
		return fmt.Errorf("%s needs a secret of %d bytes: %w", algorithm, need, ErrWeakSecret)
	}
	return nil
}

// checkPublic returns the algorithms a public key can be for.
func checkPublic(key crypto.PublicKey) ([]string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key == nil || key.N == nil {
			return nil, errors.New("an RSA key is incomplete")
		}
		return rsaAlgorithms(), checkRSA(key)
	case *ecdsa.PublicKey:
		if key == nil || key.Curve == nil {
			return nil, errors.New("an EC key is incomplete")
		}
		if _, err := key.ECDH(); err != nil { // RFC 8725 §3.4: the point is on the curve
			return nil, errors.New("an EC key is no point of P-256, P-384 or P-521")
		}
		return []string{curveAlgorithm(key.Curve)}, nil
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("an Ed25519 key has 32 bytes")
		}
		return []string{EdDSA}, nil
	}
	return nil, fmt.Errorf("a key of type %T checks no tokens; RSA, EC and Ed25519 keys do", key)
}

func checkRSA(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case bits < MinRSABits || bits > maxRSABits:
		return fmt.Errorf("an RSA key has %d bits; %d to %d are possible", bits, MinRSABits, maxRSABits)
	case key.N.Bit(0) == 0 || key.E < 3 || key.E%2 == 0:
		return errors.New("an RSA key is broken: its modulus and exponent must be odd")
	}
	return nil
}

// curveAlgorithm returns the one algorithm of a curve (RFC 7518 §3.4), "" if none.
func curveAlgorithm(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return ES256
	case elliptic.P384():
		return ES384
	case elliptic.P521():
		return ES512
	}
	return ""
}
