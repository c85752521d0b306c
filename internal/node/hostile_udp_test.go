package node_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/pion/stun/v4"
)

// attackSocket opens a UDP socket that sends to the node.
func (v *victim) attackSocket() *net.UDPConn {
	v.t.Helper()
	to, err := net.ResolveUDPAddr("udp4", v.addr)
	if err != nil {
		v.t.Fatal(err)
	}
	c, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = c.Close() })
	return c
}

// attribute returns the value of the first line of an SDP attribute.
func attribute(text, name string) string {
	_, rest, _ := strings.Cut(text, "a="+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// check makes a Binding request of random kind; none of them is right in all.
func check(rnd *rand.Rand, ufrag, pwd string) []byte {
	name := ufrag + ":far"
	switch rnd.IntN(6) {
	case 0:
		name = "nobody:far"
	case 1:
		name = strings.Repeat("u", rnd.IntN(513))
	case 2:
		name = ufrag
	case 3:
		name = ":" + ufrag
	}
	if pwd == "" || rnd.IntN(2) == 0 {
		pwd = "not the password"
	}
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(name),
		stun.RawAttribute{Type: stun.AttrPriority, Value: make([]byte, rnd.IntN(6))},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, rnd.IntN(10))},
		stun.RawAttribute{Type: stun.AttrType(rnd.Uint32()), Value: make([]byte, rnd.IntN(300))}, //nolint:gosec // any will do
		stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	if err != nil {
		return []byte{0, 1}
	}
	return damage(rnd, m.Raw)
}

// damage leaves half the packets alone, cuts some, and changes others.
func damage(rnd *rand.Rand, b []byte) []byte {
	switch rnd.IntN(4) {
	case 0:
		return b[:rnd.IntN(len(b)+1)]
	case 1:
		b[rnd.IntN(len(b))] ^= byte(1 + rnd.IntN(255))
	}
	return b
}

// record makes something like a DTLS record (RFC 6347 §4.1): handshakes, alerts,
// changes of cipher, data.
func record(rnd *rand.Rand) []byte {
	b := make([]byte, 13+rnd.IntN(1200))
	fill(rnd, b)
	b[0], b[1], b[2] = byte(20+rnd.IntN(6)), 254, 253
	binary.BigEndian.PutUint16(b[3:], uint16(rnd.IntN(3))) //nolint:gosec // epoch
	binary.BigEndian.PutUint16(b[11:], uint16(len(b)-13))  //nolint:gosec // a datagram
	if len(b) > 25 && rnd.IntN(2) == 0 {                   // a handshake header that nearly fits
		b[13] = byte(rnd.IntN(25))
		copy(b[14:25], make([]byte, 11))
		binary.BigEndian.PutUint16(b[15:], uint16(rnd.IntN(3000))) //nolint:gosec // length
		b[24] = byte(rnd.IntN(4))
	}
	return damage(rnd, b)
}

func fill(rnd *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
}

// garbage makes a packet of any class (RFC 7983), some nearly right.
func garbage(rnd *rand.Rand, ufrag, pwd string) []byte {
	switch rnd.IntN(4) {
	case 0:
		return check(rnd, ufrag, pwd)
	case 1:
		return record(rnd)
	}
	b := make([]byte, rnd.IntN(1600))
	fill(rnd, b)
	if len(b) > 12 && rnd.IntN(2) == 0 {
		b[0], b[1] = 0x80, []byte{96, 200, 201, 205, 206}[rnd.IntN(5)] // RTP and RTCP
	}
	return b
}

// TestHostileDatagrams: garbage from strangers, many of them, while a stream runs.
func TestHostileDatagrams(t *testing.T) {
	const sources, packets = 200, 40_000
	v := newVictim(t)
	s := v.studio("studio")
	s.wantMedia()
	before := v.left()
	rnd := rand.New(rand.NewPCG(1, 2))
	answer := s.player.Answer()
	ufrag := attribute(answer, "ice-ufrag")
	all := make([]*net.UDPConn, sources)
	for i := range all {
		all[i] = v.attackSocket()
	}
	for i := range packets {
		_, _ = all[i%sources].Write(garbage(rnd, ufrag, "")) // a refusal of the kernel is one packet less
		if i%10_000 == 0 {
			s.wantMedia()
		}
	}
	s.wantMedia()
	if stats := s.player.Stats().Video; stats.CodecChanges != 0 || s.pub.Err() != nil || s.player.Err() != nil {
		t.Errorf("disturbed: %+v %v %v", stats, s.pub.Err(), s.player.Err())
	}
	if got := v.left(); withoutHistory(got) != withoutHistory(before) {
		t.Errorf("the node holds %s, before %s", got, before)
	}
	s.leave()
	v.wantUnharmed()
}

// withoutHistory leaves out what changes from packet to packet.
func withoutHistory(left string) string {
	a, b, _ := strings.Cut(left, "history=")
	_, b, _ = strings.Cut(b, " ")
	return a + b
}

// TestHostileChecks: whoever knows a session's password, as its client does, cannot
// bind more addresses than a session may have, nor hurt by what it sends from them.
func TestHostileChecks(t *testing.T) {
	const sources, rounds = 150, 40
	v := newVictim(t)
	s := v.studio("studio")
	s.wantMedia()
	mine := v.play("studio")
	ufrag, pwd := attribute(mine.Answer(), "ice-ufrag"), attribute(mine.Answer(), "ice-pwd")
	rnd := rand.New(rand.NewPCG(5, 6))
	for range sources {
		c := v.attackSocket()
		m, err := stun.Build(stun.BindingRequest, stun.TransactionID,
			stun.NewUsername(ufrag+":"+attribute(mine.Offer(), "ice-ufrag")),
			stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{1, 0, 0, 1}},
			stun.RawAttribute{Type: stun.AttrICEControlling, Value: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
			stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(m.Raw)
		for range rounds {
			_, _ = c.Write(garbage(rnd, ufrag, pwd))
		}
	}
	if _, addresses := v.node.Media().Entries(); addresses > 3*64 {
		t.Errorf("%d addresses for three sessions", addresses)
	}
	s.wantMedia()
	mine.Kill()
	if d := v.do("DELETE", urlPath(mine.URL()), nil); d.status != 200 && d.status != 404 { // DTLS garbage may have ended it
		t.Errorf("DELETE: %d", d.status)
	}
	s.wantMedia()
	s.leave()
	v.wantUnharmed()
}

func urlPath(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	return rest[strings.IndexByte(rest, '/'):]
}
