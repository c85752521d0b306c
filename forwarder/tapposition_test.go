package forwarder

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// filled returns an encoding whose history has packets of these numbers at the indices from 3 on; what came
// before has left it.
func filled(name codec.Name, numbers ...uint64) *Encoding {
	e := newEncoding()
	e.format.Name = name
	long := time.Unix(1000, 0)
	for i, n := range append([]uint64{1, 2, 3}, numbers...) {
		at := long
		if i >= 3 {
			at = long.Add(2 * historyAge)
		}
		p := &Packet{Index: uint64(i), Seq: n, At: at}
		e.hist.Append(p)
		e.edge.Store(p)
	}
	e.hist.Trim(long.Add(2 * historyAge))
	return e
}

// TestALinkFollowsOnWhatTheFarEndHas: behind its last packet, or the first one after it, if nothing is missing
// in between that was here; else from the last keyframe on.
func TestALinkFollowsOnWhatTheFarEndHas(t *testing.T) {
	for name, c := range map[string]struct {
		name    codec.Name
		numbers []uint64
		key     int // index of the keyframe; 0: none is in the history
		held    uint64
		want    uint64
		still   bool
	}{
		"its last packet":                  {codec.VP8, []uint64{100, 101, 102, 103}, 4, 101, 5, false},
		"the newest one":                   {codec.VP8, []uint64{100, 101, 102, 103}, 4, 103, 7, false},
		"one that is the index of another": {codec.VP8, []uint64{100, 102, 101, 103}, 3, 102, 5, false},
		"one that never came here":         {codec.VP8, []uint64{100, 101, 103, 104}, 6, 102, 5, false},
		"where a later one came first":     {codec.VP8, []uint64{101, 100, 104, 103}, 6, 102, 5, false},
		"one of the future":                {codec.VP8, []uint64{100, 101, 102, 103}, 4, 200, 7, false},
		"right before what is here":        {codec.VP8, []uint64{100, 101, 102, 103}, 5, 99, 3, false},
		"too long ago":                     {codec.VP8, []uint64{100, 101, 102, 103}, 5, 98, 5, false},
		"too long ago, and a late one":     {codec.VP8, []uint64{105, 101, 106, 107}, 4, 104, 3, false},
		"before a still":                   {codec.VP8, []uint64{5000, 5001, 5002, 5003}, 0, 4, 7, true},
		"right before, with a still":       {codec.VP8, []uint64{5000, 5001, 5002, 5003}, 0, 4999, 3, false},
		"sound":                            {codec.Opus, []uint64{100, 101, 102, 103}, 0, 101, 5, false},
		"sound of long ago":                {codec.Opus, []uint64{100, 101, 102, 103}, 0, 10, 7, false},
		"of nothing":                       {codec.VP8, nil, 0, 10, 3, false},
	} {
		e := filled(c.name, c.numbers...)
		key := &Keyframe{Index: uint64(c.key), early: uint64(c.key), Seq: 1, Start: 1}
		if c.name == codec.VP8 {
			e.keyframe.Store(key)
		}
		if c.still {
			e.still.Store(newStill(key, []*Packet{{Seq: 1}}))
		}
		s := newTapStream(e)
		s.after(c.held)
		if s.pos != c.want || (s.still != nil) != c.still {
			t.Errorf("%s: at %d, a still %v; want %d, %v", name, s.pos, s.still != nil, c.want, c.still)
		}
	}
}

// TestWhereALinkBegins: at the last keyframe; where that has left the history with what comes live, after the
// still of it if there is one. All that is kept may follow on a keyframe that nobody saw.
func TestWhereALinkBegins(t *testing.T) {
	for name, c := range map[string]struct {
		name  codec.Name
		key   *Keyframe
		want  uint64
		still bool
	}{
		"a keyframe":                    {codec.VP8, &Keyframe{Index: 5, early: 4}, 4, false},
		"the oldest packet":             {codec.VP8, &Keyframe{Index: 3, early: 3}, 3, false},
		"one part of which has gone":    {codec.VP8, &Keyframe{Index: 3, early: 2}, 7, true},
		"one that came over a link":     {codec.VP8, &Keyframe{Index: noIndex, early: 5}, 7, true},
		"none":                          {codec.VP8, nil, 3, false},
		"sound":                         {codec.Opus, nil, 7, false},
		"sound, which has no keyframes": {codec.Opus, &Keyframe{Index: 5, early: 4}, 7, false},
	} {
		e := filled(c.name, 5000, 5001, 5002, 5003)
		e.keyframe.Store(c.key)
		if c.key != nil {
			e.still.Store(newStill(c.key, []*Packet{{Seq: 1}}))
		}
		s := newTapStream(e)
		s.still = &sentStill{}
		s.join()
		if s.pos != c.want || (s.still != nil) != c.still {
			t.Errorf("%s: at %d, a still %v; want %d, %v", name, s.pos, s.still != nil, c.want, c.still)
		}
	}
}

// TestWhoFallsBehindGoesOnAtTheKeyframe: what a link did not send in time has left the history.
func TestWhoFallsBehindGoesOnAtTheKeyframe(t *testing.T) {
	e := filled(codec.VP8, 100, 101, 102, 103)
	e.keyframe.Store(&Keyframe{Index: 5, early: 5})
	tap, s := &Tap{}, newTapStream(e)
	s.pos = 1
	if p := tap.next(s); p == nil || p.Seq != 102 || tap.counts.Skips != 1 {
		t.Errorf("%+v, %+v", p, tap.counts)
	}
	s.pos = 7
	if p := tap.next(s); p != nil || tap.counts.Skips != 1 {
		t.Errorf("%+v, %+v", p, tap.counts)
	}
}

// TestWhatIsWantedAgainBegins: and only that.
func TestWhatIsWantedAgainBegins(t *testing.T) {
	tap := &Tap{}
	for id := range uint32(2) {
		e := filled(codec.VP8, 100, 101, 102, 103)
		e.id = 10 + id
		e.keyframe.Store(&Keyframe{Index: 5, early: 5})
		s := newTapStream(e)
		s.pos = 6
		tap.streams = append(tap.streams, s)
	}
	ids := func(all ...byte) (b []byte) {
		for _, id := range all {
			b = append(b, 0, 0, 0, id)
		}
		return b
	}
	for i, c := range []struct {
		unwanted []byte
		asleep   [2]bool
		pos      [2]uint64
		told     bool // they are told of at once
	}{
		{ids(), [2]bool{false, false}, [2]uint64{6, 6}, false},
		{ids(10), [2]bool{true, false}, [2]uint64{6, 6}, true},
		{ids(10), [2]bool{true, false}, [2]uint64{6, 6}, false},
		{ids(11, 10), [2]bool{true, true}, [2]uint64{6, 6}, true},
		{ids(10, 11), [2]bool{true, true}, [2]uint64{6, 6}, false},
		{ids(11, 0)[:7], [2]bool{false, true}, [2]uint64{5, 6}, false},
		{ids(), [2]bool{false, false}, [2]uint64{5, 5}, false},
	} {
		tap.tellAt = time.Unix(1, 0)
		tap.sleep(c.unwanted)
		for n, s := range tap.streams {
			if s.asleep != c.asleep[n] || s.pos != c.pos[n] {
				t.Errorf("step %d: stream %d asleep %v at %d, want %v at %d", i, n, s.asleep, s.pos, c.asleep[n], c.pos[n])
			}
		}
		if tap.tellAt.IsZero() != c.told {
			t.Errorf("step %d: told at once %v", i, tap.tellAt.IsZero())
		}
	}
}
