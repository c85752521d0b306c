package client

import (
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An assembler puts packets in order and joins them to frames. A frame comes out
// with its last packet; after a hole that no repair fills in time, frames are
// dropped up to the next whole one. Not safe for concurrent use.
type assembler struct {
	name  codec.Name
	depay rtp.Depacketizer

	ring    [1 << 10]*rtp.Packet // by sequence number; more than reorderPackets
	started bool
	next    uint16    // the sequence number waited for
	newest  uint16    // the highest one seen
	holeAt  time.Time // since when next has been missing; zero if it is not

	frame     []byte
	timestamp uint32
	open      bool // frame holds the begin of a frame
	broken    bool // drop packets up to the next begin of a frame
	damaged   bool // a frame was lost before the one in work

	lost int64 // packets given up
}

// An assembled is a whole frame from packets.
type assembled struct {
	data      []byte // kept by the receiver
	timestamp uint32
	damaged   bool // frames are missing before it
}

func newAssembler(name codec.Name) *assembler {
	return &assembler{name: name, depay: newDepacketizer(name)}
}

// push takes a packet, which it keeps, and appends the frames that are whole now.
func (a *assembler) push(now time.Time, p *rtp.Packet, out []assembled) []assembled {
	if !a.started {
		a.started, a.next, a.newest = true, p.SequenceNumber, p.SequenceNumber-1
		a.broken = true // the first packets may be the middle of a frame
	}
	ahead := int16(p.SequenceNumber - a.next)
	if ahead < 0 {
		return out // late or twice
	}
	if int(ahead) >= len(a.ring) {
		a.restart(p.SequenceNumber)
	}
	a.ring[int(p.SequenceNumber)%len(a.ring)] = p
	if int16(p.SequenceNumber-a.newest) > 0 {
		a.newest = p.SequenceNumber
	}
	return a.drain(now, out)
}

// drain consumes packets in order, and jumps over a hole that waited too long.
func (a *assembler) drain(now time.Time, out []assembled) []assembled {
	for {
		slot := &a.ring[int(a.next)%len(a.ring)]
		if p := *slot; p != nil {
			*slot = nil
			a.holeAt = time.Time{}
			a.next++
			out = a.consume(p, out)
			continue
		}
		waiting := int16(a.newest - a.next)
		if waiting < 0 {
			return out // nothing is missing
		}
		if a.holeAt.IsZero() {
			a.holeAt = now
		}
		if int(waiting) < reorderPackets && now.Sub(a.holeAt) < reorderWait {
			return out
		}
		a.lost++
		a.next++
		a.lose()
	}
}

// lose drops the frame in work: one of its packets, or of one before, is gone.
func (a *assembler) lose() {
	a.broken, a.damaged, a.open = true, true, false
	a.frame = nil
	a.depay = newDepacketizer(a.name) // half a fragmented unit must not go on
}

// restart follows a jump of the numbers that no window covers.
func (a *assembler) restart(seq uint16) {
	clear(a.ring[:])
	a.lost += int64(seq - a.next)
	a.next, a.newest, a.holeAt = seq, seq-1, time.Time{}
	a.lose()
}

// consume adds the next packet in order.
func (a *assembler) consume(p *rtp.Packet, out []assembled) []assembled {
	if len(p.Payload) == 0 {
		return out // padding
	}
	if a.open && p.Timestamp != a.timestamp {
		out = a.finish(out) // a sender without markers
	}
	if a.broken {
		if !a.begins(p) {
			return out
		}
		a.broken = false
	}
	data, err := a.depay.Unmarshal(p.Payload)
	if err != nil || len(a.frame)+len(data) > maxFrame {
		a.lose()
		return out
	}
	a.frame, a.timestamp, a.open = append(a.frame, data...), p.Timestamp, true
	if p.Marker || a.name.Kind() == codec.Audio {
		out = a.finish(out)
	}
	return out
}

// begins tells whether a packet can be the first of a frame after a loss. In
// H.264 that may also be a later slice of a cut frame, hence the timestamp.
func (a *assembler) begins(p *rtp.Packet) bool {
	if a.name.Kind() == codec.Audio {
		return true
	}
	head, ok := a.depay.(interface{ IsPartitionHead([]byte) bool })
	return (p.Timestamp != a.timestamp || !a.damaged) && (!ok || head.IsPartitionHead(p.Payload))
}

func (a *assembler) finish(out []assembled) []assembled {
	a.open = false
	if len(a.frame) == 0 {
		return out
	}
	frame := a.frame
	if a.name == codec.AV1 {
		frame = append([]byte{0x12, 0}, frame...) // the temporal delimiter RTP leaves out
	}
	out = append(out, assembled{frame, a.timestamp, a.damaged})
	a.frame, a.damaged = nil, false
	return out
}
