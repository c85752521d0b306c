package link

import (
	"encoding/binary"
	"time"
)

// A Receiver notes when packets arrive, by a clock of its own, and makes transport-wide
// feedback of it (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
type Receiver struct {
	Offset time.Duration // of its clock
	Drift  float64       // seconds its clock gains in a second

	arrived map[uint16]time.Duration
	next    uint16 // above the highest number that was fed back
	highest uint16
	started bool
	lowest  uint16 // late arrival below next; valid if late
	late    bool
	count   uint8
}

// An Arrival is a packet as it arrived.
type Arrival struct {
	Number uint16
	At     time.Duration
}

// maxFeedback is how many packets one feedback is about at most.
const maxFeedback = 1000

// Receive notes an arrival.
func (r *Receiver) Receive(number uint16, at time.Duration) {
	if r.arrived == nil {
		r.arrived = map[uint16]time.Duration{}
	}
	if !r.started {
		r.started, r.next, r.highest = true, number, number-1
	}
	r.arrived[number] = at + r.Offset + time.Duration(float64(at)*r.Drift)
	if int16(number-r.highest) > 0 {
		r.highest = number
	}
	if int16(number-r.next) < 0 && (!r.late || int16(number-r.lowest) < 0) {
		r.late, r.lowest = true, number
	}
}

// Feedback appends the body of feedback on all that arrived since the last one, and what
// is missing among it; unchanged if there is nothing to tell. Late packets are told
// again with all behind them.
func (r *Receiver) Feedback(b []byte) []byte {
	base := r.next
	if r.late {
		base = r.lowest
	}
	n := int(r.highest - base + 1)
	if !r.started || n <= 0 || n > 1<<15 {
		return b
	}
	n = r.fits(base, min(n, maxFeedback))
	r.next, r.late = base+uint16(n), false
	b = AppendFeedback(b, r.count, base, r.times(base, n))
	r.count++
	for number := range r.arrived {
		if int16(r.next-number) > maxFeedback {
			delete(r.arrived, number)
		}
	}
	return b
}

// fits is how many of n packets from base on one feedback can be about: the arrivals of
// some may be further apart than it can tell.
func (r *Receiver) fits(base uint16, n int) int {
	last, ok := r.arrived[base]
	for i := range n {
		at, here := r.arrived[base+uint16(i)]
		if ok && here && (at-last > maxDelta || last-at > maxDelta) {
			return i
		}
		if here {
			last, ok = at, true
		}
	}
	return n
}

// maxDelta is how far apart two arrivals of one feedback may be.
const maxDelta = 8 * time.Second

func (r *Receiver) times(base uint16, n int) []time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		at, ok := r.arrived[base+uint16(i)]
		if !ok {
			at = Missing
		}
		times[i] = at
	}
	return times
}

// Missing stands for the arrival of a packet that did not arrive.
const Missing = time.Duration(-1 << 63)

const (
	referenceTime = 64 * time.Millisecond
	deltaTime     = 250 * time.Microsecond
)

// AppendFeedback appends the body of transport-wide feedback, what is behind its RTCP
// header, that says of the packets from number base on when each arrived.
func AppendFeedback(b []byte, count uint8, base uint16, times []time.Duration) []byte {
	reference := time.Duration(0)
	for _, at := range times {
		if at != Missing {
			reference = at / referenceTime
			break
		}
	}
	b = binary.BigEndian.AppendUint64(b, 0x0000000100000002) // the SSRCs of sender and media
	b = binary.BigEndian.AppendUint16(b, base)
	b = binary.BigEndian.AppendUint16(b, uint16(len(times)))
	b = binary.BigEndian.AppendUint32(b, uint32(reference)<<8|uint32(count))
	last := reference * (referenceTime / deltaTime)
	symbols, deltas := make([]uint16, len(times)), []byte(nil)
	for i, at := range times {
		if at == Missing {
			continue
		}
		d := at/deltaTime - last
		last += d
		if 0 <= d && d < 256 {
			symbols[i], deltas = 1, append(deltas, byte(d))
		} else {
			symbols[i], deltas = 2, binary.BigEndian.AppendUint16(deltas, uint16(int16(d)))
		}
	}
	b = append(appendChunks(b, symbols), deltas...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// appendChunks writes runs where they are long, else vectors.
func appendChunks(b []byte, symbols []uint16) []byte {
	for len(symbols) > 0 {
		n := 1
		for n < len(symbols) && n < 1<<13-1 && symbols[n] == symbols[0] {
			n++
		}
		chunk := symbols[0]<<13 | uint16(n)
		if n < 7 {
			n = min(7, len(symbols))
			chunk = 3 << 14
			for i, s := range symbols[:n] {
				chunk |= s << (12 - 2*i)
			}
		}
		b = binary.BigEndian.AppendUint16(b, chunk)
		symbols = symbols[n:]
	}
	return b
}
