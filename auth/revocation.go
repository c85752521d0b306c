package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Revocation takes back what tokens allow, before they end. It is about the tokens, or
// their use, that fit all of Issuer, ID, Subject and Stream that are set.
type Revocation struct {
	Issuer  string // iss; "": any, also none. Not enough alone
	ID      string // jti; "": any, also none
	Subject string // sub; "": any, also none
	Stream  string // its name; "": every use of the token, also for the node's own API

	// Before spares tokens made at that time or later, so that a subject can be given a
	// new one. iat has whole seconds: a token made in the same second is not spared, nor
	// is one without iat. Zero: no token is spared.
	Before time.Time
	// Until is when the revocation is forgotten. Zero: when every token has ended that
	// there can be now.
	Until time.Time
}

// Check returns the revocation as it holds from now on: with Until set, and not later
// than it can matter. It refuses one that names neither a token, a subject nor a stream,
// and one that is over.
func (r Revocation) Check(now time.Time) (Revocation, error) {
	last := now.Add(MaxLife + Leeway)
	if r.Until.IsZero() || r.Until.After(last) {
		r.Until = last
	}
	switch {
	case r.ID == "" && r.Subject == "" && r.Stream == "":
		return Revocation{}, errors.New("a revocation names a token (jti), a subject (sub) or a stream")
	case max(len(r.Issuer), len(r.ID), len(r.Subject)) > maxTextBytes:
		return Revocation{}, fmt.Errorf("issuer, subject and id have at most %d bytes", maxTextBytes)
	case r.Stream != "" && (!validGlob(r.Stream) || strings.Contains(r.Stream, "*")):
		return Revocation{}, fmt.Errorf("%q is no name of a stream", r.Stream)
	case !r.Until.After(now):
		return Revocation{}, errors.New("the revocation is over already")
	}
	return r, nil
}

// Covers tells whether the revocation is about the grant's use for the stream at the
// time now; stream is "" for a use that is about none.
func (r Revocation) Covers(g Grant, stream string, now time.Time) bool {
	fits := func(want, got string) bool { return want == "" || want == got }
	return fits(r.Issuer, g.Issuer) && fits(r.ID, g.ID) && fits(r.Subject, g.Subject) && fits(r.Stream, stream) &&
		!r.spares(g) && now.Before(r.Until)
}

// spares tells whether the grant's token was made late enough.
func (r Revocation) spares(g Grant) bool {
	return !r.Before.IsZero() && !g.Issued.IsZero() && !g.Issued.Before(r.Before)
}
