package rtc

import "encoding/binary"

const (
	dtlsRecordHeader = 13 // type, version, epoch, sequence number, length (RFC 6347 §4.1)

	dtlsChangeCipherSpec = 20
	dtlsHandshake        = 22
)

// A dtlsGuard keeps from DTLS what it would not bear. Owned by the peer's reader.
//
// After the handshake plaintext proves nothing, yet DTLS would end the connection for
// an alert in it, and for anything it cannot read: anybody who can send from the
// peer's address could close the session. What is left is the peer repeating its last
// flight. And DTLS keeps every handshake message it gets, for good, so that they get a
// budget: a handshake is some 3 KB in each direction, times its repetitions.
type dtlsGuard struct {
	handshakeBytes int
}

// pass tells whether a datagram may go to DTLS; secure says that the handshake is done.
func (g *dtlsGuard) pass(b []byte, secure bool) bool {
	spent := 0
	for len(b) > 0 {
		if len(b) < dtlsRecordHeader {
			return false
		}
		typ, epoch := b[0], binary.BigEndian.Uint16(b[3:])
		size := dtlsRecordHeader + int(binary.BigEndian.Uint16(b[11:]))
		if size > len(b) {
			return false
		}
		if secure && epoch == 0 && !repeated(typ, b[dtlsRecordHeader:size]) {
			return false
		}
		if typ == dtlsHandshake {
			spent += size
		}
		b = b[size:]
	}
	if g.handshakeBytes+spent > maxHandshakeBytes {
		return false
	}
	g.handshakeBytes += spent
	return true
}

// repeated tells whether a plaintext record may be part of a repeated last flight.
func repeated(typ uint8, content []byte) bool {
	return typ == dtlsHandshake || typ == dtlsChangeCipherSpec && len(content) == 1 && content[0] == 1
}
