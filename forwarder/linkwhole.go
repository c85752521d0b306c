package forwarder

import (
	"encoding/binary"
	"hash/fnv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What the ends of a link tell each other of the stream as a whole, besides what they tell of encodings:
//
//   - linkAudience, from the edge: how many subscribers its node and those below it have.
//   - linkWhole, from the origin: how many there are in all, and which list of findings
//     holds, 0 if nothing is wrong.
//   - linkFinding, from the origin: one finding of a list.
//
// A node of a version that does not know them passes them over, and so do we what stands
// behind the part that we know.
const (
	linkAudience = 4
	linkWhole    = 5
	linkFinding  = 6

	audienceBytes = 4
	wholeBytes    = 8
	findingBytes  = 12 // before code and text
)

// A foundList is all that is wrong with a publisher's media, not nothing. It does not change.
type foundList struct {
	id   uint32 // by what it says, not 0; the same at every hop
	list []Finding
}

// newFoundList returns nil for no findings.
func newFoundList(list []Finding) *foundList {
	if len(list) == 0 {
		return nil
	}
	h := fnv.New32a()
	for _, f := range list {
		for _, text := range [...]string{f.Code, f.Text} {
			h.Write(append([]byte(text), 0)) // what ends here does not end elsewhere
		}
	}
	return &foundList{max(h.Sum32(), 1), list}
}

// appendAudience says how many subscribers the edge has.
func appendAudience(b []byte, from uint32, n int) []byte {
	b = appendLinkMessage(b, linkAudience, from, audienceBytes/4)
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// appendWhole says how many subscribers there are, and what is wrong; found may be nil.
func appendWhole(b []byte, from uint32, audience int, found *foundList) []byte {
	b = appendLinkMessage(b, linkWhole, from, wholeBytes/4)
	b = binary.BigEndian.AppendUint32(b, uint32(audience))
	id := uint32(0)
	if found != nil {
		id = found.id
	}
	return binary.BigEndian.AppendUint32(b, id)
}

// wholeID is which list of findings holds, of a message that is long enough.
func wholeID(b []byte) uint32 { return binary.BigEndian.Uint32(b[audienceBytes:]) }

// readAudience reads a number of subscribers, believed up to maxAudience.
func readAudience(b []byte) (n int, ok bool) {
	if len(b) < audienceBytes {
		return 0, false
	}
	return int(min(binary.BigEndian.Uint32(b), maxAudience)), true
}

// appendFinding says the i-th finding of a list. It fits a packet however long the words are.
func appendFinding(b []byte, from uint32, found *foundList, i int) []byte {
	code, text := found.list[i].Code, shorten(found.list[i].Text)
	n := findingBytes + len(code) + len(text)
	padding := -n & 3
	b = appendLinkMessage(b, linkFinding, from, (n+padding)/4)
	b = binary.BigEndian.AppendUint32(b, found.id)
	b = append(b, byte(min(len(found.list), maxFindings)), byte(i), byte(len(code)), 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	b = append(b, 0, 0)
	b = append(append(b, code...), text...)
	return append(b, make([]byte, padding)...)
}

// shorten leaves out the end of what is longer than maxFindingText.
func shorten(text string) string {
	const left = "…"
	if len(text) <= maxFindingText {
		return text
	}
	end := maxFindingText - len(left)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + left
}

// A toldFinding is one finding of a list as it came over a link.
type toldFinding struct {
	id    uint32
	n, at int // how many the list has, and which it is
	Finding
}

func readFinding(b []byte) (f toldFinding, ok bool) {
	if len(b) < findingBytes {
		return toldFinding{}, false
	}
	f = toldFinding{id: binary.BigEndian.Uint32(b), n: int(b[4]), at: int(b[5])}
	code, text := int(b[6]), int(binary.BigEndian.Uint16(b[8:]))
	if b = b[findingBytes:]; f.at >= f.n || f.n > maxFindings || code > maxFindingCode || text > maxFindingText || len(b) < code+text {
		return toldFinding{}, false
	}
	f.Code, f.Text = string(b[:code]), string(b[code:code+text])
	return f, f.legible()
}

// legible tells whether people and programs can read a finding. Its code need not be one that this version knows.
func (f *Finding) legible() bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return f.Code != "" && f.Text != "" && !strings.ContainsFunc(f.Code, odd) &&
		utf8.ValidString(f.Text) && !strings.ContainsFunc(f.Text, unicode.IsControl)
}

// tellFindings says what is wrong, one finding at a time: at once where that changed, and
// all again each findingInterval.
func (t *Tap) tellFindings(now time.Time, out *Output) {
	found, c := t.pub.found.Load(), &t.telling
	if found != c.found {
		*c = findingsTold{found: found}
	}
	switch {
	case found == nil:
		return
	case now.Before(c.at):
	case len(out.RTCP) > 0: // a packet of its own, soon
		c.at = now.Add(findingSpacing)
	default:
		out.RTCP = appendReceiverReport(out.RTCP, t.ssrc, 0)
		out.RTCP = appendWhole(out.RTCP, t.ssrc, t.pub.Audience(now), found)
		out.RTCP = appendFinding(out.RTCP, t.ssrc, found, c.next)
		c.at = now.Add(findingSpacing)
		if c.next++; c.next == min(len(found.list), maxFindings) {
			c.next, c.at = 0, now.Add(findingInterval)
		}
	}
	out.due(c.at)
}

// findingsTold is what the far end of a tap was told of the findings.
type findingsTold struct {
	found *foundList
	next  int       // of them
	at    time.Time // when it is said
}

// audience takes how many subscribers the far end has.
func (t *Tap) audience(b []byte) {
	n, ok := readAudience(b)
	if !ok {
		t.counts.Malformed++
		return
	}
	t.below = n
}

// Audience returns how many subscribers there are at the far end and below it, as it said
// last; 0 before it does, or where its version does not.
func (t *Tap) Audience() int { return t.below }
