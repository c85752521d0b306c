package forwardertest

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// stillWorld is a world whose groups of pictures are longer than a history, 16 s, and whose links
// begin when the first keyframe has left it.
func stillWorld(seed uint64, name string, links int, loss float64) *World {
	o := layered()[name]
	o.Interval, o.IgnoreRequests, o.Encodings = 16*time.Second, true, 1
	o = linked(o, links, loss)
	o.LinkAfter = 13500 * time.Millisecond
	o.Down.Jitter = time.Nanosecond // none, but nobody is wanted to be live in time
	return New(seed, o)
}

// TestLinksBeginWithStills: a link that begins when the keyframe has left the history brings that
// to all who wait at its far end, as one picture and before any other, and nothing that does not
// follow; at the next keyframe they go on. Links behind one that has no still yet begin in the
// same way. The oracles look on, while subscribers come and go through two more groups of pictures. WHIPPET_LINK_SEEDS is with how many seeds.
func TestLinksBeginWithStills(t *testing.T) {
	seeds := 4
	if n, err := strconv.Atoi(os.Getenv("WHIPPET_LINK_SEEDS")); err == nil {
		seeds = n
	}
	for _, name := range []string{"vp8", "vp9 full", "av1 key", "h264 fixed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				w := stillWorld(seed, name, 1+int(seed/2%3), float64(seed%2)*0.02)
				w.Run(14500 * time.Millisecond)
				w.wantShown(t, seed, 1, 1)
				w.Run(3500 * time.Millisecond)
				w.wantShown(t, seed, 40, 100)
				w.opt.Rejoin = 3 * time.Second
				for _, s := range w.subs {
					w.after(w.around(w.opt.Rejoin), s.leave)
				}
				w.Run(32 * time.Second)
				if err := w.Err(); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

// wantShown wants all subscribers to have seen so many pictures.
func (w *World) wantShown(t *testing.T, seed uint64, least, most int) {
	t.Helper()
	if len(w.subs) != w.opt.Subscribers {
		t.Errorf("seed %d: %d subscribers", seed, len(w.subs))
	}
	for _, s := range w.subs {
		if s.shown < least || s.shown > most {
			t.Errorf("seed %d: subscriber %d saw %d pictures by %v, want %d to %d", seed, s.index, s.shown, w.now.Format("04:05.000"), least, most)
		}
	}
}
