package forwarder

import (
	"time"

	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Packet is one RTP packet of an encoding, as its publisher sent it. It is
// immutable once appended to a history and may be kept by anyone.
type Packet struct {
	Index     uint64    // position in its history, in order of arrival
	Seq       uint64    // extended sequence number (RFC 3550 A.1), from 1<<16
	Timestamp uint32    // in the codec's RTP clock
	At        time.Time // arrival
	Marker    bool      // last packet of a frame (video)
	Left      uint16    // bytes of the payload that a link left out, since nobody here wanted its layer; 0: it is whole
	Travels   uint32    // over a link: the layers that come whole from its picture on, as bits; 0: all
	Payload   []byte    // without padding; empty for a probe
	Ext       []ExtensionValue

	Layering codec.Layering
}

// What a packet and one of its extension values take beside their bytes: the struct,
// and three places in the history's two rings.
const (
	packetBytes = 136 + 3*8
	valueBytes  = 32
)

// whole is how long the payload was when it left the publisher, bytes.
func (p *Packet) whole() int { return max(len(p.Payload), int(p.Left)) }

// ofFrame tells whether p and q are of one layer frame. Where both have frame numbers these
// tell: of a late packet whose structure is forgotten the layer is not known.
func (p *Packet) ofFrame(q *Packet) bool {
	a, b := &p.Layering, &q.Layering
	if len(q.Payload) == 0 || p.Timestamp != q.Timestamp {
		return false
	}
	if a.Flags&b.Flags&codec.HasFrameNumber != 0 {
		return a.FrameNumber == b.FrameNumber
	}
	return a.Spatial == b.Spatial
}

// size is the memory p takes in a history.
func (p *Packet) size() int64 {
	n := packetBytes + len(p.Payload)
	for i := range p.Ext {
		n += valueBytes + len(p.Ext[i].Data)
	}
	return int64(n)
}

// An ExtensionValue is a header extension's meaning and value; the id differs
// from session to session.
type ExtensionValue struct {
	Ext  codec.Extension
	Data []byte
}

// after tells whether RTP timestamp a is later than b, modulo 2^32.
func after(a, b uint32) bool { return int32(a-b) > 0 }

// arena cuts packets and payloads from larger blocks, so that a publisher costs
// few allocations. What it gives is ordinary memory, never reused.
type arena struct {
	packets []Packet
	bytes   []byte
	exts    []ExtensionValue
}

const (
	arenaPackets = 64
	arenaBytes   = 64 << 10
)

func (a *arena) packet() *Packet {
	if len(a.packets) == 0 {
		a.packets = make([]Packet, arenaPackets)
	}
	p := &a.packets[0]
	a.packets = a.packets[1:]
	return p
}

// copy returns a copy of b with its capacity cut to its length. b is at most
// maxPacket long.
func (a *arena) copy(b []byte) []byte {
	if len(b) > len(a.bytes) {
		a.bytes = make([]byte, arenaBytes)
	}
	c := a.bytes[:len(b):len(b)]
	a.bytes = a.bytes[len(b):]
	copy(c, b)
	return c
}

// extensions copies the values of h that are forwarded to subscribers, each once: a
// packet that names one value again and again must not cost more than its size.
func (a *arena) extensions(h *rtp.Header, forwarded []forwardedID) []ExtensionValue {
	var found [codec.NumExtensions][]byte
	n := 0
	for _, f := range forwarded {
		if b := h.GetExtension(f.id); b != nil && found[f.ext] == nil {
			found[f.ext] = b
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if n > len(a.exts) {
		a.exts = make([]ExtensionValue, arenaPackets)
	}
	out := a.exts[:0:n]
	a.exts = a.exts[n:]
	for ext, b := range found {
		if b != nil {
			out = append(out, ExtensionValue{codec.Extension(ext), a.copy(b)})
		}
	}
	return out
}

// A forwardedID is the id a publisher gives an extension that is passed on.
type forwardedID struct {
	id  uint8
	ext codec.Extension
}

// an extender turns 16-bit sequence numbers into 64-bit ones.
type extender struct {
	highest uint64
	started bool
	near    uint64 // a number not far from the first one; 0: unknown
}

// extend returns the extended number nearest to the highest so far. It does not
// advance the highest: see advance.
func (e *extender) extend(seq uint16) uint64 {
	switch {
	case e.started:
		return nearest(e.highest, seq)
	case e.near != 0:
		return nearest(e.near, seq)
	}
	return 1<<16 + uint64(seq)
}

// nearest returns the extended number that ends in seq and is nearest to ext.
func nearest(ext uint64, seq uint16) uint64 {
	return uint64(int64(ext) + int64(int16(seq-uint16(ext))))
}

// advance takes ext as seen and tells whether it is the new highest.
func (e *extender) advance(ext uint64) bool {
	if e.started && ext <= e.highest {
		return false
	}
	e.highest, e.started = ext, true
	return true
}
