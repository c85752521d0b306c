package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/pion/srtp/v3"
)

// How much of a payload is decrypted: payload headers and the stamp. They are nearly
// always within the first two blocks.
const (
	glanceBytes = 2 * aes.BlockSize
	peekBytes   = 4 * aes.BlockSize
)

// A peeker decrypts the first bytes of SRTP payloads without authenticating them,
// which costs a tenth of decrypting all. Not safe for concurrent use.
type peeker struct {
	block cipher.Block
	salt  [aes.BlockSize]byte
	gcm   bool
	out   [peekBytes]byte
}

// newPeeker derives the session keys from a direction's master key (RFC 3711 §4.3,
// RFC 7714 §11).
func newPeeker(profile srtp.ProtectionProfile, key, salt []byte) (*peeker, error) {
	p := &peeker{}
	switch profile {
	case srtp.ProtectionProfileAes128CmHmacSha1_80:
	case srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm:
		p.gcm = true
	default:
		return nil, fmt.Errorf("the server chose an SRTP profile nobody offered: %v", profile)
	}
	const encryption, salting = 0, 2 // labels
	session, err := derive(encryption, key, salt, len(key))
	if err != nil {
		return nil, err
	}
	sessionSalt, err := derive(salting, key, salt, len(salt))
	if err != nil {
		return nil, err
	}
	copy(p.salt[:], sessionSalt)
	p.block, err = aes.NewCipher(session)
	return p, err
}

// derive is AES in counter mode over label and salt.
func derive(label byte, key, salt []byte, size int) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var iv [aes.BlockSize]byte
	copy(iv[:], salt)
	iv[7] ^= label
	iv[14], iv[15] = 0, 0
	out := make([]byte, size)
	cipher.NewCTR(block, iv[:]).XORKeyStream(out, out)
	return out, nil
}

// peek returns up to most first bytes of the payload, at most peekBytes, in clear; they
// are valid until the next call.
func (p *peeker) peek(h *header, rollover uint32, payload []byte, most int) []byte {
	counter := p.counter(h, rollover)
	n := min(len(payload), most)
	for at := 0; at < n; at += aes.BlockSize {
		p.block.Encrypt(p.out[at:at+aes.BlockSize], counter[:])
		counter[aes.BlockSize-1]++
	}
	for i := range n {
		p.out[i] ^= payload[i]
	}
	return p.out[:n]
}

// counter returns the counter of the payload's first block (RFC 3711 §4.1.1, RFC 7714
// §8.1; GCM's block 1 is for the tag).
func (p *peeker) counter(h *header, rollover uint32) (c [aes.BlockSize]byte) {
	at := 4
	if p.gcm {
		at, c[aes.BlockSize-1] = 2, 2
	}
	binary.BigEndian.PutUint32(c[at:], h.ssrc)
	binary.BigEndian.PutUint32(c[at+4:], rollover)
	binary.BigEndian.PutUint16(c[at+8:], h.seq)
	const gcmSalt, cmSalt = 12, 14
	n := cmSalt
	if p.gcm {
		n = gcmSalt
	}
	for i := range n {
		c[i] ^= p.salt[i]
	}
	return c
}
