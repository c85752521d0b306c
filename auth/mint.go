package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Mint makes an HS256 token; see [Signer.Mint].
func Mint(secret []byte, c Claims) (string, error) {
	return Signer{Algorithm: HS256, Secret: secret}.Mint(c)
}

func (c Claims) check() error {
	switch {
	case c.Expires.IsZero():
		return errors.New("a token needs an end")
	case !c.IssuedAt.IsZero() && c.Expires.Sub(c.IssuedAt) > MaxLife:
		return fmt.Errorf("a token lives at most %d days", MaxLife/(24*time.Hour))
	case !c.IssuedAt.IsZero() && !c.Expires.After(c.IssuedAt):
		return errors.New("a token must end after it begins")
	case len(c.Audience) == 0:
		return errors.New("a token needs an audience")
	case max(len(c.Issuer), len(c.Subject), len(c.ID)) > maxTextBytes:
		return fmt.Errorf("issuer, subject and id have at most %d bytes", maxTextBytes)
	case len(c.Streams) > maxGlobs:
		return fmt.Errorf("a token names at most %d streams", maxGlobs)
	}
	if err := c.checkBounds(); err != nil {
		return err
	}
	return c.checkRights()
}

func (c Claims) checkBounds() error {
	if c.MaxSession != 0 && (c.MaxSession < time.Second || c.MaxSession > MaxLife) {
		return fmt.Errorf("a session lasts from a second to %d days", MaxLife/(24*time.Hour))
	}
	if len(c.Origins) > maxGlobs || len(c.Prefixes) > maxGlobs {
		return fmt.Errorf("a token names at most %d origins and as many networks", maxGlobs)
	}
	if _, err := canonOrigins(c.Origins); err != nil {
		return err
	}
	for _, p := range c.Prefixes {
		if !p.IsValid() {
			return errors.New("a network is broken")
		}
	}
	return c.Limits.check()
}

func (c Claims) checkRights() error {
	if len(c.Actions) == 0 {
		return errors.New("a token needs an action")
	}
	for _, a := range c.Actions {
		if !slices.Contains(Actions(), a) {
			return fmt.Errorf("unknown action %q; there are %v", a, Actions())
		}
		if a.perStream() && len(c.Streams) == 0 {
			return fmt.Errorf("action %q needs streams", a)
		}
	}
	for _, glob := range c.Streams {
		if !validGlob(glob) {
			return fmt.Errorf("%q is no stream pattern: letters, digits, . _ - and *", glob)
		}
	}
	return nil
}

// Inspect reads the claims of a token without checking its signature or times. It
// is for showing a token to its owner, never for a decision.
func Inspect(token string) (Claims, error) {
	if len(token) > MaxTokenBytes {
		return Claims{}, invalid(reasonMalformed)
	}
	var c wireClaims
	if _, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, &c); err != nil {
		return Claims{}, invalid(reasonMalformed)
	}
	return c.Claims, nil
}
