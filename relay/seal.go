package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// A Sealer makes texts that only nodes of the cluster can make and read, for one purpose.
// It is safe for concurrent use.
type Sealer struct {
	Secret  Secret
	Purpose string
	Now     func() time.Time // the cluster's clock, see [Directory.Now]
}

// sealed is how sealed bytes are written in URLs. One text stands for them, no other.
var sealed = base64.RawURLEncoding.Strict()

// Seal returns a text for [Sealer.Open] to read for half a minute, with the same bound texts.
func (s Sealer) Seal(b []byte, bound ...string) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.Now().Unix())) //nolint:gosec // a time of ours
	return sealed.EncodeToString(s.aead().Seal(nil, nil, append(plain, b...), joined(bound)))
}

// Open returns what was sealed for the same purpose, with the same bound texts, about now; else
// the error is an ErrToken.
func (s Sealer) Open(text string, bound ...string) ([]byte, error) {
	b, err := sealed.DecodeString(text)
	if err != nil {
		return nil, ErrToken
	}
	plain, err := s.aead().Open(nil, nil, b, joined(bound))
	if err != nil || len(plain) < 8 {
		return nil, ErrToken
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // a time of ours
	if s.Now().Sub(made).Abs() > tokenLife {
		return nil, ErrToken
	}
	return plain[8:], nil
}

// aead is AES-256 in Galois/Counter Mode with a random nonce in front (NIST SP 800-38D §8.2.2),
// with a key for the purpose alone.
func (s Sealer) aead() cipher.AEAD {
	key, err := hkdf.Key(sha256.New, s.Secret.secret, nil, "whippet sealed "+s.Purpose, sha256.Size)
	if err != nil {
		panic(err) // only for a length nobody asks for
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a length nobody asks for
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for another cipher
	}
	return aead
}

// joined returns bytes that no other list of texts has: each with its length.
func joined(texts []string) []byte {
	var b []byte
	for _, t := range texts {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(t))), t...)
	}
	return b
}
