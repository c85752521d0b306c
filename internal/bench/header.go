package bench

import "encoding/binary"

// A header is what is read of a packet's RTP header (RFC 3550 §5.1).
type header struct {
	pt        uint8
	marker    bool
	seq       uint16
	timestamp uint32
	ssrc      uint32
	transport uint16 // transport-wide number
	numbered  bool   // there is one
	size      int    // of the header, with extensions
}

// parse reads an RTP packet; transportID is the id of transport-wide numbers, 0 for none.
func (h *header) parse(b []byte, transportID uint8) bool {
	const fixed = 12
	if len(b) < fixed || b[0]>>6 != 2 {
		return false
	}
	*h = header{
		pt: b[1] & 0x7f, marker: b[1]&0x80 != 0, seq: binary.BigEndian.Uint16(b[2:]),
		timestamp: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
		size: fixed + 4*int(b[0]&0x0f),
	}
	if b[0]&0x10 == 0 {
		return h.size < len(b)
	}
	if h.size+4 > len(b) {
		return false
	}
	profile, words := binary.BigEndian.Uint16(b[h.size:]), int(binary.BigEndian.Uint16(b[h.size+2:]))
	start := h.size + 4
	h.size = start + 4*words
	if h.size >= len(b) {
		return false
	}
	const oneByte = 0xbede
	if profile == oneByte && transportID != 0 {
		h.extension(b[start:h.size], transportID)
	}
	return true
}

// extension finds the transport-wide number (RFC 8285 §4.2).
func (h *header) extension(b []byte, id uint8) {
	for len(b) > 0 {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		size := int(b[0]&0x0f) + 1
		if len(b) < 1+size {
			return
		}
		if b[0]>>4 == id && size == 2 {
			h.transport, h.numbered = binary.BigEndian.Uint16(b[1:]), true
			return
		}
		b = b[1+size:]
	}
}

// The kinds of datagram on one socket (RFC 7983).
type class uint8

const (
	classOther class = iota
	classSTUN
	classDTLS
	classRTP
	classRTCP
)

func classify(b []byte) class {
	switch {
	case len(b) < 2:
	case b[0] < 4:
		return classSTUN
	case b[0] >= 20 && b[0] < 64:
		return classDTLS
	case b[0] >= 128 && b[0] < 192 && b[1] >= 192 && b[1] < 224:
		return classRTCP
	case b[0] >= 128 && b[0] < 192:
		return classRTP
	}
	return classOther
}
