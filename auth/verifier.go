package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Options configure a [Verifier].
type Options struct {
	// Audience is what a token's aud must be or contain. It is required, so that a
	// token made for another service under the same key does not work here.
	Audience string

	// Type is what a token's typ must be, letter case aside (RFC 8725 §3.11). "": typ
	// is not looked at.
	Type string

	// Keys are the keys in use, of all issuers. No two of one issuer and algorithm
	// have the same ID.
	Keys []Key

	// Issuers have keys of their own even while Keys holds none of them: keys without
	// an issuer do not check their tokens.
	Issuers []string
}

// A Verifier checks tokens. It is immutable and safe for concurrent use. The zero Verifier
// has no keys and refuses every token.
type Verifier struct {
	audience   string
	typ        string
	algorithms []string         // those of keys, never the token's choice
	issuers    map[string][]Key // by Issuer
}

// NewVerifier returns a verifier for the keys. It returns an error that is
// [ErrWeakSecret] for a short secret, and others for no key, too many keys, a weak or
// broken key, two keys that a token could mean by one kid, or no audience: mistakes of
// the configuration.
func NewVerifier(o Options) (*Verifier, error) {
	if o.Audience == "" {
		return nil, errors.New("auth: an audience is required")
	}
	if len(o.Keys) == 0 || len(o.Keys) > maxKeys {
		return nil, fmt.Errorf("auth: %d keys; 1 to %d are possible", len(o.Keys), maxKeys)
	}
	v := &Verifier{audience: o.Audience, typ: o.Type, issuers: map[string][]Key{}}
	for _, issuer := range o.Issuers {
		v.issuers[issuer] = nil
	}
	for _, k := range o.Keys {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("auth: key %q: %w", k.ID, err)
		}
		v.issuers[k.Issuer] = append(v.issuers[k.Issuer], k)
		for _, algorithm := range k.algorithms() {
			if !slices.Contains(v.algorithms, algorithm) {
				v.algorithms = append(v.algorithms, algorithm)
			}
		}
	}
	if err := checkAmbiguous(o.Keys); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return v, nil
}

// checkAmbiguous refuses keys of which one kid means several, and too many without one.
func checkAmbiguous(keys []Key) error {
	type name struct{ issuer, id, algorithm string }
	seen := map[name]bool{}
	perAlgorithm := map[name]int{}
	for _, k := range keys {
		for _, algorithm := range k.algorithms() {
			n := name{issuer: k.Issuer, id: k.ID, algorithm: algorithm}
			if k.ID != "" && seen[n] {
				return fmt.Errorf("two keys have the kid %q", k.ID)
			}
			seen[n] = true
			n.id = ""
			if perAlgorithm[n]++; perAlgorithm[n] > maxTried {
				return fmt.Errorf("more than %d keys of one issuer for %s", maxTried, algorithm)
			}
		}
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
		lacks := errors.Is(err, errUnknown)
		e := &Error{reason: reasonOf(err), lacks: lacks}
		if lacks {
			e.issuer = c.Issuer
		}
		return Grant{}, e
	}
	if c.Expires.Sub(now) > MaxLife {
		return Grant{}, invalid(reasonLife)
	}
	return c.Grant(), nil
}

// Grant returns what the claims allow; somebody must have vouched for them. Without an end
// the grant has none.
func (c Claims) Grant() Grant {
	g := Grant{
		Issuer: c.Issuer, Subject: c.Subject, ID: c.ID, Actions: c.Actions, Streams: c.Streams,
		Issued: c.IssuedAt, MaxSession: c.MaxSession,
		Limits: c.Limits, Origins: c.Origins, Prefixes: c.Prefixes,
	}
	if !c.Expires.IsZero() {
		g.Expires = c.Expires.Add(Leeway)
	}
	return g
}

func (v *Verifier) parser(now time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithAudience(v.audience),
		jwt.WithLeeway(Leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
}

// What pick refuses a token for before any key is believed.
var (
	errHeader  = errors.New("unsupported header")
	errType    = errors.New("unsupported type")
	errUnknown = errors.New("no key of that kid and algorithm")
	errMethod  = errors.New("unsupported algorithm")
)

// pick returns the keys a token may be signed with: those of its issuer, its algorithm
// and its kid; without a kid all of its issuer and algorithm. jku, jwk, x5u and x5c are
// not looked at (RFC 8725 §3.10). crit would demand an extension and we know none (RFC
// 7515 §4.1.11); zip is for encrypted tokens.
func (v *Verifier) pick(t *jwt.Token) (any, error) {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, ok := t.Header[name]; ok {
			return nil, errHeader
		}
	}
	if !slices.Contains(algorithms(), t.Method.Alg()) {
		return nil, errMethod
	}
	id, ok := t.Header["kid"].(string)
	if !ok && t.Header["kid"] != nil {
		return nil, errHeader
	}
	if !v.typed(t.Header["typ"]) {
		return nil, errType
	}
	set := v.matching(t, id)
	if len(set.Keys) == 0 {
		v.pretend(t)
		return nil, errUnknown
	}
	return set, nil
}

// typed tells whether a token's typ will do (RFC 8725 §3.11). "application/" in front is
// the same type (RFC 7515 §4.1.9).
func (v *Verifier) typed(typ any) bool {
	if v.typ == "" {
		return true
	}
	s, ok := typ.(string)
	bare := func(s string) string { return strings.TrimPrefix(strings.ToLower(s), "application/") }
	return ok && bare(s) == bare(v.typ)
}

func (v *Verifier) matching(t *jwt.Token, id string) (set jwt.VerificationKeySet) {
	for _, k := range v.keysOf(t) {
		// RFC 8725 §3.1: the key names the algorithm
		if (id == "" || k.ID == id) && slices.Contains(k.algorithms(), t.Method.Alg()) {
			set.Keys = append(set.Keys, k.material())
		}
	}
	return set
}

// keysOf returns the keys of the token's issuer (RFC 8725 §3.8).
func (v *Verifier) keysOf(t *jwt.Token) []Key {
	issuer := ""
	if c, ok := t.Claims.(*wireClaims); ok {
		issuer = c.Issuer
	}
	if keys, ok := v.issuers[issuer]; ok {
		return keys
	}
	return v.issuers[""]
}

// pretend spends what checking a signature costs, so that the time of an answer does not
// tell which kids there are. Its result is of no interest.
func (v *Verifier) pretend(t *jwt.Token) {
	if !slices.Contains(v.algorithms, t.Method.Alg()) {
		return
	}
	text := t.Raw[:strings.LastIndexByte(t.Raw, '.')]
	for _, keys := range v.issuers {
		for _, k := range keys {
			if slices.Contains(k.algorithms(), t.Method.Alg()) {
				_ = t.Method.Verify(text, t.Signature, k.material())
				return
			}
		}
	}
}

// reasonOf turns the library's error into a fixed text: its own may quote claims.
func reasonOf(err error) string {
	for _, known := range []struct {
		err    error
		reason string
	}{
		{errHeader, reasonMalformed},
		{errType, reasonType},
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
