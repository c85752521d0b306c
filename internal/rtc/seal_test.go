package rtc

import (
	"bytes"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// What we seal is what pion seals, bit by bit: any header, rollovers, late packets and
// repetitions of several streams, both key lengths.
func TestSealIsPions(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm} {
		keyLen, err := profile.KeyLen()
		must(t, err)
		saltLen, err := profile.SaltLen()
		must(t, err)
		key, salt := make([]byte, keyLen), make([]byte, saltLen)
		_, _ = rand.Read(key)
		_, _ = rand.Read(salt)
		pions, err := srtp.CreateContext(key, salt, profile)
		must(t, err)
		ours, err := newSealer(profile, key, salt)
		must(t, err)
		w := &Writer{}
		out := &outgoing{context: pions, sealer: ours}
		rnd := mathrand.New(mathrand.NewPCG(1, 2)) //nolint:gosec // repeatable
		next := map[uint32]uint16{7: 65000, 8: 30000, 1 << 31: 40000}
		for i := range 30_000 {
			ssrc := []uint32{7, 8, 1 << 31}[i%3]
			seq := next[ssrc] - uint16(rnd.UintN(100)*rnd.UintN(2))*uint16(min(i, 1000)/1000)
			next[ssrc] += uint16(rnd.UintN(40))
			switch i % 500 {
			case 490, 491, 492: // far back: what follows still counts from the highest
				seq -= 20_000
				next[ssrc] += 15_000
			}
			b := randomRTP(t, rnd, ssrc, seq)
			want, err := pions.EncryptRTP(nil, b, nil)
			must(t, err)
			w.room = make([]byte, MaxPacket+srtpOverhead)
			got, err := w.seal(out, copy(w.room, b))
			must(t, err)
			if !bytes.Equal(got, want) {
				t.Fatalf("packet %d, SSRC %d, number %d: sealed otherwise", i, ssrc, seq)
			}
		}
	}
}

func randomRTP(t *testing.T, rnd *mathrand.Rand, ssrc uint32, seq uint16) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{
		Version: 2, SSRC: ssrc, SequenceNumber: seq, Timestamp: rnd.Uint32(),
		PayloadType: uint8(rnd.UintN(128)), Marker: rnd.UintN(2) == 0, //nolint:gosec // small
	}}
	for range rnd.UintN(3) {
		p.CSRC = append(p.CSRC, rnd.Uint32())
	}
	for id := range uint8(rnd.UintN(4)) { //nolint:gosec // small
		must(t, p.SetExtension(id+1, make([]byte, 1+rnd.UintN(16))))
	}
	p.Payload = make([]byte, rnd.UintN(1200))
	for i := range p.Payload {
		p.Payload[i] = byte(i)
	}
	b, err := p.Marshal()
	must(t, err)
	return b
}

func TestSealedStreamsAreBounded(t *testing.T) {
	s, err := newSealer(srtp.ProtectionProfileAeadAes128Gcm, make([]byte, 16), make([]byte, 12))
	must(t, err)
	packet := func(ssrc byte) error {
		b := make([]byte, 20, 40)
		b[0], b[11] = 0x80, ssrc
		_, err := s.seal(b, 12)
		return err
	}
	for i := range byte(maxSealedStreams) {
		must(t, packet(i))
	}
	if err := packet(99); !errors.Is(err, ErrTooManyStreams) {
		t.Errorf("one more: %v", err)
	}
	must(t, packet(0))
}

// A packet whose header does not end within it is refused.
func TestSealRefusesMalformed(t *testing.T) {
	s, err := newSealer(srtp.ProtectionProfileAeadAes128Gcm, make([]byte, 16), make([]byte, 12))
	must(t, err)
	for _, b := range [][]byte{
		{0x80, 96},
		append([]byte{0x8f, 96}, make([]byte, 10)...),               // 15 CSRCs
		append([]byte{0x90, 96}, make([]byte, 12)...),               // half an extension header
		append([]byte{0x90, 96}, append(make([]byte, 12), 0, 1)...), // an extension of one word that is missing
	} {
		w := &Writer{room: make([]byte, 100)}
		if got, err := w.seal(&outgoing{sealer: s}, copy(w.room, b)); !errors.Is(err, errMalformed) {
			t.Errorf("%x: %x, %v", b, got, err)
		}
	}
}
