package api

import (
	"fmt"
	"slices"
	"testing"
)

// TestPageIsCut: pages of any size hold each key once, in order; a key that comes or goes
// between two pages moves no other one.
func TestPageIsCut(t *testing.T) {
	var keys []string
	for i := range defaultPage + 50 {
		keys = append(keys, fmt.Sprintf("%03d", i))
	}
	for _, limit := range []int{1, 7, defaultPage, len(keys), maxPage} {
		var got []string
		p := page{limit: limit}
		for {
			part, next := p.cut(slices.Clone(keys))
			got = append(got, part...)
			if len(part) > limit {
				t.Fatalf("%d of %d", len(part), limit)
			}
			if next == nil {
				break
			}
			p.after = *next
		}
		if !slices.Equal(got, keys) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	p, err := pageOf(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if part, next := p.cut(slices.Clone(keys)); len(part) != defaultPage || *next != part[defaultPage-1] {
		t.Errorf("%d", len(part))
	}
	gone := page{limit: 2, after: "049"}
	if part, _ := gone.cut([]string{"100", "048", "050", "051"}); !slices.Equal(part, []string{"050", "051"}) {
		t.Errorf("%v", part)
	}
	if part, next := p.cut(nil); len(part) != 0 || next != nil {
		t.Errorf("%v", part)
	}
}
