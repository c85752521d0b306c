package codec

// A bitReader reads big-endian bits. Reading past the end gives zeros and is
// remembered in failed, so that callers check once, at the end.
type bitReader struct {
	data   []byte
	pos    int  // next byte to load
	cur    byte // byte being read
	left   uint // unread bits of cur
	zeros  int  // zero bytes loaded in a row, for escaped
	failed bool

	// escaped drops the emulation prevention bytes of NAL units: the 3 of
	// 00 00 03 (H.264 §7.4.1, H.265 §7.4.2).
	escaped bool
}

func (r *bitReader) load() {
	if r.escaped && r.zeros >= 2 && r.pos < len(r.data) && r.data[r.pos] == 3 {
		r.pos++
		r.zeros = 0
	}
	if r.pos >= len(r.data) {
		r.failed = true
		r.cur, r.left = 0, 8
		return
	}
	r.cur, r.left = r.data[r.pos], 8
	r.pos++
	if r.cur == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
}

// bits reads n bits, 0 to 32.
func (r *bitReader) bits(n uint) uint32 {
	var v uint32
	for n > 0 && !r.failed {
		if r.left == 0 {
			r.load()
		}
		take := min(n, r.left)
		r.left -= take
		v = v<<take | uint32(r.cur>>r.left)&(1<<take-1)
		n -= take
	}
	if r.failed {
		return 0
	}
	return v
}

func (r *bitReader) flag() bool { return r.bits(1) == 1 }

// skip passes over n bits.
func (r *bitReader) skip(n uint) {
	for ; n > 32 && !r.failed; n -= 32 {
		r.bits(32)
	}
	r.bits(min(n, 32))
}

// read returns how many bits were read, emulation prevention not counted.
func (r *bitReader) read() uint { return uint(8*r.pos) - r.left }

// align passes over the rest of a byte that was begun.
func (r *bitReader) align() { r.left = 0 }

// ue reads an Exp-Golomb code (H.264 §9.1). A code with more than 31
// leading zeros is out of every range there is and fails.
func (r *bitReader) ue() uint32 {
	zeros := uint(0)
	for !r.flag() {
		zeros++
		if r.failed || zeros > 31 {
			r.failed = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// se reads a signed Exp-Golomb code (H.264 §9.1.1).
func (r *bitReader) se() int32 {
	v := r.ue()
	if v&1 == 1 {
		return int32(v/2) + 1
	}
	return -int32(v / 2)
}

// ns reads a non-symmetric number below n (AV1 §4.10.7, also of the Dependency
// Descriptor). n is at least 1.
func (r *bitReader) ns(n uint32) uint32 {
	w := uint(0)
	for x := n; x != 0; x >>= 1 {
		w++
	}
	m := uint32(1)<<w - n
	v := r.bits(w - 1)
	if v < m {
		return v
	}
	return v<<1 - m + r.bits(1)
}

// uvlc reads AV1's variable length code (AV1 §4.10.3).
func (r *bitReader) uvlc() uint32 {
	zeros := uint(0)
	for !r.flag() && !r.failed {
		if zeros++; zeros >= 32 {
			return 1<<32 - 1
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}
