package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins a secret as people write it.
const secretPrefix = "whsec_"

// errSecret says how a secret looks and never what was given.
var errSecret = errors.New("a secret is whsec_ and base64; make one with: echo whsec_$(openssl rand -base64 32)")

// ParseSecret returns the bytes of a secret written as whsec_ and base64. An error holds
// nothing of the text.
func ParseSecret(text string) ([]byte, error) {
	coded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return nil, errSecret
	}
	secret, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return nil, errSecret
	}
	if n := len(secret); n < MinSecretBytes || n > MaxSecretBytes {
		return nil, fmt.Errorf("a secret of %d bytes; it needs %d to %d", n, MinSecretBytes, MaxSecretBytes)
	}
	return secret, nil
}

// sign adds the three headers by which a receiver knows that the body is ours and new.
// Several secrets make several signatures, of which one must hold: so a secret is
// replaced without a gap.
func sign(h http.Header, id string, at time.Time, body []byte, secrets [][]byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + seconds + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", seconds)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
}
