package signaling

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A Verifier tells what a token allows at a point of time. [auth.Verifier] is one.
type Verifier interface {
	Verify(token string, now time.Time) (auth.Grant, error)
}

// What WWW-Authenticate says (RFC 6750 §3).
const (
	challenge    = `Bearer realm="whippet"`
	insufficient = `, error="insufficient_scope"`
)

// A tokenHash recognises a token without keeping it. The zero hash is of no token.
type tokenHash [sha256.Size]byte

// A caller is who a request comes from.
type caller struct {
	grant auth.Grant
	token tokenHash // zero if none was needed
	from  netip.Addr
}

// owner names the caller for the rule that a publisher may replace itself: the subject
// of its token, among those of its issuer, or the token if it has no subject. "" is nobody: on an open node
// everyone would be the same.
func (c caller) owner() string {
	switch {
	case c.token == tokenHash{}:
		return ""
	case c.grant.Subject != "":
		return "sub:" + c.grant.Issuer + "\x00" + c.grant.Subject
	}
	return "token:" + string(c.token[:])
}

// bearer takes the token out of the Authorization header (RFC 6750 §2.1). It returns ""
// for a header that is absent, empty or of another scheme, and a Problem for more than
// one. White space around the token is forgiven, since people paste it. With bare a
// header without any scheme is the token itself.
func bearer(h http.Header, bare bool) (string, error) {
	values := h.Values("Authorization")
	if len(values) > 1 {
		return "", NewProblem(http.StatusBadRequest, "invalid-request", "Send one Authorization header.").
			with("WWW-Authenticate", challenge+`, error="invalid_request"`)
	}
	if len(values) == 0 {
		return "", nil
	}
	value := strings.Trim(values[0], " \t\r\n")
	scheme, token, spaced := strings.Cut(value, " ")
	if !spaced && bare && !strings.EqualFold(scheme, "bearer") {
		return value, nil
	}
	if !spaced || !strings.EqualFold(scheme, "bearer") {
		return "", nil
	}
	return strings.Trim(token, " \t\r\n"), nil
}

// token takes the token out of a request: the header's, or where that is allowed the one
// in its URL (RFC 6750 §2.3). Two of them are a Problem (§2), none is "".
func (s *Service) token(r *http.Request) (string, error) {
	inURL := s.queryTokens(r)
	if len(inURL) == 0 {
		return bearer(r.Header, s.bareToken)
	}
	if len(inURL) > 1 || len(r.Header.Values("Authorization")) > 0 {
		return "", NewProblem(http.StatusBadRequest, "invalid-request", "Send one token, in the header or in the URL.").
			with("WWW-Authenticate", challenge+`, error="invalid_request"`)
	}
	return strings.Trim(inURL[0], " \t\r\n"), nil
}

// queryTokens returns the tokens in the URL, if they count.
func (s *Service) queryTokens(r *http.Request) []string {
	if !s.queryToken || r.URL.RawQuery == "" {
		return nil
	}
	q := r.URL.Query()
	return append(q["access_token"], q["token"]...)
}

// presents tells whether the request has something that may be a token.
func (s *Service) presents(r *http.Request) bool {
	return len(r.Header.Values("Authorization")) > 0 || len(s.queryTokens(r)) > 0
}

// Grant returns what the sender of a request may do: on an open node publish and play
// everything, else what its bearer token says. An error is a *Problem with a challenge.
// For handlers outside of sessions; see also [Forbidden].
func (s *Service) Grant(r *http.Request) (auth.Grant, error) {
	c, err := s.authenticate(r, use{})
	return c.grant, err
}

// Operator returns what the sender of a request may do with the node itself: what its
// bearer token says, also on an open node. An error is a *Problem with a challenge.
func (s *Service) Operator(r *http.Request) (auth.Grant, error) {
	token, err := bearer(r.Header, s.bareToken)
	if err != nil {
		return auth.Grant{}, err
	}
	if token == "" || s.verifier == nil {
		return auth.Grant{}, unauthorized()
	}
	c, err := s.verify(r, token, use{})
	return c.grant, err
}

// authenticate finds out who sends the request. On an open node everyone may publish
// and play, and the header is not looked at.
func (s *Service) authenticate(r *http.Request, u use) (caller, error) {
	if s.open {
		return caller{grant: auth.Anyone(), from: s.bases.client(r)}, nil
	}
	token, err := s.token(r)
	if err != nil {
		return caller{}, err
	}
	return s.verify(r, token, u)
}

// verify checks a token, and that it may be used where the request comes from.
func (s *Service) verify(r *http.Request, token string, u use) (caller, error) {
	from := s.bases.client(r)
	grant, err := s.decide(r, token, from, u)
	if err != nil {
		return caller{}, err
	}
	if !grant.AllowsOrigin(r.Header.Get("Origin")) {
		return caller{}, NewProblem(http.StatusForbidden, "origin-not-allowed", "The token is not for pages of this origin.").
			with("WWW-Authenticate", challenge+insufficient)
	}
	if err := usableFrom(grant, from); err != nil {
		return caller{}, err
	}
	c := caller{grant: grant, from: from}
	if token != "" {
		c.token = sha256.Sum256([]byte(token))
	}
	return c, nil
}

// authorizeSession checks the right to use a session's URL. The URL is a capability, so
// a request without a header may (unless Config.RequireBearer), but a header that is
// there must hold: a token the session belongs to, even after it expired or was revoked,
// or a valid one of the same issuer and subject with the session's right. sess is nil if
// the URL leads nowhere. The caller is the zero one but for a token that was verified.
func (s *Service) authorizeSession(r *http.Request, k Kind, stream string, sess *Session) (caller, error) {
	if s.open {
		return caller{}, nil
	}
	if !s.presents(r) && !s.requireBearer {
		return caller{}, nil
	}
	token, err := s.token(r)
	if err != nil {
		return caller{}, err
	}
	if sess != nil && token != "" && len(token) <= maxTokenBytes && sess.madeBy(sha256.Sum256([]byte(token))) {
		return caller{}, nil
	}
	c, err := s.verify(r, token, use{k.Action(), stream})
	if err != nil {
		return caller{}, err
	}
	if !c.grant.Allows(k.Action(), stream) || sess != nil && !sess.sameSubject(c.grant) {
		return caller{}, Forbidden(k.Action())
	}
	return c, s.notRevoked(c, k.Action(), stream)
}

func unauthorized() *Problem {
	return NewProblem(http.StatusUnauthorized, "token-required",
		"Send a token in the Authorization header: Bearer <token>.").with("WWW-Authenticate", challenge)
}

func invalidToken(reason string) *Problem {
	return NewProblem(http.StatusUnauthorized, "token-invalid", "The token cannot be used: "+reason+".").
		with("WWW-Authenticate", challenge+`, error="invalid_token", error_description="`+reason+`"`)
}

// beyondLimits returns the 403 for an offer of more than the token's limits allow.
func beyondLimits(detail string) *Problem {
	return NewProblem(http.StatusForbidden, "beyond-limits", detail).with("WWW-Authenticate", challenge+insufficient)
}

// Forbidden returns the 403 for a valid token that lacks the action (RFC 6750 §3.1).
func Forbidden(a auth.Action) *Problem {
	return NewProblem(http.StatusForbidden, "not-allowed", "The token does not allow "+string(a)+" here.").
		with("WWW-Authenticate", challenge+insufficient+`, scope="`+string(a)+`"`)
}
