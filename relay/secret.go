package relay

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// MinSecretBytes is the least length of a cluster's secret.
const MinSecretBytes = 32

// ErrToken is what is said of a token that is not good, whatever is wrong with it.
var ErrToken = errors.New("relay: the token is not of this cluster, for something else, or too old")

// A Secret is what the nodes of a cluster share: with it they make the tokens they show
// each other. Each purpose has a key of its own. It is safe for concurrent use.
type Secret struct{ secret []byte }

// NewSecret returns the secret of some bytes, which it keeps.
func NewSecret(b []byte) Secret { return Secret{secret: b} }

// Sign returns a token for a purpose, bound to texts that the other node knows as well. It
// is good for half a minute around now, which should be [Directory.Now]: nodes' own clocks
// may differ.
func (s Secret) Sign(now time.Time, purpose string, bound ...string) string {
	at := strconv.FormatInt(now.Unix(), 10)
	return at + "." + s.Digest(purpose, append([]string{at}, bound...)...)
}

// Check tells whether a token was made by Sign for the same purpose and texts, about now;
// else it is an ErrToken.
func (s Secret) Check(token string, now time.Time, purpose string, bound ...string) error {
	at, _, _ := strings.Cut(token, ".")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tokenLife {
		return ErrToken
	}
	if !hmac.Equal([]byte(token), []byte(s.Sign(time.Unix(seconds, 0), purpose, bound...))) {
		return ErrToken
	}
	return nil
}

// Digest returns a text that only nodes of the cluster can make of a purpose and texts.
func (s Secret) Digest(purpose string, texts ...string) string {
	key, err := hkdf.Key(sha256.New, s.secret, nil, "whippet "+purpose, sha256.Size)
	if err != nil {
		panic(err) // only for a length nobody asks for
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(joined(texts))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
