package codec

// AppendDescriptor appends to dst a Dependency Descriptor that says the same as value
// but for the frame number and, if targets is over 0, for the active decode targets
// bitmask: it is there and says active. targets is the number of decode targets of the
// structure in force (that of the value's own, if it has one), see [LayerMasks]; where
// it is not, the bitmask stays as it was.
//
// value is what a publisher sent and is not changed; dst must not overlap it. A value
// that [ParseDependencyHeader] refuses is appended as it is. At most 5 bytes more than
// value are appended. It does not allocate beyond growing dst.
func AppendDescriptor(dst, value []byte, frameNumber uint16, active uint32, targets uint8) []byte {
	begin := len(dst)
	if len(value) < dependencyHeaderLen {
		return append(dst, value...)
	}
	if targets == 0 || targets > MaxDecodeTargets {
		dst = append(dst, value...)
	} else {
		dst = appendActive(dst, value, active, uint(targets))
	}
	PutFrameNumber(dst[begin:], frameNumber)
	return dst
}

// The optional parts of a descriptor, in the byte after its header.
const (
	descriptorStructure   = 0x80
	descriptorActive      = 0x40
	descriptorIndications = 0x20
	descriptorReferences  = 0x10
	descriptorChains      = 0x08
)

const descriptorFlagBits = 5

// appendActive appends value with its active decode targets bitmask put in or replaced.
func appendActive(dst, value []byte, active uint32, targets uint) []byte {
	if len(value) == dependencyHeaderLen {
		w := bitAppender{out: append(dst, value...)}
		w.bits(descriptorActive>>(8-descriptorFlagBits), descriptorFlagBits)
		w.bits(active, targets)
		return w.out
	}
	begin, flags := len(dst), value[dependencyHeaderLen]
	r := bitReader{data: value[dependencyHeaderLen:]}
	r.bits(descriptorFlagBits)
	if flags&descriptorStructure != 0 {
		var s DependencyStructure
		if s.read(&r) != nil || uint(s.Targets) != targets {
			return append(dst, value...)
		}
	}
	w := bitAppender{out: append(dst, value[:dependencyHeaderLen]...)}
	w.copy(value[dependencyHeaderLen:], 0, r.read())
	w.bits(active, targets)
	if flags&descriptorActive != 0 {
		r.skip(targets)
	}
	if r.failed {
		return append(w.out[:begin], value...)
	}
	from := r.read()
	w.copy(value[dependencyHeaderLen:], from, descriptorEnd(r, flags, targets)-from)
	w.out[begin+dependencyHeaderLen] |= descriptorActive
	return w.out
}

// descriptorEnd returns where the meaning of a descriptor ends, in bits: r stands
// behind the bitmask. With chains of its own, whose number is not known here, all of
// it may mean something.
func descriptorEnd(r bitReader, flags byte, targets uint) uint {
	all := uint(8 * len(r.data))
	if flags&descriptorChains != 0 {
		return all
	}
	if flags&descriptorIndications != 0 {
		r.skip(2 * targets)
	}
	if flags&descriptorReferences != 0 {
		for size := r.bits(2); size > 0; size = r.bits(2) {
			r.bits(uint(4 * size))
		}
	}
	if r.failed {
		return all
	}
	return r.read()
}

// A bitAppender appends big-endian bits; the last byte is filled up with zeros.
type bitAppender struct {
	out  []byte
	free uint // bits of the last byte
}

// bits appends the low n bits of v, 0 to 32.
func (w *bitAppender) bits(v uint32, n uint) {
	for n > 0 {
		if w.free == 0 {
			w.out, w.free = append(w.out, 0), 8
		}
		take := min(n, w.free)
		n -= take
		w.free -= take
		w.out[len(w.out)-1] |= byte(v>>n&(1<<take-1)) << w.free
	}
}

// copy appends n bits of data from bit from on.
func (w *bitAppender) copy(data []byte, from, n uint) {
	r := bitReader{data: data}
	r.skip(from)
	for ; n > 8; n -= 8 {
		w.bits(r.bits(8), 8)
	}
	w.bits(r.bits(n), n)
}
