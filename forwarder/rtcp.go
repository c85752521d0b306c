package forwarder

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// RTCP packet types (RFC 3550 §12.1, RFC 4585 §6.1) and feedback formats (RFC
// 4585 §6.2.1, §6.3.1; RFC 5104 §4.3.1; drafts of transport-cc and REMB).
const (
	rtcpSR    = 200
	rtcpRR    = 201
	rtcpSDES  = 202
	rtcpBye   = 203
	rtcpRTPFB = 205
	rtcpPSFB  = 206

	formatNACK = 1  // of rtcpRTPFB
	formatTCC  = 15 // of rtcpRTPFB
	formatPLI  = 1  // of rtcpPSFB
	formatFIR  = 4  // of rtcpPSFB
	formatREMB = 15 // of rtcpPSFB, with the identifier below

	rembIdentifier = 'R'<<24 | 'E'<<16 | 'M'<<8 | 'B'
)

const (
	rtcpHeader  = 4
	senderInfo  = 24 // of a sender report: SSRC, NTP and RTP time, two counters
	reportBytes = 24 // of a report block
	pairBytes   = 4  // of a NACK's FCI
	firBytes    = 8  // of a FIR's FCI
	rembBytes   = 16 // of a REMB without its list of SSRCs
	tccBytes    = 16 // of transport-wide feedback before its chunks
)

// An rtcpReader reads the packets of a compound one after the other, in place.
// What is malformed ends it: nothing behind it can be trusted.
type rtcpReader struct {
	rest []byte

	kind  uint8  // of the packet read last
	count uint8  // its five bits: blocks, sources, or the feedback's format
	body  []byte // behind the header, without padding
}

// next reads a packet; false at the end, or at one that is malformed: then rest
// is not empty.
func (r *rtcpReader) next() bool {
	b := r.rest
	if len(b) < rtcpHeader || b[0]>>6 != 2 {
		return false
	}
	end := rtcpHeader + 4*int(binary.BigEndian.Uint16(b[2:]))
	if end > len(b) {
		return false
	}
	r.kind, r.count, r.body = b[1], b[0]&0x1f, b[rtcpHeader:end]
	if b[0]&0x20 != 0 && !r.unpad() || !r.fits() {
		return false
	}
	r.rest = b[end:]
	return true
}

// unpad cuts padding off (RFC 3550 §6.4.1). Transport-wide feedback says itself
// where it ends, and some that is sent counts its padding wrong.
func (r *rtcpReader) unpad() bool {
	if r.kind == rtcpRTPFB && r.count == formatTCC {
		return true
	}
	if len(r.body) == 0 {
		return false
	}
	pad := int(r.body[len(r.body)-1])
	if pad == 0 || pad > len(r.body) {
		return false
	}
	r.body = r.body[:len(r.body)-pad]
	return true
}

// fits tells whether the packet is long enough for what it says it holds. What
// the core does not use fits always.
func (r *rtcpReader) fits() bool {
	n := len(r.body)
	switch {
	case r.kind == rtcpSR:
		return n >= senderInfo+reportBytes*int(r.count)
	case r.kind == rtcpRR:
		return n >= 4+reportBytes*int(r.count)
	case r.kind == rtcpBye:
		return n >= 4*int(r.count)
	case r.is(rtcpRTPFB, formatNACK):
		return n >= 8+pairBytes && n%4 == 0
	case r.is(rtcpRTPFB, formatTCC):
		return n >= tccBytes
	case r.is(rtcpPSFB, formatPLI):
		return n >= 8
	case r.is(rtcpPSFB, formatFIR):
		return n >= 8+firBytes && n%firBytes == 0
	}
	return true
}

// is tells whether the packet is feedback of a format.
func (r *rtcpReader) is(kind, format uint8) bool { return r.kind == kind && r.count == format }

// media is the SSRC that feedback is about (RFC 4585 §6.1).
func (r *rtcpReader) media() uint32 { return binary.BigEndian.Uint32(r.body[4:]) }

