package forwardertest

import (
	"encoding/binary"
	"time"
)

// content is what a simulated packet says of itself, hidden behind the codec's
// own header, where the core does not look.
type content struct {
	publisher uint16 // session
	encoding  uint8  // audioEncoding: audio
	key       bool   // of a picture decodable alone
	spatial   uint8
	temporal  uint8
	picture   uint32 // number of the picture in its encoding
	part      uint16 // of the layer frame, from 0
	parts     uint16
	last      bool   // of the picture's highest layer frame
	seq       uint32 // of the packet, as it left the publisher, without wrapping
	captured  int64  // on our clock, nanoseconds
	refs      [maxRefs]reference
	refCount  uint8
}

// A reference names a layer frame by its picture's distance and its spatial layer.
type reference struct{ back, spatial uint8 }

const (
	audioEncoding = 255
	maxRefs       = 4

	contentMagic = 0x77686970
	contentSize  = 4 + 2 + 1 + 1 + 1 + 1 + 4 + 2 + 2 + 4 + 8 + 1 + 2*maxRefs
)

const (
	contentKey = 1 << iota
	contentLast
)

func (c *content) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, contentMagic)
	b = binary.BigEndian.AppendUint16(b, c.publisher)
	flags := byte(0)
	if c.key {
		flags |= contentKey
	}
	if c.last {
		flags |= contentLast
	}
	b = append(b, c.encoding, flags, c.spatial, c.temporal)
	b = binary.BigEndian.AppendUint32(b, c.picture)
	b = binary.BigEndian.AppendUint16(b, c.part)
	b = binary.BigEndian.AppendUint16(b, c.parts)
	b = binary.BigEndian.AppendUint32(b, c.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(c.captured))
	b = append(b, c.refCount)
	for _, r := range c.refs {
		b = append(b, r.back, r.spatial)
	}
	return b
}

// parseContent reads a payload; false if it holds none, as parameter sets the
// core supplied.
func parseContent(payload []byte) (content, bool) {
	if len(payload) < contentSize {
		return content{}, false
	}
	b := payload[len(payload)-contentSize:]
	if binary.BigEndian.Uint32(b) != contentMagic {
		return content{}, false
	}
	c := content{
		publisher: binary.BigEndian.Uint16(b[4:]), encoding: b[6],
		key: b[7]&contentKey != 0, last: b[7]&contentLast != 0, spatial: b[8], temporal: b[9],
		picture: binary.BigEndian.Uint32(b[10:]), part: binary.BigEndian.Uint16(b[14:]), parts: binary.BigEndian.Uint16(b[16:]),
		seq: binary.BigEndian.Uint32(b[18:]), captured: int64(binary.BigEndian.Uint64(b[22:])), refCount: b[30],
	}
	for i := range c.refs {
		c.refs[i] = reference{b[31+2*i], b[32+2*i]}
	}
	return c, true
}

// A frameKey names a layer frame.
type frameKey struct {
	publisher uint16
	encoding  uint8
	place     uint64 // in decoding order
}

// place is where a layer frame stands in its encoding's decoding order.
func place(picture uint32, spatial uint8) uint64 { return uint64(picture)<<2 | uint64(spatial) }

func (c *content) frame() frameKey {
	return frameKey{c.publisher, c.encoding, place(c.picture, c.spatial)}
}

// needs lists the layer frames c's cannot be decoded without.
func (c *content) needs() []frameKey {
	var out []frameKey
	for _, r := range c.refs[:c.refCount] {
		out = append(out, frameKey{c.publisher, c.encoding, place(c.picture-uint32(r.back), r.spatial)})
	}
	return out
}

// refer adds a reference.
func (c *content) refer(r reference) {
	c.refs[c.refCount] = r
	c.refCount++
}

// sameEncoding tells whether two packets belong to one encoding.
func (c *content) sameEncoding(o *content) bool {
	return c.publisher == o.publisher && c.encoding == o.encoding
}

// samePicture tells whether two packets belong to one picture.
func (c *content) samePicture(o *content) bool { return c.sameEncoding(o) && c.picture == o.picture }

// sameFrame tells whether two packets belong to one layer frame.
func (c *content) sameFrame(o *content) bool { return c.samePicture(o) && c.spatial == o.spatial }

// ends tells whether the packet is its layer frame's last.
func (c *content) ends() bool { return c.part == c.parts-1 }

func (c *content) time() time.Time { return time.Unix(0, c.captured) }
