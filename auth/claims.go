package auth

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what a token says, for [Signer.Mint] and [Inspect]. A zero field is a claim
// that is not there. Times are kept in whole seconds when written.
type Claims struct {
	Issuer    string
	Subject   string
	ID        string // jti; distinguishes tokens in logs
	Audience  []string
	IssuedAt  time.Time
	NotBefore time.Time
	Expires   time.Time // exp itself, without leeway; required
	Actions   []Action
	Streams   []string

	MaxSession time.Duration // see [Grant]; in whole seconds on the wire
	Limits     Limits
	Origins    []string       // nil: any; empty: none
	Prefixes   []netip.Prefix // ip; nil: any; empty: none
}

// Limits are what a token bounds. A zero field is no bound.
type Limits struct {
	Bitrate     int64    // bits per second of a session
	Width       int      // of the picture, in pixels
	Height      int      // of the picture, in pixels
	Kinds       []string // "audio", "video"; nil: both
	Layers      int      // encodings a publisher may send
	Subscribers int      // of a stream; "viewers" on the wire
	Sessions    int      // at a time, of the token
}

// Wire names of the claims.
const (
	claimIssuer     = "iss"
	claimSubject    = "sub"
	claimID         = "jti"
	claimAudience   = "aud"
	claimIssuedAt   = "iat"
	claimNotBefore  = "nbf"
	claimExpires    = "exp"
	claimActions    = "actions"
	claimScope      = "scope"
	claimStreams    = "streams"
	claimMaxSession = "max_session"
	claimLimits     = "limits"
	claimOrigins    = "origins"
	claimPrefixes   = "ip"
)

// Wire names of the limits.
const (
	limitBitrate     = "bitrate"
	limitWidth       = "width"
	limitHeight      = "height"
	limitKinds       = "kinds"
	limitLayers      = "layers"
	limitSubscribers = "viewers"
	limitSessions    = "sessions"
)

// Kinds returns the kinds of media that a token's limits may name.
func Kinds() []string { return []string{"audio", "video"} }

// MarshalJSON writes the claims that are there.
func (c Claims) MarshalJSON() ([]byte, error) {
	m := map[string]any{}
	for name, text := range map[string]string{claimIssuer: c.Issuer, claimSubject: c.Subject, claimID: c.ID} {
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
	c.marshalBounds(m)
	return json.Marshal(m)
}

// marshalBounds writes the claims that make a token allow less. An empty list is
// written: it allows nobody, and none would allow everybody.
func (c Claims) marshalBounds(m map[string]any) {
	if c.MaxSession != 0 {
		m[claimMaxSession] = int64(c.MaxSession / time.Second)
	}
	if c.Origins != nil {
		m[claimOrigins] = c.Origins
	}
	if c.Prefixes != nil {
		m[claimPrefixes] = c.Prefixes
	}
	limits := map[string]any{}
	for name, n := range c.Limits.numbers() {
		if *n != 0 {
			limits[name] = *n
		}
	}
	if c.Limits.Bitrate != 0 {
		limits[limitBitrate] = c.Limits.Bitrate
	}
	if c.Limits.Kinds != nil {
		limits[limitKinds] = c.Limits.Kinds
	}
	if len(limits) > 0 {
		m[claimLimits] = limits
	}
}

// numbers returns the counts and sizes by their wire names.
func (l *Limits) numbers() map[string]*int {
	return map[string]*int{
		limitWidth: &l.Width, limitHeight: &l.Height, limitLayers: &l.Layers,
		limitSubscribers: &l.Subscribers, limitSessions: &l.Sessions,
	}
}

// wireClaims are Claims as the JWT library wants to see them.
type wireClaims struct{ Claims }

func (c *wireClaims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.Expires), nil }
func (c *wireClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return date(c.IssuedAt), nil }
func (c *wireClaims) GetNotBefore() (*jwt.NumericDate, error)      { return date(c.NotBefore), nil }
func (c *wireClaims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *wireClaims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *wireClaims) GetAudience() (jwt.ClaimStrings, error)       { return c.Audience, nil }

// date returns nil for the zero Time: the claim is not there.
func date(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return &jwt.NumericDate{Time: t}
}
