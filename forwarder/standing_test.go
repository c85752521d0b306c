package forwarder

import (
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestAStillPictureIsNoReasonToStepUp: while a picture stands still the best encoding may take least. It
// takes the place of what a subscriber is on like anything better, if it took no more than fits for a while.
func TestAStillPictureIsNoReasonToStepUp(t *testing.T) {
	now := time.Unix(100, 0)
	q, h, f := sized(now, "q", 320), sized(now, "h", 640), sized(now, "f", 1280)
	all := []*Encoding{q, h, f}
	picture := func(most int64, rates ...int64) *ladders {
		for i, e := range all {
			w, h := e.Size()
			e.edge.Store(&Packet{At: now})
			e.status.Store(&[]LayerStatus{{Bitrate: rates[i], Width: w, Height: h}})
		}
		f.lately.Store(&latelyRates{{most: most}})
		return newLadders(now, all)
	}
	var a allocator
	var sel Selection
	step := func(l *ladders) string {
		some := l.standing(l.within(&sel, true), a.enc, a.layer, &sel, true)
		i, _ := a.choose(now, some, false, budget{limit: 250_000, keeps: 250_000, spare: 225_000})
		now = now.Add(allocateInterval)
		return some[i].enc.rid
	}
	if on := step(picture(1_500_000, 150_000, 500_000, 1_500_000)); on != "q" {
		t.Fatalf("begins on %s", on)
	}
	for range 50 {
		if on := step(picture(1_500_000, 30_000, 28_000, 20_000)); on != "q" {
			t.Fatalf("on %s, which took more than there is a moment ago", on)
		}
	}
	from := now
	for step(picture(20_000, 30_000, 28_000, 20_000)) != "f" && now.Sub(from) < time.Minute {
		continue
	}
	if after := now.Sub(from) - allocateInterval; after != stepUpHold {
		t.Errorf("on what takes least after %v", after)
	}
}

// TestTheRungOneIsOnIsOneToChooseFrom where something better takes as little, if the selection allows it
// and it moves; the ladder that all use is left alone.
func TestTheRungOneIsOnIsOneToChooseFrom(t *testing.T) {
	now, most := time.Unix(100, 0), uint8(0)
	q := laddered(now, "q", ladderStep{320, 0, 40}, ladderStep{320, 1, 50})
	h := laddered(now, "h", ladderStep{640, 0, 30}, ladderStep{640, 1, 60})
	f := laddered(now, "f", ladderStep{1280, 0, 10}, ladderStep{1280, 1, 20})
	l := newLadders(now, []*Encoding{q, h, f})
	for name, c := range map[string]struct {
		e     *Encoding
		layer layerID
		sel   Selection
		want  string
	}{
		"none":               {nil, 0, Selection{}, "f01"},
		"the one that is":    {f, layerOf(0, 1), Selection{}, "f01"},
		"one of the least":   {q, 0, Selection{}, "q00 f01"},
		"one that moves":     {h, layerOf(0, 1), Selection{}, "h01 f01"},
		"one that stutters":  {h, 0, Selection{}, "f01"},
		"all of one":         {h, topLayer, Selection{}, "h01 f01"},
		"not allowed":        {q, 0, Selection{RID: "f"}, "f00 f01"},
		"allowed":            {q, 0, Selection{MaxWidth: 640}, "q00 q01 h01"},
		"fixed":              {q, layerOf(0, 1), Selection{Temporal: &most}, "q00 h00 f00"},
		"more than is given": {f, layerOf(0, 1), Selection{LimitWidth: 640}, "q00 q01 h01"},
	} {
		shared := l.sensible.names()
		got := l.standing(l.within(&c.sel, true), c.e, c.layer, &c.sel, true).names()
		if got != c.want || l.sensible.names() != shared {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestWhatVanishesIsFollowedByNoBetter at once, unless somebody chose or the publisher is another one.
func TestWhatVanishesIsFollowedByNoBetter(t *testing.T) {
	var l ladder
	for i := range 4 {
		l = append(l, newRung(newEncoding(), 0, 100, i+1, 1))
	}
	b := budget{limit: 1000, keeps: 1000, spare: 900}
	for name, c := range map[string]struct {
		on   int
		left ladder
		then func(*Subscriber)
		want int
	}{
		"one below is left":   {2, slices.Delete(slices.Clone(l), 2, 3), func(*Subscriber) {}, 1},
		"none below is left":  {0, l[1:], func(*Subscriber) {}, 1},
		"the best":            {3, l[:3], func(*Subscriber) {}, 2},
		"somebody chose":      {0, l[1:], func(s *Subscriber) { s.Select(Selection{}) }, 3},
		"another publisher's": {0, l[1:], func(s *Subscriber) { s.SetPublisher(nil) }, 3},
	} {
		s := NewSubscriber(SubscriberConfig{Tracks: []SubscriberTrack{{Kind: codec.Video}}})
		s.alloc.enc, s.alloc.layer, s.alloc.pixels = l[c.on].enc, 0, l[c.on].pixels
		c.then(s)
		i, _ := s.alloc.choose(time.Unix(100, 0), c.left, false, b)
		if c.left[i].enc != l[c.want].enc {
			t.Errorf("%s: %d pixels, want %d", name, c.left[i].pixels, l[c.want].pixels)
		}
	}
}
