package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what a token says, for [Mint] and [Inspect]. A zero Time is a claim
// that is not there. Times are kept in whole seconds.
type Claims struct {
	Subject   string
	ID        string // jti; distinguishes tokens in logs
	Audience  []string
	IssuedAt  time.Time
	NotBefore time.Time
	Expires   time.Time // exp itself, without leeway; required
	Actions   []Action
	Streams   []string
}

// Wire names of the claims.
const (
	claimSubject   = "sub"
	claimID        = "jti"
	claimAudience  = "aud"
	claimIssuedAt  = "iat"
	claimNotBefore = "nbf"
	claimExpires   = "exp"
	claimActions   = "actions"
	claimStreams   = "streams"
)

// UnmarshalJSON reads a claims set strictly: names match exactly, times are
// numbers, lists are lists of strings and bounded. Unknown claims are ignored.
func (c *Claims) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	var err error
	read := func(name string, into any) {
		if raw, ok := m[name]; ok && err == nil {
			err = readClaim(name, raw, into)
		}
	}
	*c = Claims{}
	read(claimSubject, &c.Subject)
	read(claimID, &c.ID)
	read(claimAudience, &c.Audience)
	read(claimIssuedAt, &c.IssuedAt)
	read(claimNotBefore, &c.NotBefore)
	read(claimExpires, &c.Expires)
	read(claimActions, &c.Actions)
	read(claimStreams, &c.Streams)
	return err
}

// readClaim reads one claim into a *string, *time.Time, *[]string or *[]Action.
func readClaim(name string, raw json.RawMessage, into any) (err error) {
	switch into := into.(type) {
	case *string:
		*into, err = readText(raw)
	case *time.Time:
		*into, err = readTime(raw)
	case *[]Action:
		*into, err = readList[Action](raw, maxActions)
	case *[]string:
		*into, err = readList[string](raw, maxGlobs)
		if name == claimAudience && err != nil { // RFC 7519 §4.1.3: one string will do
			var one string
			one, err = readText(raw)
			*into = []string{one}
		}
	default:
		panic(fmt.Sprintf("auth: no reader for a claim of type %T", into))
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", name, err)
	}
	return nil
}

func readText(raw json.RawMessage) (string, error) {
	var s *string // null is not a text
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if s == nil || len(*s) > maxTextBytes {
		return "", errBound
	}
	return *s, nil
}

// readTime reads a NumericDate: seconds since 1970, a number and not a string,
// fractions allowed (RFC 7519 §2).
func readTime(raw json.RawMessage) (time.Time, error) {
	var seconds *float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return time.Time{}, err
	}
	if seconds == nil || *seconds < 0 || *seconds > maxClaimSeconds {
		return time.Time{}, errBound
	}
	whole, fraction := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
}

func readList[T ~string](raw json.RawMessage, limit int) ([]T, error) {
	var items []*T // null is not a text
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, err
	}
	if items == nil || len(items) > limit {
		return nil, errBound
	}
	list := make([]T, len(items))
	for i, item := range items {
		if item == nil || len(*item) > maxTextBytes {
			return nil, errBound
		}
		list[i] = *item
	}
	return list, nil
}

// errBound refuses a null, a number or a list beyond its limit.
var errBound = errors.New("out of bounds")

// MarshalJSON writes the claims that are there.
func (c Claims) MarshalJSON() ([]byte, error) {
	m := map[string]any{}
	for name, text := range map[string]string{claimSubject: c.Subject, claimID: c.ID} {
		if text != "" {
			m[name] = text
		}
	}
	for name, t := range map[string]time.Time{claimIssuedAt: c.IssuedAt, claimNotBefore: c.NotBefore, claimExpires: c.Expires} {
		if !t.IsZero() {
			m[name] = t.Unix()
		}
	}
	switch len(c.Audience) {
	case 0:
	case 1: // RFC 7519 §4.1.3, and tokens stay short
		m[claimAudience] = c.Audience[0]
	default:
		m[claimAudience] = c.Audience
	}
	if len(c.Actions) > 0 {
		m[claimActions] = c.Actions
	}
	if len(c.Streams) > 0 {
		m[claimStreams] = c.Streams
	}
	return json.Marshal(m)
}

// wireClaims are Claims as the JWT library wants to see them.
type wireClaims struct{ Claims }

func (c *wireClaims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.Expires), nil }
func (c *wireClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return date(c.IssuedAt), nil }
func (c *wireClaims) GetNotBefore() (*jwt.NumericDate, error)      { return date(c.NotBefore), nil }
func (c *wireClaims) GetIssuer() (string, error)                   { return "", nil }
func (c *wireClaims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *wireClaims) GetAudience() (jwt.ClaimStrings, error)       { return c.Audience, nil }

// date returns nil for the zero Time: the claim is not there.
func date(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return &jwt.NumericDate{Time: t}
}
