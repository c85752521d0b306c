package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-media/whippet/internal/signaling"
)

// tagOf is the strong entity tag of a version.
func tagOf(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

// A precondition is an If-Match header (RFC 9110 §13.1.1): the tags it lists, none of
// which has a comma in it, or "*". Weak tags match nothing.
type precondition []string

// preconditionOf reads the header. A change without one could undo another's that its
// sender has not seen: 428.
func preconditionOf(r *http.Request) (precondition, error) {
	all := strings.Join(r.Header.Values("If-Match"), ",")
	switch {
	case strings.TrimSpace(all) == "":
		return nil, signaling.NewProblem(http.StatusPreconditionRequired, "if-match-required",
			`Send If-Match with the ETag that GET shows, or "*".`)
	case len(all) > maxIfMatch:
		return nil, badParameter("If-Match is too long.")
	}
	var p precondition
	for tag := range strings.SplitSeq(all, ",") {
		p = append(p, strings.TrimSpace(tag))
	}
	return p, nil
}

// holds returns a 412 unless the tag is one of those named.
func (p precondition) holds(tag string) error {
	if slices.Contains(p, tag) || slices.Contains(p, "*") {
		return nil
	}
	return signaling.NewProblem(http.StatusPreconditionFailed, "stale-etag", "It was changed since. GET it, and use that ETag.")
}
