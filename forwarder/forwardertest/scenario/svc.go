package scenario

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
)

// SVC says that the publisher sends one encoding of VP9 with a spatial layer for each of
// the scenario's encodings, instead of simulcast.
type SVC uint8

const (
	NoSVC   SVC = iota
	SVCKey      // layers depend on the next lower one in keyframes only (L3T3_KEY)
	SVCFull     // in each picture (L3T3)
)

// layered sends a picture in all spatial layers. A keyframe that one layer is asked for
// is one of all.
func (s *source) layered(now time.Time, at time.Duration) {
	n := s.frames
	s.frames++
	base := s.all[0]
	key := !base.began || base.wanted >= 0 && at >= base.wanted+answerTime
	if key {
		base.began, base.wanted = true, -1
	}
	if key {
		s.newKey = n
	}
	temporal := temporalLayer(n-s.newKey, key)
	s.refs = append(s.refs, s.reference(n))
	base.picture++
	for i, v := range s.all {
		top := i == len(s.all)-1
		size := s.frameBytes(v, key, temporal)
		if s.svc == SVCFull && i > 0 {
			size -= s.frameBytes(s.all[i-1], key, temporal) // what a receiver gets is the sum
		}
		first := true
		for size > 0 {
			part := min(size, payloadBytes)
			size -= part
			h := rtp.Header{
				Version: 2, PayloadType: upVideo, SSRC: base.ssrc, SequenceNumber: base.seq,
				Timestamp: uint32(n) * frameTicks, Marker: top && size == 0,
			}
			base.seq++
			s.push(now, h, s.vp9(i, first, size == 0, key, temporal, part))
			first = false
		}
	}
}

// reference is the picture that picture n needs, -1 if none.
func (s *source) reference(n int) int {
	if n == s.newKey {
		return -1
	}
	return n - back[temporalLayer(n-s.newKey, false)]
}

// back is how many pictures a picture of a temporal layer looks back.
var back = [3]int{4, 2, 1}

// vp9 is a payload descriptor in flexible mode (RFC 9628 §4.2) with the frame's
// beginning behind it.
func (s *source) vp9(spatial int, first, last, key bool, temporal uint8, size int) []byte {
	bit := func(b bool, v byte) byte {
		if b {
			return v
		}
		return 0
	}
	below := spatial > 0 && (key || s.svc == SVCFull)
	above := spatial < len(s.all)-1 && (key || s.svc == SVCFull)
	structure := key && spatial == 0 && first
	base := s.all[0]
	b := make([]byte, 0, max(size, 40))
	b = append(b, 0xb0|bit(!key, 0x40)|bit(first, 0x08)|bit(last, 0x04)|bit(structure, 0x02)|bit(!above, 0x01))
	b = binary.BigEndian.AppendUint16(b, 1<<15|base.picture&0x7fff)
	b = append(b, temporal<<5|0x10|byte(spatial)<<1|bit(below, 0x01))
	if !key {
		b = append(b, byte(back[temporal])<<1)
	}
	if structure {
		b = append(b, byte(len(s.all)-1)<<5|0x10)
		for _, v := range s.all {
			b = binary.BigEndian.AppendUint16(b, v.Width)
			b = binary.BigEndian.AppendUint16(b, v.Height)
		}
	}
	switch {
	case first && key && spatial == 0:
		b = append(b, 0x82, 0x49, 0x83, 0x42, 0x20) // a shown keyframe of profile 0 (VP9 §6.2)
		b = binary.BigEndian.AppendUint32(b, uint32(s.all[0].Width-1)<<12|uint32(s.all[0].Height-1)>>4)
	case first:
		b = append(b, 0x86)
	}
	return b[:max(size, len(b))]
}
