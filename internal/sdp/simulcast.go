package sdp

import (
	"slices"
	"strings"
)

// A ridLine is "id direction [restrictions]" (RFC 8851 §4), its direction send.
type ridLine struct {
	id, restrictions string
}

// rid keeps a send rid. One more than the bound is kept, so that the check sees
// that there were too many.
func (m *media) rid(value string) {
	id, rest := cutField(value)
	direction, restrictions := cutField(rest)
	if direction != "send" || !isRID(id) || len(m.rids) > maxEncodings || m.ridIndex(id) >= 0 {
		return
	}
	m.rids = append(m.rids, ridLine{id, restrictions})
}

func (m *media) ridIndex(id string) int {
	return slices.IndexFunc(m.rids, func(r ridLine) bool { return r.id == id })
}

// isRID follows RFC 8852 §3.3 and the older, wider syntax with "-" and "_".
func isRID(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}

// encodings sets the section's RIDs and Simulcast from the rid lines and the
// send list of the simulcast line (RFC 8853 §5.1). Ids that no rid line declares
// are left out of the list, as §5.2 wants it.
func (m *media) encodings(s *Section) error {
	if len(m.rids) > maxEncodings {
		return unacceptable(CodeTooManyEncodings, "The offer has more simulcast encodings than the 8 this server takes; send fewer.")
	}
	s.RIDs, s.Simulcast = m.sendList()
	if s.Simulcast != "" {
		return nil
	}
	s.RIDs = nil
	for _, r := range m.rids {
		s.RIDs = append(s.RIDs, r.encoding(false))
	}
	return nil
}

// sendList reads "send a,b;~c recv d": the encodings in order, and the list
// rewritten.
func (m *media) sendList() (rids []RID, list string) {
	direction, rest := cutField(m.simulcast)
	offered, rest := cutField(rest)
	if direction != "send" {
		direction, rest = cutField(rest)
		offered, _ = cutField(rest)
	}
	if direction != "send" {
		return nil, ""
	}
	var b strings.Builder
	used := make([]bool, len(m.rids))
	for alternatives := range strings.SplitSeq(offered, ";") {
		separator := ";"
		for id := range strings.SplitSeq(alternatives, ",") {
			id, paused := strings.CutPrefix(id, "~")
			i := m.ridIndex(id)
			if i < 0 || used[i] {
				continue
			}
			used[i] = true
			rids = append(rids, m.rids[i].encoding(paused))
			writeAlternative(&b, separator, id, paused)
			separator = ","
		}
	}
	return rids, b.String()
}

func writeAlternative(b *strings.Builder, separator, id string, paused bool) {
	if b.Len() > 0 {
		b.WriteString(separator)
	}
	if paused {
		b.WriteByte('~')
	}
	b.WriteString(id)
}

func (r ridLine) encoding(paused bool) RID {
	e := RID{ID: strings.Clone(r.id), Paused: paused}
	if len(r.restrictions) <= maxFmtp && isVisible(r.restrictions) {
		e.restrictions = strings.Clone(r.restrictions)
	}
	return e
}

// restrictionsFor returns the restrictions an answer repeats: as offered, but
// of "pt=" only the payload types that were accepted.
func (r RID) restrictionsFor(s *Section) string {
	if r.restrictions == "" {
		return ""
	}
	var kept []string
	for p := range strings.SplitSeq(r.restrictions, ";") {
		p = strings.TrimSpace(p)
		if list, ok := strings.CutPrefix(p, "pt="); ok {
			p = s.acceptedTypes(list)
		}
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ";")
}

func (s *Section) acceptedTypes(list string) string {
	var kept []string
	for f := range strings.SplitSeq(list, ",") {
		pt, ok := parseUint(f, 127)
		if ok && slices.ContainsFunc(s.Codecs, func(c Codec) bool { return uint64(c.PT) == pt }) {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "pt=" + strings.Join(kept, ",")
}
