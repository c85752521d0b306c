package api

import (
	"slices"
	"strconv"

	"github.com/whippet-media/whippet/internal/api/wire"
)

// A page is what a request wants of a list that is ordered by a text of each item.
type page struct {
	limit int
	after string // the text of the last item before; "": from the beginning
}

// pageOf checks the parameters of a list.
func pageOf(limit *wire.Limit, after *wire.After) (page, error) {
	p := page{limit: defaultPage}
	if limit != nil {
		p.limit = *limit
	}
	if after != nil {
		p.after = *after
	}
	switch {
	case p.limit < 1 || p.limit > maxPage:
		return page{}, badParameter("limit is 1 to " + strconv.Itoa(maxPage) + ".")
	case after != nil && (p.after == "" || len(p.after) > maxCursor):
		return page{}, badParameter("after is what the page before has as next.")
	}
	return p, nil
}

// cut sorts keys, which it may change, and returns those of the page, and what the next
// one has as after; nil if this is the last.
func (p page) cut(keys []string) (part []string, next *string) {
	slices.Sort(keys)
	begin, found := slices.BinarySearch(keys, p.after)
	if found && p.after != "" {
		begin++
	}
	rest := keys[begin:]
	if len(rest) <= p.limit {
		return rest, nil
	}
	return rest[:p.limit], &rest[p.limit-1]
}
