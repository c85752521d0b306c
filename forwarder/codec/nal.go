package codec

import "encoding/binary"

// A nalUnit is one NAL unit of a packet, whole or a fragment.
type nalUnit struct {
	header byte   // its first byte, where H.264 and H.265 both keep the type
	second byte   // its second byte: H.265's, 0 for H.264
	body   []byte // what follows the header
	whole  []byte // header and body as one; nil for fragments
	start  bool   // the unit begins here: all but later fragments
	after  bool   // another unit precedes it in the packet
}

// nalUnits walks the NAL units of one packet. The zero value is empty.
type nalUnits struct {
	rest       []byte  // of an aggregation packet, at a unit's size
	lead       int     // bytes between size and unit: MTAP's differences
	headerSize int     // of a NAL unit: 1 for H.264, 2 for H.265
	one        nalUnit // the only unit of other packets
	seen       int
	isOne      bool
}

// oneUnit walks a packet that holds one NAL unit or a part of one.
func oneUnit(u nalUnit) nalUnits { return nalUnits{one: u, isOne: true} }

// aggregated walks a packet of several NAL units, each after a size of 16 bits
// and lead more bytes that the size does not count.
func aggregated(payload []byte, skip, lead, headerSize int) nalUnits {
	if len(payload) < skip {
		return nalUnits{}
	}
	return nalUnits{rest: payload[skip:], lead: lead, headerSize: headerSize}
}

func newUnit(b []byte, headerSize int) (nalUnit, bool) {
	if len(b) < headerSize {
		return nalUnit{}, false
	}
	u := nalUnit{header: b[0], body: b[headerSize:], whole: b, start: true}
	if headerSize > 1 {
		u.second = b[1]
	}
	return u, true
}

// next returns the next unit, or false at the end, at a fault and at maxUnits.
func (n *nalUnits) next() (nalUnit, bool) {
	if n.isOne {
		n.isOne = false
		return n.one, true
	}
	if n.seen == maxUnits || len(n.rest) < 2+n.lead {
		return nalUnit{}, false
	}
	size := int(binary.BigEndian.Uint16(n.rest))
	rest := n.rest[2+n.lead:]
	if size > len(rest) {
		n.rest = nil
		return nalUnit{}, false
	}
	u, ok := newUnit(rest[:size], n.headerSize)
	u.after = n.seen > 0
	n.rest = rest[size:]
	n.seen++
	return u, ok
}
