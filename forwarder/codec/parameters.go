package codec

import (
	"bytes"
	"encoding/binary"
)

// ParameterSets keeps the latest parameter sets of one H264 or H265 encoding,
// one per kind and id, to supply those a keyframe lacks. The zero value is empty
// and ready. It is a plain value of about 1.5 KB: copying it takes a snapshot.
// It is not safe for concurrent use. Keeping does not allocate.
//
// It holds at most 16 sets, and never more than fit one payload of 1200 bytes;
// beyond that the set kept longest ago goes. A set that alone exceeds it is not
// kept.
type ParameterSets struct {
	name  Name // of what is kept; sets of two codecs never mix
	count int
	sets  [maxParameterSets]parameterSet // oldest first
	used  int
	data  [maxParameterPayload]byte // the sets' NAL units, in the order of sets
}

type parameterSet struct {
	key  parameterKey
	size int // of its NAL unit in data
}

// A parameterKey tells which set a later one replaces.
type parameterKey struct {
	kind  ParameterKind
	layer uint8
	id    uint8
}

// Keep copies the parameter sets that payload, an RTP payload of format f, holds
// whole, and tells whether that changed anything. Call it when [Info].Parameters
// is not 0. Fragmented sets are passed over; formats without parameter sets keep
// nothing. A set of another codec than before first drops all that was kept.
func (p *ParameterSets) Keep(f Format, payload []byte) bool {
	units, ok := unitsOf(f, payload)
	changed := false
	for u, more := units.next(); ok && more; u, more = units.next() {
		if p.keepUnit(f.Name, u) {
			changed = true
		}
	}
	return changed
}

// KeepNAL keeps one NAL unit, header included, e.g. from [SpropNALs]. It tells
// whether that changed anything; NAL units that are no parameter sets do not.
func (p *ParameterSets) KeepNAL(f Format, nal []byte) bool {
	size := nalHeaderSize(f.Name)
	u, ok := newUnit(nal, size)
	return ok && size > 0 && p.keepUnit(f.Name, u)
}

// Kinds tells which kinds are kept.
func (p *ParameterSets) Kinds() ParameterKind {
	var kinds ParameterKind
	for _, s := range p.sets[:p.count] {
		kinds |= s.key.kind
	}
	return kinds
}

// Complete tells whether p holds what a decoder of f needs before a keyframe.
func (p *ParameterSets) Complete(f Format) bool {
	return p.name == f.Name && f.Parameters()&^p.Kinds() == 0
}

// Len returns the number of sets kept, 0 to 16.
func (p *ParameterSets) Len() int { return p.count }

// NAL returns NAL unit i of those kept, i below Len: VPS come first, then SPS,
// then PPS. It is borrowed from p until its next change.
func (p *ParameterSets) NAL(i int) []byte {
	for _, kind := range [...]ParameterKind{VPS, SPS, PPS} {
		at := 0
		for _, s := range p.sets[:p.count] {
			if s.key.kind == kind {
				if i == 0 {
					return p.data[at : at+s.size]
				}
				i--
			}
			at += s.size
		}
	}
	panic("codec: no such parameter set")
}

// AppendPayload appends to dst one RTP payload with every NAL: a single NAL
// unit packet for one, else a STAP-A (RFC 6184 §5.7.1) or aggregation packet
// (RFC 7798 §4.4.2). It is at most 1200 bytes and belongs before the keyframe's
// first packet, with its timestamp and no marker. With nothing kept dst is
// returned as it is.
//
// H264's packetization mode 0 knows no STAP-A: there each NAL is a payload.
func (p *ParameterSets) AppendPayload(dst []byte) []byte {
	if p.count == 1 {
		return append(dst, p.data[:p.used]...)
	}
	if p.count > 1 {
		dst = p.appendHeader(dst)
	}
	for i := range p.count {
		nal := p.NAL(i)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(nal)))
		dst = append(dst, nal...)
	}
	return dst
}

