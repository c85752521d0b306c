package signaling

import "strings"

// A precondition is an If-Match header as RFC 9110 §13.1.1 reads it. The zero
// precondition is an absent header.
type precondition struct {
	present bool
	any     bool     // "*": whatever the tag is
	tags    []string // strong tags with their quotes; weak ones never match
}

// parseIfMatch reads all If-Match fields of a request. RFC 9725's figure writes the
// star in quotes, its text without: both mean any. What is no entity tag matches
// nothing, so a malformed header is a failed precondition and not an error.
func parseIfMatch(values []string) precondition {
	p := precondition{present: len(values) > 0}
	rest := strings.Join(values, ",")
	for len(p.tags) < maxTags {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return p
		}
		var item string
		item, rest = cutTag(rest)
		switch {
		case item == "*" || item == `"*"`:
			p.any = true
		case strings.HasPrefix(item, `"`):
			p.tags = append(p.tags, item)
		}
	}
	return p
}

// cutTag splits the first list item off s: a quoted tag, which may hold commas, or
// anything else up to the next comma.
func cutTag(s string) (item, rest string) {
	if s[0] == '"' {
		if end := strings.IndexByte(s[1:], '"'); end >= 0 {
			return s[:end+2], afterComma(s[end+2:])
		}
		return "", "" // unterminated: matches nothing
	}
	end := strings.IndexByte(s, ',')
	if end < 0 {
		end = len(s)
	}
	if strings.HasPrefix(s, `W/"`) { // weak tags may hold commas as well
		_, rest = cutTag(s[2:])
		return "", rest
	}
	return strings.TrimRight(s[:end], " \t"), s[end:]
}

// afterComma drops what stands between a tag's quote and the next comma.
func afterComma(s string) string {
	if i := strings.IndexByte(s, ','); i >= 0 {
		return s[i:]
	}
	return ""
}

// matches compares strongly: a weak tag matches nothing (RFC 9110 §8.8.3.2).
func (p precondition) matches(tag string) bool {
	if p.any {
		return true
	}
	for _, t := range p.tags {
		if t == tag {
			return true
		}
	}
	return false
}
