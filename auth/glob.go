package auth

import "strings"

// validGlob tells whether s is a glob over stream names: 1 to maxGlobBytes bytes
// of [A-Za-z0-9._-] and "*". A name is one path segment, so there is no "/".
func validGlob(s string) bool {
	if s == "" || len(s) > maxGlobBytes {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !globRune(r) }) < 0
}

func globRune(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	}
	return strings.ContainsRune("._-*", r)
}

// match tells whether the glob matches the whole name. "*" stands for any run of
// bytes but "/", also for none; every other byte stands for itself. Its time is
// bounded by the product of both lengths; it does not allocate or recurse. An
// invalid glob and an empty name match nothing.
func match(glob, name string) bool {
	if name == "" || !validGlob(glob) || strings.Contains(name, "/") {
		return false
	}
	g, n := 0, 0
	star, retry := -1, 0 // the last "*" seen; what of name it has not yet swallowed
	for n < len(name) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, retry = g, n
			g++
		case g < len(glob) && glob[g] == name[n]:
			g, n = g+1, n+1
		case star >= 0:
			retry++
			g, n = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}
