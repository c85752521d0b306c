package codec

import "encoding/binary"

// A byteReader reads bytes. Past the end it gives zeros and remembers in failed.
type byteReader struct {
	data   []byte
	pos    int // at most len(data)
	failed bool
}

func (r *byteReader) byte() byte {
	if r.pos >= len(r.data) {
		r.failed = true
		return 0
	}
	b := r.data[r.pos]
	r.pos++
	return b
}

func (r *byteReader) uint16() uint16 {
	hi := r.byte()
	return uint16(hi)<<8 | uint16(r.byte())
}

// pictureID reads a picture id of 7 or 15 bits and tells which: the first bit is
// set for the longer one (RFC 7741 §4.2, RFC 9628 §4.2).
func (r *byteReader) pictureID() (id uint16, bits uint8) {
	b := r.byte()
	if b&0x80 == 0 {
		return uint16(b), 7
	}
	return uint16(b&0x7f)<<8 | uint16(r.byte()), 15
}

// putPictureID writes the low bits of id at byte pos; bits 0 writes nothing.
func putPictureID(descriptor []byte, pos int, bits uint8, id uint16) {
	switch bits {
	case 7:
		descriptor[pos] = byte(id & 0x7f)
	case 15:
		binary.BigEndian.PutUint16(descriptor[pos:], id|0x8000)
	}
}
