package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A StreamKey is a fixed text that allows one action on one stream, for encoders and
// players that are set up once and never get a token.
type StreamKey struct {
	Stream string // its name; no glob
	Action Action // Publish or Subscribe
	Key    []byte // at least MinStreamKeyBytes; not kept
}

// StreamKeys checks stream keys. It is immutable and safe for concurrent use; the zero
// StreamKeys knows none.
type StreamKeys struct{ list []hashedKey }

type hashedKey struct {
	hash  [sha256.Size]byte
	grant Grant
}

// NewStreamKeys refuses short keys ([ErrWeakStreamKey]), keys that stand for two things,
// so that whoever may play cannot publish, actions that are not about a stream, and what
// is no name of a stream.
func NewStreamKeys(list []StreamKey) (*StreamKeys, error) {
	if len(list) > maxStreamKeys {
		return nil, fmt.Errorf("%d stream keys; at most %d are possible", len(list), maxStreamKeys)
	}
	s := &StreamKeys{}
	seen := map[[sha256.Size]byte]bool{}
	for _, k := range list {
		hash := sha256.Sum256(k.Key)
		switch {
		case !k.Action.perStream():
			return nil, fmt.Errorf("a stream key is for %s or %s, not for %q", Publish, Subscribe, k.Action)
		case !validGlob(k.Stream) || strings.Contains(k.Stream, "*"):
			return nil, fmt.Errorf("%q is no name of a stream", k.Stream)
		case len(k.Key) < MinStreamKeyBytes || len(k.Key) > MaxTokenBytes:
			return nil, fmt.Errorf("the %s key of stream %s: %w", k.Action, k.Stream, ErrWeakStreamKey)
		case seen[hash]:
			return nil, fmt.Errorf("the %s key of stream %s is used twice; each stream and action needs its own", k.Action, k.Stream)
		}
		seen[hash] = true
		s.list = append(s.list, hashedKey{hash, Grant{Actions: []Action{k.Action}, Streams: []string{k.Stream}}})
	}
	return s, nil
}

// ErrWeakStreamKey refuses a stream key that could be guessed.
var ErrWeakStreamKey = errors.New("it must have 16 to 8192 bytes; make one with: openssl rand -hex 16")

// Verify returns what the key allows, without an end. White space around it is ignored.
// The error is [ErrMissing] for "", else [ErrInvalid] with the text of a token that has a
// wrong signature. Its time depends on how many keys there are, not on the key: hashes
// are compared, all of them, each in constant time.
func (s *StreamKeys) Verify(key string, _ time.Time) (Grant, error) {
	key = strings.Trim(key, " \t\r\n")
	if key == "" {
		return Grant{}, ErrMissing
	}
	if len(key) > MaxTokenBytes {
		return Grant{}, invalid(reasonMalformed)
	}
	hash := sha256.Sum256([]byte(key))
	found := -1
	for i := range s.list {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], s.list[i].hash[:]), i, found)
	}
	if found < 0 {
		return Grant{}, invalid(reasonSignature)
	}
	return s.list[found].grant, nil
}
