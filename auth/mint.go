package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Mint makes an HS256 token. It refuses what [Verifier.Verify] would not take or
// what could never allow anything: a short secret ([ErrWeakSecret]), no exp, no
// audience, unknown or no actions, an action about streams without a valid glob.
// The caller supplies the times and a random ID; Mint is a pure function.
func Mint(secret []byte, c Claims) (string, error) {
	if len(secret) < MinSecretBytes {
		return "", ErrWeakSecret
	}
	if err := c.check(); err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, &wireClaims{c})
	signed, err := token.SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	if len(signed) > MaxTokenBytes {
		return "", fmt.Errorf("the token has %d bytes; at most %d are possible", len(signed), MaxTokenBytes)
	}
	return signed, nil
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
	case len(c.Subject) > maxTextBytes, len(c.ID) > maxTextBytes:
		return fmt.Errorf("subject and id have at most %d bytes", maxTextBytes)
	case len(c.Streams) > maxGlobs:
		return fmt.Errorf("a token names at most %d streams", maxGlobs)
	}
	return c.checkRights()
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
