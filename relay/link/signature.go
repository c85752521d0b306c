package link

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// The headers of requests and responses. A request has the time and its signature, a
// response the signature alone; a refusal because of the time says what time it is.
const (
	signatureHeader = "Whippet-Signature"
	timeHeader      = "Whippet-Time"
)

// A signer signs for the nodes of a cluster. Each use has a key of its own, so that
// nothing that was signed for one serves for another.
type signer struct{ ask, answer, clock []byte }

// newSigner derives the keys from the cluster's secret.
func newSigner(secret []byte) signer {
	derive := func(use string) []byte {
		key, err := hkdf.Key(sha256.New, secret, nil, "whippet link v1 "+use, sha256.Size)
		if err != nil {
			panic("link: no key: " + err.Error()) // 32 bytes of SHA-256 there always are
		}
		return key
	}
	return signer{ask: derive("request"), answer: derive("response"), clock: derive("time")}
}

// sign returns the code of parts under a key. Their hashes are signed, so that none can be
// taken for the end of the one before.
func sign(key []byte, parts ...[]byte) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		sum := sha256.Sum256(p)
		mac.Write(sum[:])
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// request returns the header of a request.
func (s signer) request(at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return stamp + "." + sign(s.ask, []byte(stamp), body)
}

// checkRequest tells whether a request is signed, and whether that was done of late.
func (s signer) checkRequest(header string, now time.Time, body []byte) (signed, fresh bool) {
	stamp, code, _ := strings.Cut(header, ".")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || !same(code, sign(s.ask, []byte(stamp), body)) {
		return false, false
	}
	age := now.Sub(time.Unix(at, 0))
	return true, -tokenLife <= age && age <= tokenLife
}

// response returns the header of the response to a request.
func (s signer) response(asked, body []byte) string { return sign(s.answer, asked, body) }

func (s signer) checkResponse(header string, asked, body []byte) bool {
	return same(header, s.response(asked, body))
}

// time returns the header that tells who asked what time it is here.
func (s signer) time(now time.Time, asked []byte) string {
	stamp := strconv.FormatInt(now.Unix(), 10)
	return stamp + "." + sign(s.clock, []byte(stamp), asked)
}

// checkTime returns what such a header says; false where nobody of the cluster says it.
func (s signer) checkTime(header string, asked []byte) (time.Time, bool) {
	stamp, code, _ := strings.Cut(header, ".")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || !same(code, sign(s.clock, []byte(stamp), asked)) {
		return time.Time{}, false
	}
	return time.Unix(at, 0), true
}
