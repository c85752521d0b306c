package forwarder

import (
	"encoding/binary"
	"math/bits"
)

// transportFeedback is one RTCP transport-wide feedback packet that was found well
// formed: what it says of count packets from number base on. It borrows the bytes it
// was parsed from (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
type transportFeedback struct {
	base, count uint16
	reference   int32  // what arrival times count from: units of referenceTime, 24 bits, wraps
	chunks      []byte // status of the packets, 16 bits each
	deltas      []byte // arrival times of those that arrived, each behind the one before
}

// Units of transport-wide feedback (§3.1): its reference time, its arrival times.
const (
	referenceTime = 64000 // µs
	deltaTime     = 250   // µs
)

// Symbols of a status (§3.1.1). The fourth is reserved.
const (
	notReceived = 0
	smallDelta  = 1 // one byte follows, unsigned
	largeDelta  = 2 // two bytes follow, signed
)

// parseTransportFeedback reads the body of transport-wide feedback, that is what is
// behind its RTCP header. It is false for a body that ends too soon, holds a reserved
// symbol or is about no packet: then nothing of it can be trusted. It looks at each
// chunk once; how many packets a chunk is about does not matter.
func parseTransportFeedback(body []byte) (f transportFeedback, ok bool) {
	if len(body) < tccBytes {
		return f, false
	}
	f.base, f.count = binary.BigEndian.Uint16(body[8:]), binary.BigEndian.Uint16(body[10:])
	f.reference = int32(binary.BigEndian.Uint32(body[12:]) >> 8)
	rest := body[tccBytes:]
	at, need := 0, 0
	for left := int(f.count); left > 0; at += 2 {
		if len(rest) < at+2 {
			return f, false
		}
		n, size, valid := chunkSize(binary.BigEndian.Uint16(rest[at:]), left)
		if !valid {
			return f, false
		}
		left, need = left-n, need+size
	}
	if len(rest) < at+need {
		return f, false
	}
	f.chunks, f.deltas = rest[:at], rest[at:at+need]
	return f, f.count > 0
}

// chunkSize returns how many packets a status chunk is about, of those left, and how
// many bytes of arrival times go with it; false if it holds a reserved symbol or is
// about none.
func chunkSize(chunk uint16, left int) (n, size int, ok bool) {
	switch {
	case chunk>>15 == 0: // run of one symbol (§3.1.3)
		n, symbol := min(int(chunk&0x1fff), left), int(chunk>>13)
		return n, n * symbol, n > 0 && symbol <= largeDelta
	case chunk>>14&1 == 0: // 14 symbols of one bit (§3.1.4)
		n := min(14, left)
		return n, bits.OnesCount16(chunk & 0x3fff >> (14 - n)), true
	}
	n = min(7, left) // 7 symbols of two bits
	v := chunk & 0x3fff >> (14 - 2*n) << (14 - 2*n)
	low, high := v&0x1555, v>>1&0x1555
	return n, bits.OnesCount16(low) + 2*bits.OnesCount16(high), low&high == 0
}
