package auth

import (
	"errors"
	"net/netip"
)

// A Request is one use of a token, about which somebody else than a [Verifier] decides.
type Request struct {
	Action  Action
	Stream  string
	Token   string     // as it came; "" if there is none. Not to be logged
	Address netip.Addr // of the client; the zero Addr if nobody knows it
}

// What is decided about a [Request]. Other errors say that nobody could decide.
var (
	ErrRefused   error = &Error{reason: "refused"}                   // an ErrInvalid: the token is nobody's
	ErrForbidden       = errors.New("the token does not allow that") // somebody's, but not good for this
)
