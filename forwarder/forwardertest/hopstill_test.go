package forwardertest

import (
	"testing"
	"time"
)

// stillWorld is a world whose groups of pictures are longer than a history, 16 s, and whose links
// begin when the first keyframe has left it.
func stillWorld(seed uint64, name string, links int, loss float64) *World {
	o := layered()[name]
	o.Interval, o.IgnoreRequests, o.Encodings = 16*time.Second, true, 1
	o = linked(o, links, loss)
	o.LinkAfter, o.Down.Jitter = 13500*time.Millisecond, time.Millisecond
	return New(seed, o)
}

// TestLinksBeginWithStills: a link that begins when the keyframe has left the history brings that
// to all who wait at its far end, as one picture and before any other, and nothing that does not
// follow; at the next keyframe they go on. Links behind one that has no still yet begin in the
// same way. The oracles look on, while subscribers come and go through two more groups of pictures.
func TestLinksBeginWithStills(t *testing.T) {
	for _, name := range []string{"vp8", "vp9 full", "av1 key", "h264 fixed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				w := stillWorld(seed, name, 1+int(seed/2%3), float64(seed%2)*0.02)
				w.Run(14500 * time.Millisecond)
				w.wantShown(t, 1, 1)
				w.Run(3500 * time.Millisecond)
				w.wantShown(t, 40, 100)
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
func (w *World) wantShown(t *testing.T, least, most int) {
	t.Helper()
	if len(w.subs) != w.opt.Subscribers {
		t.Errorf("%d subscribers", len(w.subs))
	}
	for _, s := range w.subs {
		if s.shown < least || s.shown > most {
			t.Errorf("subscriber %d saw %d pictures by %v, want %d to %d", s.index, s.shown, w.now.Format("04:05.000"), least, most)
		}
	}
}
