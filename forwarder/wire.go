package forwarder

import (
	"encoding/binary"
	"errors"

	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	rtpHeader       = 12 // without CSRCs: we mix nothing
	extensionHeader = 4  // profile and length (RFC 3550 §5.3.1)
	maxExtension    = 255
)

// ErrShortBuffer says that a packet does not fit the buffer it is to be written to.
var ErrShortBuffer = errors.New("forwarder: the buffer is too short for the packet")

// MarshalTo writes the whole RTP packet p stands for to dst and returns its length:
// header, header extensions under the subscriber's ids, the original number of a
// retransmission (RFC 4588 §4), payload. Where that does not fit it writes nothing
// and returns [ErrShortBuffer]. It does not keep dst or p and does not allocate.
func (p *OutPacket) MarshalTo(dst []byte) (int, error) {
	ext, twoByte := p.extensionBytes()
	size := rtpHeader + ext + p.Payload()
	size += int(p.Padding)
	if p.Retransmit {
		size += 2
	}
	if size > len(dst) {
		return 0, ErrShortBuffer
	}
	p.putHeader(dst, ext > 0)
	at := rtpHeader
	if ext > 0 {
		p.putExtensions(dst[rtpHeader:rtpHeader+ext], twoByte)
		at += ext
	}
	if p.Retransmit {
		binary.BigEndian.PutUint16(dst[at:], p.OriginalSeq)
		at += 2
	}
	if p.Padding > 0 {
		clear(dst[size-int(p.Padding) : size-1])
		dst[size-1] = p.Padding
	}
	if p.Empty {
		return size, nil
	}
	copy(dst[at:size-int(p.Padding)], p.Packet.Payload)
	if p.renumber.Name != 0 {
		codec.ShiftPicture(p.renumber, dst[at:size-int(p.Padding)], p.numbers.picture, p.numbers.tl0)
	}
	return size, nil
}

// putHeader writes the fixed header (RFC 3550 §5.1).
func (p *OutPacket) putHeader(dst []byte, extended bool) {
	dst[0], dst[1] = 2<<6, p.PayloadType
	if extended {
		dst[0] |= 1 << 4
	}
	if p.Padding > 0 {
		dst[0] |= 1 << 5
	}
	if p.Mark {
		dst[1] |= 1 << 7
	}
	binary.BigEndian.PutUint16(dst[2:], p.Seq)
	binary.BigEndian.PutUint32(dst[4:], p.Timestamp)
	binary.BigEndian.PutUint32(dst[8:], p.SSRC)
}

// extensionBytes is how much the header extensions take, 0 if there are none, and
// whether a value or an id needs two-byte headers (RFC 8285 §4.3).
func (p *OutPacket) extensionBytes() (size int, twoByte bool) {
	n, values := 0, 0
	if id := p.IDs[codec.TransportCC]; id != 0 {
		n, values, twoByte = 1, 2, id > oneByteMaxID
	}
	for i := range p.extensions() {
		id, data := p.extension(i)
		if id == 0 {
			continue
		}
		n++
		values += len(data)
		twoByte = twoByte || id > oneByteMaxID || len(data) > oneByteMaxLen || len(data) == 0
	}
	if n == 0 {
		return 0, false
	}
	if twoByte {
		n *= 2
	}
	return extensionHeader + (n+values+3)/4*4, twoByte
}

// extensions is how many extension values the packet has: the publisher's and a link's.
func (p *OutPacket) extensions() int {
	if p.Empty {
		return 0
	}
	if p.stamp != nil {
		return len(p.Packet.Ext) + len(p.stamp.values)
	}
	return len(p.Packet.Ext)
}

// extension returns a value to be sent and the subscriber's id of it; 0: it is not sent.
func (p *OutPacket) extension(i int) (id uint8, data []byte) {
	if i >= len(p.Packet.Ext) {
		e := &p.stamp.values[i-len(p.Packet.Ext)]
		return p.IDs[e.Ext], e.Data
	}
	e := &p.Packet.Ext[i]
	data = e.Data
	if p.descriptor != nil && e.Ext == codec.DependencyDescriptor {
		data = p.descriptor
	}
	if len(data) > maxExtension {
		return 0, nil
	}
	return p.IDs[e.Ext], data
}

// putExtensions fills dst with the header extensions.
func (p *OutPacket) putExtensions(dst []byte, twoByte bool) {
	profile := uint16(oneByteProfile)
	if twoByte {
		profile = twoByteProfile
	}
	binary.BigEndian.PutUint16(dst, profile)
	binary.BigEndian.PutUint16(dst[2:], uint16(len(dst)/4-1))
	b := dst[extensionHeader:]
	if id := p.IDs[codec.TransportCC]; id != 0 {
		b = putExtension(b, id, 2, twoByte)
		binary.BigEndian.PutUint16(b, p.TransportSeq)
		b = b[2:]
	}
	for i := range p.extensions() {
		if id, data := p.extension(i); id != 0 {
			b = putExtension(b, id, len(data), twoByte)
			b = b[copy(b, data):]
		}
	}
	clear(b) // padding
}

// putExtension writes the head of a value of n bytes and returns what is behind it.
func putExtension(b []byte, id uint8, n int, twoByte bool) []byte {
	if twoByte {
		b[0], b[1] = id, byte(n)
		return b[2:]
	}
	b[0] = id<<4 | byte(n-1)
	return b[1:]
}
