package auth

import "errors"

// What Verify returns. HTTP maps them to 401 without an error code and 401
// invalid_token (RFC 6750 §3.1). Neither can be helped by a retry with the same token.
var (
	ErrMissing = errors.New("no token")               // nothing was presented
	ErrInvalid = errors.New("the token is not valid") // malformed, forged, expired, for someone else
)

// ErrWeakSecret refuses an HS256 secret shorter than [MinSecretBytes].
var ErrWeakSecret = errors.New("the secret must have at least 32 bytes; make one with: openssl rand -hex 32")

// An Error is [ErrInvalid] with its reason.
type Error struct {
	reason string
	lacks  bool   // no key of the token's kid is known
	issuer string // iss of such a token
}

func invalid(reason string) error { return &Error{reason: reason} }

// Error returns the reason. It is safe to send to the bearer: it holds nothing of
// the token and does not tell an unknown key from a wrong signature.
func (e *Error) Error() string { return e.reason }

// Unwrap returns ErrInvalid.
func (e *Error) Unwrap() error { return ErrInvalid }

// Lacks reports whether the token names a key that the verifier does not have, and the
// issuer that the token, not to be believed, says it is from. It is for whoever can look
// for newer keys; the bearer must not learn it.
func (e *Error) Lacks() (issuer string, lacks bool) { return e.issuer, e.lacks }

// Reasons that are sent to the bearer, as few and as fixed as possible.
const (
	reasonMalformed = "malformed"
	reasonSignature = "unknown key or wrong signature"
	reasonExpired   = "expired"
	reasonEarly     = "not valid yet"
	reasonNoClaim   = "exp or aud is missing"
	reasonLife      = "exp is too far in the future"
	reasonAudience  = "made for another audience"
	reasonType      = "of another type"
)
