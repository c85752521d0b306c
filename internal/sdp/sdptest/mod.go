package sdptest

import "strings"

// A Mod changes one thing of an offer's text.
type Mod func(offer string) string

// Direction gives every section this direction in place of its own.
func Direction(d string) Mod {
	return mapLines(func(l string) string {
		switch l {
		case "a=sendonly", "a=recvonly", "a=sendrecv", "a=inactive":
			return "a=" + d
		}
		return l
	})
}

// Without removes every line with this prefix.
func Without(prefix string) Mod {
	return mapLines(func(l string) string {
		if strings.HasPrefix(l, prefix) {
			return ""
		}
		return l
	})
}

// Replace replaces every occurrence of old; it panics if there is none.
func Replace(old, with string) Mod {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("sdptest: nothing to replace: " + old)
		}
		return strings.ReplaceAll(s, old, with)
	}
}

// Session adds lines at the end of the session part.
func Session(lines ...string) Mod {
	return func(s string) string {
		i := strings.Index(s, "\r\nm=")
		return s[:i+2] + strings.Join(lines, "\r\n") + "\r\n" + s[i+2:]
	}
}

// Media adds lines at the end of the section with this mid.
func Media(mid string, lines ...string) Mod {
	return Section(mid, func(s string) string { return s + strings.Join(lines, "\r\n") + "\r\n" })
}

// Section applies modifiers to the text of the section with this mid alone.
func Section(mid string, mods ...Mod) Mod {
	return func(s string) string {
		parts := strings.Split(s, "\r\nm=")
		for i, p := range parts[1:] {
			if !strings.Contains(p+"\r\n", "\r\na=mid:"+mid+"\r\n") {
				continue
			}
			p = "m=" + strings.TrimSuffix(p, "\r\n") + "\r\n"
			for _, m := range mods {
				p = m(p)
			}
			parts[i+1] = strings.TrimSuffix(strings.TrimPrefix(p, "m="), "\r\n")
		}
		return strings.TrimSuffix(strings.Join(parts, "\r\nm="), "\r\n") + "\r\n"
	}
}

// Again appends a copy of the section with mid from, under the mid to, and adds
// it to the BUNDLE group.
func Again(from, to string) Mod {
	return func(s string) string {
		for _, p := range strings.Split(s, "\r\nm=")[1:] {
			if strings.Contains(p+"\r\n", "\r\na=mid:"+from+"\r\n") {
				p = "m=" + strings.TrimSuffix(p, "\r\n") + "\r\n"
				s += strings.Replace(p, "a=mid:"+from+"\r\n", "a=mid:"+to+"\r\n", 1)
			}
		}
		return mapLines(func(l string) string {
			if strings.HasPrefix(l, "a=group:BUNDLE") {
				return l + " " + to
			}
			return l
		})(s)
	}
}

// Simulcast adds rid lines and a simulcast line to the section with mid 1.
func Simulcast(rids ...string) Mod {
	var lines []string
	for _, r := range rids {
		lines = append(lines, "a=rid:"+r+" send")
	}
	return Media("1", append(lines, "a=simulcast:send "+strings.Join(rids, ";"))...)
}

// Candidates adds candidate lines to the section with this mid.
func Candidates(mid string, candidates ...string) Mod {
	lines := make([]string, len(candidates))
	for i, c := range candidates {
		lines[i] = "a=" + c
	}
	return Media(mid, lines...)
}

// LF turns every line end into a bare line feed.
func LF(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func mapLines(f func(string) string) Mod {
	return func(s string) string {
		var b strings.Builder
		for _, l := range strings.SplitAfter(s, "\r\n") {
			if t := f(strings.TrimSuffix(l, "\r\n")); t != "" {
				b.WriteString(t + "\r\n")
			}
		}
		return b.String()
	}
}
