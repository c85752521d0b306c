package sdp

import "strings"

// A scanner cuts a description into its lines.
type scanner struct {
	rest  string
	lines int
}

// A line is "type=value" (RFC 8866 §5).
type line struct {
	kind  byte
	value string
}

// next returns the next line that is not blank; ok is false at the end. It
// checks that every line has the form type=value, is not too long and holds no
// control character: what passes can be echoed without ending a line early.
func (s *scanner) next() (l line, ok bool, err error) {
	for s.rest != "" {
		var text string
		text, s.rest, _ = strings.Cut(s.rest, "\n")
		text = strings.TrimSuffix(text, "\r")
		if text == "" {
			continue
		}
		if s.lines++; s.lines > maxLines {
			return line{}, false, unacceptable(CodeTooLarge, "The text has too many lines.")
		}
		if !wellFormed(text) {
			return line{}, false, malformed(CodeMalformedSDP, "A line is not of the form <type>=<value>.")
		}
		return line{text[0], strings.TrimRight(text[2:], " \t")}, true, nil
	}
	return line{}, false, nil
}

func wellFormed(text string) bool {
	if len(text) < 2 || len(text) > maxLine || text[1] != '=' || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// cutField returns the first of s's fields, which spaces part, and the rest.
func cutField(s string) (field, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

// isToken tells whether s is a token of RFC 8866 §9 (visible ASCII without
// separators), or holds only such characters and those of extra, and may be
// echoed.
func isToken(s, extra string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if isAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`{|}~", c) >= 0 || strings.IndexByte(extra, c) >= 0 {
			continue
		}
		return false
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isVisible tells whether s holds only ASCII from space to tilde.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// parseUint reads a decimal number without sign, at most limit.
func parseUint(s string, limit uint64) (uint64, bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' || n > limit/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n <= limit
}
