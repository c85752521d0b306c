package whep

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/stream"
)

// TestPublicationsFollowEachOther: however fast, each that was told to be there is told
// to have gone, once.
func TestPublicationsFollowEachOther(t *testing.T) {
	for _, c := range []struct {
		publications []uint64 // as they are seen
		want         string
	}{
		{[]uint64{0, 0, 1}, "active"},
		{[]uint64{1, 1, 2}, "active inactive active"},
		{[]uint64{1, 0, 0, 2, 3, 0}, "active inactive active inactive active inactive"},
	} {
		e := &eventStream{owner: &subscriber{video: -1}, wants: 1<<active | 1<<inactive}
		for _, p := range c.publications {
			e.Watch(&stream.Snapshot{Publication: p, Regular: true})
		}
		var names []string
		for _, one := range e.queue {
			names = append(names, one.kind.String())
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.publications, got, c.want)
		}
	}
}
