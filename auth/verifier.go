package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// HS256 is HMAC with SHA-256 (RFC 7518 §3.2): one secret makes and checks tokens.
const HS256 = "HS256"

// A Key checks signatures of one algorithm and no other (RFC 8725 §3.1).
type Key struct {
	// ID is what a token's kid must be, exactly; "" is the key of tokens without
	// a kid.
	ID string

	Algorithm string // HS256
	Secret    []byte // at least MinSecretBytes; kept, must not change
}

// Options configure a [Verifier].
type Options struct {
	// Audience is what a token's aud must be or contain. It is required, so that a
	// token made for another service under the same secret does not work here.
	Audience string

	// Keys are the keys in use; several may share an ID while one is replaced.
	Keys []Key
}

// A Verifier checks tokens. It is immutable and safe for concurrent use.
type Verifier struct {
	audience   string
	algorithms []string         // those of keys, never the token's choice
	keys       map[string][]Key // by ID
}

// NewVerifier returns a verifier for the keys. It returns an error that is
// [ErrWeakSecret] for a short secret, and others for no key, too many keys, an
// unknown algorithm or no audience: mistakes of the configuration.
func NewVerifier(o Options) (*Verifier, error) {
	if o.Audience == "" {
		return nil, errors.New("auth: an audience is required")
	}
	if len(o.Keys) == 0 || len(o.Keys) > maxKeys {
		return nil, fmt.Errorf("auth: %d keys; 1 to %d are possible", len(o.Keys), maxKeys)
	}
	v := &Verifier{audience: o.Audience, keys: map[string][]Key{}}
	for _, k := range o.Keys {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("auth: key %q: %w", k.ID, err)
		}
		v.keys[k.ID] = append(v.keys[k.ID], k)
		if !slices.Contains(v.algorithms, k.Algorithm) {
			v.algorithms = append(v.algorithms, k.Algorithm)
		}
	}
	return v, nil
}

func (k Key) check() error {
	if k.Algorithm != HS256 {
		return fmt.Errorf("algorithm %q is not supported", k.Algorithm)
	}
	if len(k.Secret) < MinSecretBytes {
		return ErrWeakSecret
	}
	return nil
}

// Verify checks a token at the time now and returns what it allows. The token is
// the compact form as it stands after "Bearer"; ASCII white space around it is
// ignored, since people paste it. The error is [ErrMissing] for "", else an
// [*Error] that is [ErrInvalid].
func (v *Verifier) Verify(token string, now time.Time) (Grant, error) {
	token = strings.Trim(token, " \t\r\n")
	if token == "" {
		return Grant{}, ErrMissing
	}
	if len(token) > MaxTokenBytes {
		return Grant{}, invalid(reasonMalformed)
	}
	var c wireClaims
	if _, err := v.parser(now).ParseWithClaims(token, &c, v.pick); err != nil {
		return Grant{}, invalid(reasonOf(err))
	}
	if c.Expires.Sub(now) > MaxLife {
		return Grant{}, invalid(reasonLife)
	}
	return Grant{
		Subject: c.Subject, ID: c.ID, Actions: c.Actions, Streams: c.Streams,
		Expires: c.Expires.Add(Leeway),
	}, nil
}

func (v *Verifier) parser(now time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods(v.algorithms),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithAudience(v.audience),
		jwt.WithLeeway(Leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
}

// errHeader refuses a header before any key is tried.
var errHeader = errors.New("unsupported header")

// pick returns the keys a token may be signed with. jku, jwk, x5u and x5c are not
// looked at (RFC 8725 §3.10). crit would demand an extension and we know none (RFC
// 7515 §4.1.11); zip is for encrypted tokens.
func (v *Verifier) pick(t *jwt.Token) (any, error) {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, ok := t.Header[name]; ok {
			return nil, errHeader
		}
	}
	id, ok := t.Header["kid"].(string)
	if !ok && t.Header["kid"] != nil {
		return nil, errHeader
	}
	var set jwt.VerificationKeySet
	for _, k := range v.keys[id] {
		if k.Algorithm == t.Method.Alg() { // RFC 8725 §3.1: the key names the algorithm
			set.Keys = append(set.Keys, k.Secret)
		}
	}
	return set, nil
}

// reasonOf turns the library's error into a fixed text: its own may quote claims.
func reasonOf(err error) string {
	for _, known := range []struct {
		err    error
		reason string
	}{
		{errHeader, reasonMalformed},
		{jwt.ErrTokenMalformed, reasonMalformed},
		{jwt.ErrTokenSignatureInvalid, reasonSignature},
		{jwt.ErrTokenUnverifiable, reasonSignature},
		{jwt.ErrTokenRequiredClaimMissing, reasonNoClaim},
		{jwt.ErrTokenExpired, reasonExpired},
		{jwt.ErrTokenNotValidYet, reasonEarly},
		{jwt.ErrTokenUsedBeforeIssued, reasonEarly},
		{jwt.ErrTokenInvalidAudience, reasonAudience},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return reasonMalformed
}