// appendHeader appends an aggregation packet's header. H.264's has the highest
// nal_ref_idc of its units; H.265's the lowest layer and temporal id, which for
// parameter sets of a base layer are 0 and 1.
func (p *ParameterSets) appendHeader(dst []byte) []byte {
	if p.name == H265 {
		return append(dst, h265Aggregation<<1, 1)
	}
	ref, at := byte(0), 0
	for _, s := range p.sets[:p.count] {
		ref = max(ref, p.data[at]&0x60)
		at += s.size
	}
	return append(dst, ref|h264STAPA)
}

func (p *ParameterSets) keepUnit(name Name, u nalUnit) bool {
	key, ok := parameterKeyOf(name, u)
	size := len(u.whole)
	if !ok || nalHeaderSize(name)+2+size > maxParameterPayload {
		return false
	}
	if p.name != name {
		*p = ParameterSets{name: name}
	}
	if i, at := p.find(key); i >= 0 {
		if bytes.Equal(p.data[at:at+p.sets[i].size], u.whole) {
			return false
		}
		p.remove(i, at)
	}
	for p.count == maxParameterSets || p.packed()+2+size > maxParameterPayload {
		p.remove(0, 0)
	}
	p.sets[p.count] = parameterSet{key, size}
	p.count++
	p.used += copy(p.data[p.used:], u.whole)
	return true
}

// packed returns the size of an aggregation packet of everything kept.
func (p *ParameterSets) packed() int { return nalHeaderSize(p.name) + 2*p.count + p.used }

// find returns the index of a set and where its bytes begin, or -1.
func (p *ParameterSets) find(key parameterKey) (i, at int) {
	for i, s := range p.sets[:p.count] {
		if s.key == key {
			return i, at
		}
		at += s.size
	}
	return -1, 0
}

// remove takes out set i, whose bytes begin at at.
func (p *ParameterSets) remove(i, at int) {
	size := p.sets[i].size
	copy(p.data[at:], p.data[at+size:p.used])
	p.used -= size
	copy(p.sets[i:], p.sets[i+1:p.count])
	p.count--
}

// unitsOf walks the NAL units of a payload; false for codecs without any.
func unitsOf(f Format, payload []byte) (nalUnits, bool) {
	switch f.Name {
	case H264:
		return h264Units(payload), true
	case H265:
		return h265Units(payload), true
	}
	return nalUnits{}, false
}

// nalHeaderSize returns the size of a NAL unit's header, 0 for other codecs.
func nalHeaderSize(name Name) int {
	switch name {
	case H264:
		return 1
	case H265:
		return 2
	}
	return 0
}

// parameterKeyOf tells which parameter set a NAL unit is; false if it is none,
// not whole, or its id is out of range.
func parameterKeyOf(name Name, u nalUnit) (parameterKey, bool) {
	if u.whole == nil {
		return parameterKey{}, false
	}
	if name == H264 {
		return h264ParameterKey(u)
	}
	return h265ParameterKey(u)
}

func h264ParameterKey(u nalUnit) (parameterKey, bool) {
	switch u.header & 0x1f {
	case h264SPS:
		sps, err := parseH264SPS(u.body)
		return parameterKey{kind: SPS, id: sps.ID}, err == nil
	case h264PPS:
		r := bitReader{data: u.body, escaped: true}
		id := r.ue()
		return parameterKey{kind: PPS, id: uint8(id)}, !r.failed && id <= 255
	}
	return parameterKey{}, false
}

func h265ParameterKey(u nalUnit) (parameterKey, bool) {
	layer := h265Layer(u)
	r := bitReader{data: u.body, escaped: true}
	switch u.header >> 1 & 0x3f {
	case h265VPS:
		id := r.bits(4)
		return parameterKey{VPS, layer, uint8(id)}, !r.failed
	case h265SPS:
		sps, err := parseH265SPS(u.body)
		return parameterKey{SPS, layer, sps.ID}, err == nil && layer == 0
	case h265PPS:
		id := r.ue()
		return parameterKey{PPS, layer, uint8(id)}, !r.failed && id <= 63
	}
	return parameterKey{}, false
}
