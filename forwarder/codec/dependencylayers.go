package codec

import "encoding/binary"

// dependencies is what a [LayerReader] knows from Dependency Descriptors. Frame numbers
// are extended to 32 bits in it, beginning at 1<<16.
type dependencies struct {
	newest uint32
	now    *sequence // the newest coded video sequence; nil until there is one
	before *sequence // the one before it, for late packets; nil until there is one
	told   toldActive
	frames [frameWindow]sentFrame
}

// toldActive are the active decode targets that were told last, with the frame of a number:
// the structure that they are of may come after them.
type toldActive struct {
	number uint32
	bits   uint32 // the first target's highest, those behind the last say nothing
	count  int    // bits that came
}

// take remembers what a descriptor without a structure tells.
func (t *toldActive) take(number uint32, value []byte) {
	if len(value) <= dependencyHeaderLen || value[dependencyHeaderLen]&0xc0 != 0x40 || number < t.number {
		return
	}
	var b [8]byte
	copy(b[:], value[dependencyHeaderLen:])
	bits := uint32(binary.BigEndian.Uint64(b[:]) >> (32 - dependencyFlagBits))
	*t = toldActive{number, bits, 8*(len(value)-dependencyHeaderLen) - dependencyFlagBits}
}

// A sentFrame is a frame that came, kept at its number modulo frameWindow.
type sentFrame struct {
	number  uint32 // 0: none
	needed  uint32
	spatial uint8
	key     bool // of a picture decodable alone
}

// describe refines l by the packet's descriptor. It returns false if there is none or
// its structure is not known.
func (r *LayerReader) describe(l *Layering, value []byte) bool {
	header, ok := ParseDependencyHeader(value)
	if !ok {
		return false
	}
	if r.deps == nil {
		r.deps = new(dependencies)
	}
	l.FrameNumber = header.FrameNumber
	l.Flags = l.Flags&^(LayerStart|LayerEnd) | HasFrameNumber
	if header.Start {
		l.Flags |= LayerStart
	}
	if header.End {
		l.Flags |= LayerEnd
	}
	d := r.deps
	number := d.extend(header.FrameNumber)
	d.told.take(number, value)
	s, dep := d.parse(number, value)
	if s == nil {
		return false
	}
	d.layer(l, s, number, &dep)
	return true
}

// extend returns number extended and advances the newest.
func (d *dependencies) extend(number uint16) uint32 {
	if d.newest == 0 {
		d.newest = 1<<16 | uint32(number)
		return d.newest
	}
	ahead := number - uint16(d.newest)
	if behind := -ahead; behind <= lateFrames {
		return d.newest - uint32(behind)
	}
	d.newest += uint32(ahead)
	return d.newest
}

// parse reads a descriptor by the structure of its own sequence, or with the one it
// brings. It returns nil where that is not known or the value malformed.
func (d *dependencies) parse(number uint32, value []byte) (*sequence, Dependency) {
	if len(value) > dependencyHeaderLen && value[dependencyHeaderLen]&0x80 != 0 {
		return d.replace(number, value)
	}
	s := d.sequence(number)
	if s == nil {
		return nil, Dependency{}
	}
	dep, err := s.structure.Parse(value)
	if err != nil {
		return nil, dep
	}
	return s, dep
}

// sequence returns the coded video sequence of a frame, nil if it is not known.
func (d *dependencies) sequence(number uint32) *sequence {
	switch {
	case d.now != nil && number >= d.now.from:
		return d.now
	case d.before != nil && number >= d.before.from:
		return d.before
	}
	return nil
}

// replace reads a descriptor that carries a structure, in the memory of the older of
// the two sequences. It returns nil if the value is malformed or too old.
func (d *dependencies) replace(number uint32, value []byte) (*sequence, Dependency) {
	if s := d.sequence(number); s != nil && s.from == number {
		return s.again(value)
	}
	if d.before != nil && number < d.before.from {
		return nil, Dependency{}
	}
	next := d.before
	if next == nil {
		next = new(sequence)
	}
	dep, err := next.structure.Parse(value)
	if err != nil {
		return nil, dep
	}
	var masks *LayerMasks
	if d.now != nil {
		masks = d.now.have.masks
	}
	next.begin(number, dep.Active, masks)
	if d.now == nil || number > d.now.from {
		d.now, d.before = next, d.now
	} else {
		d.before = next
	}
	if n := int(next.structure.Targets); d.told.number > number && d.told.count >= n && d.sequence(d.told.number) == next {
		next.activate(d.told.number, d.told.bits>>(32-n))
	}
	return next, dep
}

// layer fills in l for a frame of sequence s and remembers the frame.
func (d *dependencies) layer(l *Layering, s *sequence, number uint32, dep *Dependency) {
	l.Spatial, l.Temporal = dep.Spatial, dep.Temporal
	if dep.HasActive {
		s.activate(number, dep.Active)
	}
	f := s.frame(number, dep)
	held := f.needed | d.held(number, dep)
	if number == d.newest && s.move(number, f.switches, held) {
		f = s.frame(number, dep)
	}
	l.Needed, l.Masks = f.needed, f.masks
	l.Last = 0
	if l.Flags&LayerEnd != 0 {
		l.Last = f.last
	}
	if number == d.newest {
		l.Entry = f.entries & stepUp(held)
	} else {
		l.Entry = 0 // what came after it was kept without it
	}
	key := d.key(number, dep)
	if key {
		l.Flags |= LayerKeyframe
	}
	if number == s.from {
		l.Needed, l.Entry = AllLayers, AllLayers
	}
	if kept := &d.frames[number%frameWindow]; kept.number <= number {
		*kept = sentFrame{number: number, needed: l.Needed, spatial: dep.Spatial, key: key}
	}
}

// held returns the layers that have all frames that a frame refers to.
func (d *dependencies) held(number uint32, dep *Dependency) uint32 {
	held := AllLayers
	for _, diff := range dep.References[:dep.ReferenceCount] {
		f := d.frame(number - uint32(diff))
		held &= f.needed
	}
	return held
}

// frame returns a frame that came; the zero sentFrame if it did not, or is too old.
func (d *dependencies) frame(number uint32) sentFrame {
	if f := d.frames[number%frameWindow]; f.number == number {
		return f
	}
	return sentFrame{}
}

// key tells whether a frame is of a picture decodable alone: it refers to lower
// spatial layers of such a picture or to nothing.
func (d *dependencies) key(number uint32, dep *Dependency) bool {
	for _, diff := range dep.References[:dep.ReferenceCount] {
		if f := d.frame(number - uint32(diff)); !f.key || f.spatial >= dep.Spatial {
			return false
		}
	}
	return true
}
