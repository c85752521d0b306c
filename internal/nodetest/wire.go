package nodetest

import (
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// A wire is the oracle for the packets of one down track. Not safe for concurrent use.
type wire struct {
	started bool
	ssrc    uint32
	first   uint64                 // lowest extended number
	highest uint64                 // highest
	count   uint64                 // distinct packets
	stamps  [wireWindow]wirePacket // by number
	last    time.Time              // arrival of the last packet
	pause   time.Duration          // longest time without a packet
	faults  []string
}

type wirePacket struct {
	seq       uint64
	timestamp uint32
}

const (
	// wireWindow is how many numbers back timestamps are compared.
	wireWindow = 4096
	// maxFaults bounds what is told of one track.
	maxFaults = 5
)

// push takes a packet that has not come before.
func (w *wire) push(now time.Time, p *rtp.Packet) {
	if !w.started {
		w.started, w.ssrc = true, p.SSRC
		w.highest = 1<<16 + uint64(p.SequenceNumber)
		w.first = w.highest
		w.last = now
	}
	if p.SSRC != w.ssrc {
		w.fault("SSRC %d, it was %d", p.SSRC, w.ssrc)
	}
	seq := w.highest + uint64(int64(int16(p.SequenceNumber-uint16(w.highest)))) //nolint:gosec // RFC 3550 A.1
	w.count++
	w.first, w.highest = min(w.first, seq), max(w.highest, seq)
	w.pause, w.last = max(w.pause, now.Sub(w.last)), now
	w.stamps[seq%wireWindow] = wirePacket{seq, p.Timestamp}
	w.compare(seq-1, p.Timestamp, seq)
	w.compare(seq+1, p.Timestamp, seq)
}

// compare wants timestamps to rise with numbers.
func (w *wire) compare(neighbour uint64, timestamp uint32, seq uint64) {
	n := w.stamps[neighbour%wireWindow]
	if n.seq != neighbour {
		return // not here, yet
	}
	step := int32(timestamp - n.timestamp)
	if neighbour > seq {
		step = -step
	}
	if step < 0 {
		w.fault("timestamps step back by %d between number %d and %d", -step, uint16(min(seq, neighbour)), uint16(max(seq, neighbour)))
	}
}

// missing is how many numbers between the first and the highest have not come.
func (w *wire) missing() int {
	if !w.started {
		return 0
	}
	return int(w.highest - w.first + 1 - w.count) //nolint:gosec // small
}

func (w *wire) fault(format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}
