package rtc

import (
	"bytes"
	"encoding/binary"

	"github.com/pion/stun/v4"
)

const (
	stunHeader         = 20
	stunCookie         = 0x2112A442
	stunBindingRequest = 0x0001
	stunBindingSuccess = 0x0101
	stunUsername       = 0x0006
	stunUseCandidate   = 0x0025
)

// A class is what the first byte says of a packet (RFC 7983 §7).
type class uint8

const (
	classUnknown class = iota
	classSTUN
	classDTLS
	classMedia
)

func classify(b []byte) class {
	if len(b) < 4 {
		return classUnknown
	}
	switch c := b[0]; {
	case c < 4:
		if len(b) >= stunHeader && binary.BigEndian.Uint32(b[4:]) == stunCookie {
			return classSTUN
		}
	case c >= 20 && c < 64:
		return classDTLS
	case c >= 128 && c < 192:
		return classMedia
	}
	return classUnknown
}

// isRTCP tells RTCP from RTP in a packet of classMedia (RFC 5761 §4).
func isRTCP(b []byte) bool { return b[1] >= 192 && b[1] <= 223 }

func isBindingRequest(b []byte) bool {
	return binary.BigEndian.Uint16(b) == stunBindingRequest
}

func isBindingSuccess(b []byte) bool {
	return binary.BigEndian.Uint16(b) == stunBindingSuccess
}

// readCheck returns of a Binding request the part of USERNAME before the colon, which
// is the receiver's ufrag (RFC 8445 §7.2.2), and whether it nominates its pair. ok is
// false without a ufrag. The slice aliases b, which must be of classSTUN.
func readCheck(b []byte) (ufrag []byte, nominates, ok bool) {
	end := stunHeader + int(binary.BigEndian.Uint16(b[2:]))
	if end > len(b) {
		return nil, false, false
	}
	for b = b[stunHeader:end]; len(b) >= 4; {
		typ, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[4:]
		if size > len(b) {
			return nil, false, false
		}
		switch {
		case typ == stunUsername && !ok:
			ufrag, _, ok = bytes.Cut(b[:size], []byte{':'})
		case typ == stunUseCandidate:
			nominates = true
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return ufrag, nominates, ok
}

// authentic checks MESSAGE-INTEGRITY of a request with our password. It keeps b.
func authentic(b []byte, pwd string) bool {
	m := stun.Message{Raw: bytes.Clone(b)}
	return m.Decode() == nil && stun.NewShortTermIntegrity(pwd).Check(&m) == nil
}

// bindingIndication makes one: what RFC 8445 §11 calls a keepalive.
func bindingIndication() []byte {
	m, err := stun.Build(stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.TransactionID)
	if err != nil {
		panic("rtc: a binding indication without attributes cannot be built: " + err.Error())
	}
	return m.Raw
}
