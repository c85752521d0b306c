package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Explain says in sentences why Verify refuses a token at the time now, all reasons that
// can be found; nil if it does not. The sentences quote the token and name the keys there
// are: they are for its owner and the owner of the keys, never for a stranger.
func (v *Verifier) Explain(token string, now time.Time) []string {
	token = strings.Trim(token, " \t\r\n")
	if _, err := v.Verify(token, now); err == nil {
		return nil
	}
	if len(token) > MaxTokenBytes {
		return []string{fmt.Sprintf("It has %d bytes; at most %d are possible.", len(token), MaxTokenBytes)}
	}
	if n := strings.Count(token, "."); n != 2 {
		return []string{fmt.Sprintf("A token has three parts with a dot between them; it has %d.", n+1)}
	}
	var c wireClaims
	t, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, &c)
	if err != nil && !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return []string{fmt.Sprintf("It cannot be read: %v.", err)}
	}
	return slices.Concat(v.explainHeader(t, c.Claims), v.explainKey(t, c.Claims), v.explainClaims(c.Claims, now))
}

func (v *Verifier) explainHeader(t *jwt.Token, c Claims) (list []string) {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, ok := t.Header[name]; ok {
			list = append(list, fmt.Sprintf("Its header has %q; no node takes that.", name))
		}
	}
	if kid := t.Header["kid"]; kid != nil {
		if _, ok := kid.(string); !ok {
			list = append(list, "Its kid is no text.")
		}
	}
	if !v.typed(t.Header["typ"]) {
		list = append(list, fmt.Sprintf("Its typ is %s; it must be %q.", quote(t.Header["typ"]), v.typ))
	}
	if alg, _ := t.Header["alg"].(string); !slices.Contains(algorithms(), alg) {
		list = append(list, fmt.Sprintf("Its alg is %s; possible are %s.", quote(t.Header["alg"]), strings.Join(algorithms(), ", ")))
	}
	return list
}

// quote shows a value of the header.
func quote(value any) string {
	if value == nil {
		return "missing"
	}
	return fmt.Sprintf("%.80q", fmt.Sprint(value))
}

// explainKey says why no key fits.
func (v *Verifier) explainKey(t *jwt.Token, c Claims) []string {
	alg, _ := t.Header["alg"].(string)
	if t.Method == nil || !slices.Contains(algorithms(), alg) {
		return nil
	}
	keys := v.keysOf(t)
	if len(keys) == 0 {
		return []string{fmt.Sprintf("Its iss is %.80q; there are keys for %s.", c.Issuer, v.issuerList())}
	}
	id, _ := t.Header["kid"].(string)
	named := slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return id != "" && k.ID != id })
	if len(named) == 0 {
		return []string{fmt.Sprintf("Its kid is %.80q; there are %s.", id, kidList(keys))}
	}
	fitting := slices.DeleteFunc(slices.Clone(named), func(k Key) bool { return !slices.Contains(k.algorithms(), alg) })
	if len(fitting) == 0 {
		return []string{fmt.Sprintf("Its alg is %s; the keys that could check it are for %s.", alg, algorithmList(named))}
	}
	text := t.Raw[:strings.LastIndexByte(t.Raw, '.')]
	if !slices.ContainsFunc(fitting, func(k Key) bool { return t.Method.Verify(text, t.Signature, k.material()) == nil }) {
		return []string{"Its signature is wrong: it was signed with another key, or changed afterwards."}
	}
	return nil
}

func (v *Verifier) issuerList() string {
	var list []string
	for issuer := range v.issuers {
		list = append(list, fmt.Sprintf("%q", issuer))
	}
	if len(list) == 0 {
		return "nobody"
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func kidList(keys []Key) string {
	var list []string
	for _, k := range keys {
		if k.ID != "" {
			list = append(list, fmt.Sprintf("%q", k.ID))
		}
	}
	if len(list) == 0 {
		return "only keys without a kid, which check tokens without one; as a JWK a key can have a kid"
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func algorithmList(keys []Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.algorithms()...)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

func (v *Verifier) explainClaims(c Claims, now time.Time) (list []string) {
	switch {
	case len(c.Audience) == 0:
		list = append(list, fmt.Sprintf("It has no aud; it must be or contain %q.", v.audience))
	case !slices.Contains(c.Audience, v.audience):
		list = append(list, fmt.Sprintf("Its aud is %.80q; it must be or contain %q.", c.Audience, v.audience))
	}
	switch ago := now.Sub(c.Expires); {
	case c.Expires.IsZero():
		list = append(list, "It has no exp; a token must end.")
	case ago >= Leeway:
		list = append(list, fmt.Sprintf("It expired %v ago.", ago.Truncate(time.Second)))
	case -ago > MaxLife:
		list = append(list, fmt.Sprintf("It ends in %d days; at most %d are possible.", -ago/(24*time.Hour), MaxLife/(24*time.Hour)))
	}
	for name, t := range map[string]time.Time{claimNotBefore: c.NotBefore, claimIssuedAt: c.IssuedAt} {
		if early := t.Sub(now); early > Leeway {
			list = append(list, fmt.Sprintf("Its %s is %v from now: one of the clocks is wrong, or it must wait.", name, early.Truncate(time.Second)))
		}
	}
	return list
}
