package signaling

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// An Authoriser decides about tokens that the Verifier does not know, one use at a time,
// and about requests without any. Its error is [auth.ErrRefused], [auth.ErrForbidden], or
// another if it cannot decide, which refuses too.
type Authoriser interface {
	Authorise(ctx context.Context, q auth.Request) (auth.Grant, error)
}

// A use is what a token is shown for. Without a stream it is none that an Authoriser
// decides about.
type use struct {
	action auth.Action
	stream string
}

// decide finds out what a token allows, "" being none.
func (s *Service) decide(r *http.Request, token string, from netip.Addr, u use) (auth.Grant, error) {
	if len(token) > maxTokenBytes {
		return auth.Grant{}, invalidToken("too long")
	}
	now := time.Now()
	if token != "" {
		if err := s.visitors.guess(from, now); err != nil {
			return auth.Grant{}, err
		}
	}
	grant, err := s.verifier.Verify(token, now)
	if err != nil && s.authoriser != nil && u.stream != "" {
		grant, err = s.ask(r.Context(), auth.Request{Action: u.action, Stream: u.stream, Token: token, Address: from})
	}
	if err == nil && s.revocations.covers(grant, "", now) {
		err = errRevoked
	}
	return grant, s.refusal(err, token, from, u)
}

// ask asks the Authoriser, and logs when it cannot decide any more and when it can again.
func (s *Service) ask(ctx context.Context, q auth.Request) (auth.Grant, error) {
	grant, err := s.authoriser.Authorise(ctx, q)
	switch decided := err == nil || refuses(err); {
	case !decided && ctx.Err() == nil && !s.undecided.Swap(true):
		s.log.Warn("authoriser", "event", "unavailable", "error", err)
	case decided && s.undecided.Swap(false):
		s.log.Info("authoriser", "event", "available")
	}
	return grant, err
}

// refuses tells whether an error is a decision.
func refuses(err error) bool {
	for _, decision := range []error{auth.ErrInvalid, auth.ErrMissing, auth.ErrForbidden, errRevoked} {
		if errors.Is(err, decision) {
			return true
		}
	}
	return false
}

// errRevoked is of a token that was good.
var errRevoked = errors.New("revoked")

// refusal turns what was decided into a Problem, and counts what might have been a guess.
func (s *Service) refusal(err error, token string, from netip.Addr, u use) error {
	switch {
	case err == nil:
		return nil
	case !refuses(err):
		return NewProblem(http.StatusServiceUnavailable, "authoriser-unavailable",
			"The service that decides about tokens does not answer. Try again.").RetryAfter(retryAuthoriser)
	}
	if token == "" {
		return unauthorized()
	}
	s.visitors.failed(from, time.Now())
	if errors.Is(err, auth.ErrForbidden) {
		return Forbidden(u.action)
	}
	return invalidToken(err.Error())
}
