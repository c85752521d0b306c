package bench

import (
	"bytes"
	"encoding/binary"
	"time"
)

// A stamp is what every packet of a publisher carries behind its payload headers.
type stamp struct {
	number   uint64 // of the packet in its track, from 0
	sent     time.Time
	keyframe bool // the packet is of a keyframe
	audio    bool
}

const (
	stampBytes = 4 + 8 + 8 + 1
	// stampReach is where a stamp begins at the latest: behind the parameter sets of a
	// keyframe and the sequence number of a repair.
	stampReach = peekBytes - stampBytes
)

var stampMagic = [...]byte{0xb5, 0x7a, 0x3d, 0x91}

func (s *stamp) append(b []byte) []byte {
	b = append(b, stampMagic[:]...)
	b = binary.BigEndian.AppendUint64(b, s.number)
	b = binary.BigEndian.AppendUint64(b, uint64(s.sent.UnixNano())) //nolint:gosec // after 1970
	flags := byte(0)
	if s.keyframe {
		flags |= 1
	}
	if s.audio {
		flags |= 2
	}
	return append(b, flags)
}

// read finds a stamp in the first bytes of a payload.
func (s *stamp) read(b []byte) bool {
	at := bytes.Index(b, stampMagic[:])
	if at < 0 || at > stampReach || at+stampBytes > len(b) {
		return false
	}
	b = b[at+len(stampMagic):]
	s.number = binary.BigEndian.Uint64(b)
	s.sent = time.Unix(0, int64(binary.BigEndian.Uint64(b[8:]))) //nolint:gosec // after 1970
	s.keyframe, s.audio = b[16]&1 != 0, b[16]&2 != 0
	return true
}
