package bench

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

const (
	maxHoles     = 512 // packets one stream waits for
	nackTries    = 6
	nackInterval = 60 * time.Millisecond // a round trip and the server's reaction
	nackDelay    = 10 * time.Millisecond // before the first: it may only be reordered
)

// An inStream is what a receiver knows of one RTP stream (RFC 3550 A.1, A.3).
// Not safe for concurrent use.
type inStream struct {
	ssrc     uint32
	started  bool
	first    uint64 // extended numbers
	highest  uint64
	received uint64
	holes    []hole

	lastReport   uint32 // middle bits of the last sender report's NTP time
	lastReportAt time.Time
	expected     uint64 // at the last receiver report
	counted      uint64
}

// A hole is a missing packet.
type hole struct {
	seq   uint16
	tries int
	next  time.Time
}

// take counts a packet and returns its rollover counter and whether it is the first of
// its SSRC.
func (s *inStream) take(h *header, now time.Time, nack bool) (rollover uint32, fresh bool) {
	if !s.started || h.ssrc != s.ssrc {
		*s = inStream{started: true, ssrc: h.ssrc, first: uint64(h.seq), highest: uint64(h.seq), received: 1}
		return 0, true
	}
	s.received++
	ahead := int16(h.seq - uint16(s.highest))
	at := s.highest + uint64(int64(ahead)) //nolint:gosec // wraps as it should
	if ahead <= 0 {
		s.fill(h.seq)
		return uint32(at >> 16), false
	}
	if nack && ahead > 1 && len(s.holes)+int(ahead) <= maxHoles {
		for seq := uint16(s.highest) + 1; seq != h.seq; seq++ {
			s.holes = append(s.holes, hole{seq: seq, next: now.Add(nackDelay)})
		}
	}
	s.highest = at
	return uint32(at >> 16), false
}

// fill forgets a hole.
func (s *inStream) fill(seq uint16) {
	for i := range s.holes {
		if s.holes[i].seq == seq {
			s.holes = append(s.holes[:i], s.holes[i+1:]...)
			return
		}
	}
}

// nacks returns what is due to be asked for, and gives up what was asked for enough.
func (s *inStream) nacks(now time.Time) []uint16 {
	var due []uint16
	kept := s.holes[:0]
	for _, h := range s.holes {
		if h.next.After(now) {
			kept = append(kept, h)
			continue
		}
		if h.tries == nackTries {
			continue
		}
		h.tries, h.next = h.tries+1, now.Add(nackInterval)
		due = append(due, h.seq)
		kept = append(kept, h)
	}
	s.holes = kept
	return due
}

// report returns the stream's block of a receiver report.
func (s *inStream) report(now time.Time) rtcp.ReceptionReport {
	expected := s.highest - s.first + 1
	lost := int64(expected) - int64(s.received)                                                                     //nolint:gosec // below 2^63
	r := rtcp.ReceptionReport{SSRC: s.ssrc, LastSequenceNumber: uint32(s.highest), TotalLost: uint32(max(lost, 0))} //nolint:gosec // wraps as it should
	interval, got := expected-s.expected, s.received-s.counted
	if interval > got && s.expected > 0 {
		r.FractionLost = uint8(min(255, (interval-got)<<8/interval)) //nolint:gosec // bounded
	}
	s.expected, s.counted = expected, s.received
	if !s.lastReportAt.IsZero() {
		const fraction = 65536 // of a second
		r.LastSenderReport = s.lastReport
		r.Delay = uint32(now.Sub(s.lastReportAt).Seconds() * fraction)
	}
	return r
}

// senderReport notes a sender report (RFC 3550 §6.4.1): its first bytes.
func (s *inStream) senderReport(b []byte, now time.Time) {
	s.lastReport, s.lastReportAt = binary.BigEndian.Uint32(b[10:]), now
}
