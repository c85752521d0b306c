package forwardertest

import (
	"encoding/binary"
	"time"
)

// content is what a simulated packet says of itself, hidden behind the codec's
// own header, where the core does not look.
type content struct {
	publisher uint16 // session
	encoding  uint8  // 255: audio
	key       bool
	frame     uint32
	part      uint16 // of the frame, from 0
	parts     uint16
	captured  int64 // on our clock, nanoseconds
}

const audioEncoding = 255

const (
	contentMagic = 0x77686970
	contentSize  = 4 + 2 + 1 + 1 + 4 + 2 + 2 + 8
)

func (c content) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, contentMagic)
	b = binary.BigEndian.AppendUint16(b, c.publisher)
	key := byte(0)
	if c.key {
		key = 1
	}
	b = append(b, c.encoding, key)
	b = binary.BigEndian.AppendUint32(b, c.frame)
	b = binary.BigEndian.AppendUint16(b, c.part)
	b = binary.BigEndian.AppendUint16(b, c.parts)
	return binary.BigEndian.AppendUint64(b, uint64(c.captured))
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
	return content{
		publisher: binary.BigEndian.Uint16(b[4:]), encoding: b[6], key: b[7] == 1,
		frame: binary.BigEndian.Uint32(b[8:]), part: binary.BigEndian.Uint16(b[12:]), parts: binary.BigEndian.Uint16(b[14:]),
		captured: int64(binary.BigEndian.Uint64(b[16:])),
	}, true
}

// sameFrame tells whether two packets belong to one frame.
func (c content) sameFrame(o content) bool {
	return c.publisher == o.publisher && c.encoding == o.encoding && c.frame == o.frame
}

// follows tells whether c's frame is decodable after o's was.
func (c content) follows(o content) bool {
	return c.key || c.publisher == o.publisher && c.encoding == o.encoding && c.frame == o.frame+1
}

func (c content) time() time.Time { return time.Unix(0, c.captured) }
