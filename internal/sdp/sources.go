package sdp

import (
	"slices"
	"strings"
)

// sources are the SSRCs a section declares (RFC 5576).
type sources struct {
	declared []uint32          // all of them, each once, in order
	repairs  map[uint32]uint32 // RTX → media
	parity   []uint32          // error-correction streams
}

// declare takes the value of an ssrc line: "number attribute".
func (s *sources) declare(value string) {
	field, _ := cutField(value)
	if ssrc, ok := parseSSRC(field); ok {
		s.add(ssrc)
	}
}

func (s *sources) add(ssrc uint32) {
	if len(s.declared) < 2*maxSSRCs && !slices.Contains(s.declared, ssrc) {
		s.declared = append(s.declared, ssrc)
	}
}

// group takes the value of an ssrc-group line: "FID media rtx" (RFC 5576 §4.2),
// "FEC-FR media parity" (RFC 5956 §4.3). Members need no ssrc line of their own:
// FFmpeg declares none for RTX.
func (s *sources) group(value string) {
	semantics, rest := cutField(value)
	first, rest := cutField(rest)
	media, ok := parseSSRC(first)
	if !ok {
		return
	}
	second, _ := cutField(rest)
	other, ok := parseSSRC(second)
	if !ok || other == media {
		return
	}
	switch strings.ToUpper(semantics) {
	case "FID":
		s.repair(media, other)
	case "FEC-FR", "FEC":
		if len(s.parity) < maxSSRCs {
			s.parity = append(s.parity, other)
		}
	}
}

func (s *sources) repair(media, rtx uint32) {
	if len(s.repairs) >= maxSSRCs {
		return
	}
	if s.repairs == nil {
		s.repairs = make(map[uint32]uint32)
	}
	s.repairs[rtx] = media
	s.add(media)
}

// media returns the media SSRCs: those declared that neither repair nor protect.
func (s *sources) media() []uint32 {
	var out []uint32
	for _, ssrc := range s.declared {
		if _, rtx := s.repairs[ssrc]; !rtx && !slices.Contains(s.parity, ssrc) && len(out) < maxSSRCs {
			out = append(out, ssrc)
		}
	}
	return out
}

func parseSSRC(s string) (uint32, bool) {
	n, ok := parseUint(s, 1<<32-1)
	return uint32(n), ok && n != 0
}
