package auth

import "errors"

// The error family of this package. HTTP maps them to 401 without an error code,
// 401 invalid_token and 403 insufficient_scope (RFC 6750 §3.1). None can be
// helped by a retry with the same token.
var (
	ErrMissing = errors.New("no token")                      // nothing was presented
	ErrInvalid = errors.New("the token is not valid")        // malformed, forged, expired, for someone else
	ErrScope   = errors.New("the token does not allow this") // valid, but lacks the right
)

// ErrWeakSecret refuses an HS256 secret shorter than [MinSecretBytes].
var ErrWeakSecret = errors.New("the secret must have at least 32 bytes; make one with: openssl rand -hex 32")

// An Error is one of the family above with its reason. Unwrap yields the family.
type Error struct {
	kind   error
	reason string
}

func invalid(reason string) error { return &Error{kind: ErrInvalid, reason: reason} }

// Error returns the reason. It is safe to send to the bearer: it holds nothing of
// the token and does not tell an unknown key from a wrong signature.
func (e *Error) Error() string { return e.reason }

// Unwrap returns ErrInvalid or ErrScope.
func (e *Error) Unwrap() error { return e.kind }

// Reasons that are sent to the bearer, as few and as fixed as possible.
const (
	reasonMalformed = "malformed"
	reasonSignature = "unknown key or wrong signature"
	reasonExpired   = "expired"
	reasonEarly     = "not valid yet"
	reasonNoClaim   = "exp or aud is missing"
	reasonLife      = "exp is too far in the future"
	reasonAudience  = "made for another audience"
)