// blocks are the report blocks of a sender or receiver report.
func (r *rtcpReader) blocks() []byte {
	if r.kind == rtcpSR {
		return r.body[senderInfo:][:reportBytes*int(r.count)]
	}
	return r.body[4:][:reportBytes*int(r.count)]
}

// fci is what feedback carries behind its two SSRCs.
func (r *rtcpReader) fci() []byte { return r.body[8:] }

// A reportBlock is what a receiver says of one SSRC (RFC 3550 §6.4.1).
type reportBlock struct {
	ssrc         uint32
	fractionLost uint8  // since the report before, in 1/256
	lost         int32  // since the beginning; negative where packets came twice
	highest      uint32 // sequence number, extended by its cycles
	jitter       uint32 // RTP units
	lastReport   uint32 // middle 32 bits of the last sender report's NTP time; 0: none
	delay        uint32 // since then, in 1/65536 s
}

// readBlock reads the first report block of b, which must hold one.
func readBlock(b []byte) reportBlock {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	return reportBlock{
		ssrc: word(0), fractionLost: b[4], lost: int32(word(1)<<8) >> 8, highest: word(2),
		jitter: word(3), lastReport: word(4), delay: word(5),
	}
}

// A nackPair asks for seq and for those of the 16 numbers after it whose bit is
// set in following (RFC 4585 §6.2.1).
type nackPair struct{ seq, following uint16 }

func readPair(b []byte) nackPair {
	return nackPair{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}
}

// take removes the lowest of the pair's numbers and returns it; more tells
// whether others are left.
func (p *nackPair) take() (seq uint16, more bool) {
	seq = p.seq
	if p.following == 0 {
		return seq, false
	}
	step := uint16(bits.TrailingZeros16(p.following)) + 1
	p.seq, p.following = p.seq+step, p.following>>step
	return seq, true
}

// remb returns the bitrate of a REMB packet in bits per second; false if the
// packet is another one of that format (draft-alvestrand-rmcat-remb-03 §2.2).
func (r *rtcpReader) remb() (int64, bool) {
	if len(r.body) < rembBytes || binary.BigEndian.Uint32(r.fci()) != rembIdentifier {
		return 0, false
	}
	v := binary.BigEndian.Uint32(r.body[12:])
	exponent, mantissa := v>>18&0x3f, int64(v&(1<<18-1))
	if bits.Len64(uint64(mantissa))+int(exponent) > 62 {
		return math.MaxInt64, true
	}
	return mantissa << exponent, true
}

// transportRange returns which transport-wide numbers feedback is about: count
// ones from base on. The status chunks and arrival times are behind them in r.body
// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
func (r *rtcpReader) transportRange() (base, count uint16) {
	return binary.BigEndian.Uint16(r.body[8:]), binary.BigEndian.Uint16(r.body[10:])
}

// transportReceived tells whether transport-wide feedback says that the packet with
// the given number arrived.
func (r *rtcpReader) transportReceived(number uint16) bool {
	base, count := r.transportRange()
	left := number - base
	if left >= count {
		return false
	}
	for b := r.body[tccBytes:]; len(b) >= 2; b = b[2:] {
		n, symbol := statusChunk(binary.BigEndian.Uint16(b), left)
		if left < n {
			return symbol == 1 || symbol == 2 // small or large delta
		}
		left -= n
	}
	return false
}

// statusChunk returns how many packets a chunk is about and the symbol of the one at
// i, if it is one of them (draft-holmer-rmcat-transport-wide-cc-extensions-01
// §3.1.3, §3.1.4).
func statusChunk(chunk, i uint16) (n, symbol uint16) {
	switch {
	case chunk>>15 == 0: // run length
		return chunk & 0x1fff, chunk >> 13 & 3
	case chunk>>14&1 == 0: // vector of bits
		return 14, chunk >> (13 - min(i, 13)) & 1
	}
	return 7, chunk >> (12 - 2*min(i, 6)) & 3
}
