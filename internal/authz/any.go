package authz

import (
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A Verifier tells what a token allows at a point of time.
type Verifier interface {
	Verify(token string, now time.Time) (auth.Grant, error)
}

// Any returns a verifier that asks several in their order, until one knows the token. The
// error is that of the last. The list must not be empty.
func Any(list ...Verifier) Verifier { return either(list) }

type either []Verifier

// Verify implements [Verifier].
func (e either) Verify(token string, now time.Time) (grant auth.Grant, err error) {
	for _, v := range e {
		if grant, err = v.Verify(token, now); err == nil {
			break
		}
	}
	return grant, err
}
