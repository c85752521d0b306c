package rtc

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/pion/srtp/v3"
)

// A sealer encrypts the RTP packets that a Writer sends with AES-GCM (RFC 7714). pion's
// context does the same; this one is told where the header ends, and needs no map for
// the few streams a peer is sent. Other profiles, and all RTCP, are pion's.
//
// Not safe for concurrent use.
type sealer struct {
	aead    cipher.AEAD
	salt    [gcmSalt]byte
	nonce   [gcmSalt]byte // scratch
	streams []sealedStream
}

// A sealedStream is where one stream has got to: its highest packet index, which is
// rollovers and sequence number (RFC 3711 §3.3.1).
type sealedStream struct {
	ssrc    uint32
	highest uint64
}

const (
	gcmSalt = 12

	// labels of RFC 3711 §4.3.1
	labelEncryption = 0
	labelSalt       = 2
)

// newSealer derives the session keys; nil without an error for a profile of pion's.
func newSealer(profile srtp.ProtectionProfile, key, salt []byte) (*sealer, error) {
	if profile != srtp.ProtectionProfileAeadAes128Gcm && profile != srtp.ProtectionProfileAeadAes256Gcm {
		return nil, nil //nolint:nilnil // none is no error
	}
	master, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make SRTP cipher: %w", err)
	}
	block, err := aes.NewCipher(derive(master, labelEncryption, salt, len(key)))
	if err != nil {
		return nil, fmt.Errorf("make SRTP cipher: %w", err)
	}
	s := &sealer{}
	copy(s.salt[:], derive(master, labelSalt, salt, gcmSalt))
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("make SRTP cipher: %w", err)
	}
	return s, nil
}

// derive makes a session key: AES in counter mode over salt and label (RFC 3711 §4.3.3).
func derive(master cipher.Block, label byte, salt []byte, size int) []byte {
	var iv [aes.BlockSize]byte
	copy(iv[:], salt)
	iv[7] ^= label
	out := make([]byte, size)
	cipher.NewCTR(master, iv[:]).XORKeyStream(out, out)
	return out
}

// seal encrypts the RTP packet b, whose header has that many bytes, in its own memory,
// which must have room for srtpOverhead bytes more. Numbers may step back and ahead by
// less than 2^15. The same number must never come with another packet (RFC 7714 §8.1).
func (s *sealer) seal(b []byte, header int) ([]byte, error) {
	ssrc := binary.BigEndian.Uint32(b[8:])
	index, err := s.index(ssrc, binary.BigEndian.Uint16(b[2:]))
	if err != nil {
		return nil, err
	}
	s.nonce = [gcmSalt]byte{}
	binary.BigEndian.PutUint32(s.nonce[2:], ssrc)
	binary.BigEndian.PutUint32(s.nonce[6:], uint32(index>>16)) //nolint:gosec // 2^32 rollovers are no concern
	binary.BigEndian.PutUint16(s.nonce[10:], uint16(index))    //nolint:gosec // its lower half
	for i := range s.nonce {
		s.nonce[i] ^= s.salt[i]
	}
	return s.aead.Seal(b[:header], s.nonce[:], b[header:], b[:header]), nil
}

// index returns a packet's index, the one nearest to the stream's highest.
func (s *sealer) index(ssrc uint32, seq uint16) (uint64, error) {
	for i := range s.streams {
		st := &s.streams[i]
		if st.ssrc != ssrc {
			continue
		}
		step := int64(int16(seq - uint16(st.highest))) //nolint:gosec // modulo 2^16 as meant
		if step < 0 && st.highest < uint64(-step) {
			return uint64(seq), nil // before the first rollover
		}
		index := st.highest + uint64(step) //nolint:gosec // as above
		st.highest = max(st.highest, index)
		return index, nil
	}
	if len(s.streams) == maxSealedStreams {
		return 0, ErrTooManyStreams
	}
	s.streams = append(s.streams, sealedStream{ssrc, uint64(seq)})
	return uint64(seq), nil
}
