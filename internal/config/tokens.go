package config

import (
	"os"
	"strings"

	"github.com/whippet-media/whippet/auth"
)

// Tokens says by which keys tokens are made and checked.
type Tokens struct {
	Secret   Secret // of --jwt-secret; empty: one from Data is used, unless there are KeyFiles or KeySets
	KeyFiles []KeySource
	KeySets  []KeySource // URLs, not yet judged
	Issuer   string      // of the tokens of Secret; "": any
	Audience string      // never empty
	Type     string      // typ of all tokens; "": any
	Data     string      // folder; "": there is none, everything is kept in memory
}

// A KeySource is a file or URL with keys.
type KeySource struct {
	Issuer string // whose tokens they check; "": anybody's
	Place  string // path or URL
}

// Check returns the checked settings, or all mistakes at once, as [Flags.Config] does.
func (k Keys) Check() (Tokens, error) {
	var e problems
	t := e.tokens(k)
	return t, e.err()
}

func (e *problems) tokens(k Keys) Tokens {
	t := Tokens{
		Secret:   e.secret("jwt-secret", k.JWTSecret, k.JWTSecretFile),
		KeyFiles: e.keySources("jwt-key", k.JWTKey, k.JWTIssuer, cutFile),
		KeySets:  e.keySources("jwks-url", k.JWKSURL, k.JWTIssuer, cutURL),
		Issuer:   k.JWTIssuer,
		Audience: k.JWTAudience,
		Type:     k.JWTType,
		Data:     k.Data,
	}
	if n := len(t.Secret.Bytes()); n > 0 && n < auth.MinSecretBytes {
		e.add("jwt-secret", "it has %d bytes and needs %d; make one with: openssl rand -hex 32", n, auth.MinSecretBytes)
	}
	if t.Audience == "" {
		e.add("jwt-audience", "it must not be empty; tokens name it in aud")
	}
	if t.Data == "" {
		t.Data = defaultData(os.Getenv)
	}
	return t
}

// keySources reads [ISSUER=]PLACE. An issuer of its own wins over that of all.
func (e *problems) keySources(flag string, values []string, issuer string, cut func(string) (issuer, place string)) []KeySource {
	e.bounded(flag, values)
	var list []KeySource
	for _, v := range values {
		own, place := cut(strings.TrimSpace(v))
		if place == "" {
			e.add(flag, "%q names no place; write it behind the issuer and =, or alone", v)
			continue
		}
		if own == "" {
			own = issuer
		}
		list = append(list, KeySource{Issuer: own, Place: place})
	}
	return list
}

// cutFile splits at the first "=": whose file's name has one writes = in front of it.
func cutFile(s string) (issuer, path string) {
	if issuer, path, ok := strings.Cut(s, "="); ok {
		return issuer, path
	}
	return "", s
}

// cutURL splits at the "=" before a URL: its query may have more of them.
func cutURL(s string) (issuer, address string) {
	issuer, address, ok := strings.Cut(s, "=")
	if ok && (strings.HasPrefix(address, "https:") || strings.HasPrefix(address, "http:")) {
		return issuer, address
	}
	return "", s
}
