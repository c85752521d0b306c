package forwarder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// stilled returns an encoding whose last keyframe is a still of some packets, and whose newest packet has a
// number.
func stilled(packets int, newest uint64) (*Encoding, *Keyframe) {
	e := filled(codec.VP8, newest)
	key := &Keyframe{Index: noIndex, Seq: 5, Start: 5}
	var all []*Packet
	for i := range packets {
		all = append(all, &Packet{Index: noIndex, Seq: uint64(5 + i), Payload: make([]byte, 1000), At: time.Unix(995, 0)})
	}
	e.still.Store(newStill(key, all))
	e.keyframe.Store(key)
	return e, key
}

// TestNumbersOfStills: below all that late packets may have, and none that was sent already: a number is
// encrypted with its own key stream.
func TestNumbersOfStills(t *testing.T) {
	const n, below = 10, maxMisorder + 10
	for name, c := range map[string]struct {
		newest                         uint64
		lowest, floor, highest, before uint64
		change                         func(*Encoding)
		want                           uint64 // 0: it is not sent
	}{
		"nothing was sent":             {newest: 70000, want: 70000 - below},
		"the first numbers":            {newest: below, want: 0},
		"the lowest there can be":      {newest: below + 1, want: 1},
		"too low":                      {newest: below - 1, want: 0},
		"some was sent":                {newest: 70000, lowest: 69000, highest: 70000, want: 69000 - below},
		"more than 16 bits tell apart": {newest: 99999, lowest: 69000, highest: 69000 - below + stillReach + 1, want: 0},
		"as many":                      {newest: 99999, lowest: 69000, highest: 69000 - below + stillReach, want: 69000 - below},
		"after a jump":                 {newest: 70000, lowest: 60000, floor: 70000 - below - 1, highest: 70000 - below - 1, want: 70000 - below},
		"after a short jump":           {newest: 70000, lowest: 60000, floor: 70000 - below, highest: 70000 - below, want: 0},
		"after another still":          {newest: 70000, lowest: 69000, highest: 70000, before: 69000 - below, want: 0},
		"after one of long ago":        {newest: 70000, lowest: 69000, highest: 70000, before: 69000 - below - 1, want: 69000 - below},
		"there is none":                {newest: 70000, change: func(e *Encoding) { e.still.Store(nil) }},
		"it is of another one":         {newest: 70000, change: func(e *Encoding) { e.still.Store(newStill(&Keyframe{}, nil)) }},
		"there is nothing else":        {newest: 70000, change: func(e *Encoding) { e.edge.Store(nil) }},
	} {
		e, key := stilled(n, c.newest)
		if c.change != nil {
			c.change(e)
		}
		s := newTapStream(e)
		s.lowest, s.floor, s.highest, s.stilled = c.lowest, c.floor, c.highest, c.before
		s.hold(key)
		switch {
		case (s.still != nil) != (c.want != 0):
			t.Errorf("%s: a still %v", name, s.still != nil)
		case s.still != nil && (s.still.seq != c.want || s.stilled != c.want+n-1):
			t.Errorf("%s: its numbers are from %d to %d, want %d", name, s.still.seq, s.stilled, c.want)
		case s.still != nil && s.highest < s.stilled:
			t.Errorf("%s: live numbers begin at %d", name, s.highest)
		}
	}
}

// TestAStillIsPaced, is sent once, and again while its numbers are its own.
func TestAStillIsPaced(t *testing.T) {
	const n = 500
	e, _ := stilled(n, 70000)
	e.rid = "q"
	now, tap, s, out := time.Unix(1000, 0), &Tap{ids: linkIDs()}, newTapStream(e), &Output{}
	tap.pacer.Set(now, linkPace)
	steps := 0
	for !tap.pullStill(now, s, out) {
		if steps++; !out.Deadline.After(now) || steps > n {
			t.Fatalf("step %d: it goes on at %v, it is %v", steps, out.Deadline, now)
		}
		shown := s.still.shown
		if tap.resendStill(s, uint16(s.still.seq)+uint16(shown), out) || !tap.resendStill(s, uint16(s.still.seq)+uint16(shown)-1, out) {
			t.Fatal("what was not sent is sent again, or what was is not")
		}
		out.Packets = out.Packets[:len(out.Packets)-1]
		now = out.Deadline
		out.Deadline = time.Time{}
		tap.pacer.Set(now, linkPace)
	}
	if steps == 0 || len(out.Packets) != n || tap.counts.Packets != n || tap.counts.Bytes != n*1000 {
		t.Errorf("%d packets after %d steps, %+v", len(out.Packets), steps, tap.counts)
	}
	for i := range out.Packets {
		p := &out.Packets[i]
		want := []ExtensionValue{{codec.Still, appendStillPart(nil, s.still.still, i)}, {codec.Age, []byte{0x13, 0x88}}, {codec.RID, []byte("q")}}
		if !p.FirstPayload || p.Seq != uint16(s.still.seq)+uint16(i) || !cmp.Equal(p.stamp.values, want) {
			t.Fatalf("packet %d: number %d, %v", i, p.Seq, p.stamp.values)
		}
	}
	first := s.still
	other := &Keyframe{Index: noIndex, Seq: 6}
	e.keyframe.Store(other)
	e.still.Store(newStill(other, []*Packet{{}}))
	e.edge.Store(&Packet{Seq: 90000})
	if !tap.pullStill(now, s, out) || s.still != first {
		t.Error("another one takes the place of the one that is there")
	}
	s.highest = s.still.seq + stillReach
	if !tap.pullStill(now, s, out) || s.still == nil {
		t.Error("it is forgotten too soon")
	}
	s.highest++
	e.keyframe.Store(first.key)
	e.still.Store(first.still)
	if !tap.pullStill(now, s, out) || s.still != nil || tap.resendStill(s, uint16(first.seq), out) {
		t.Error("it is remembered when others have its numbers")
	}
	s.highest = 0
	if !tap.pullStill(now, s, out) || s.still != nil || len(out.Packets) != n {
		t.Error("it is sent again")
	}
}

// TestStillsThatAreNotSent: of a keyframe that is, or was, in the history, and where there is none.
func TestStillsThatAreNotSent(t *testing.T) {
	for name, key := range map[string]*Keyframe{"none": nil, "in the history": {Index: 3, Seq: 5}} {
		e, _ := stilled(3, 70000)
		e.still.Store(newStill(key, []*Packet{{}}))
		e.keyframe.Store(key)
		tap, s, out := &Tap{}, newTapStream(e), &Output{}
		if !tap.pullStill(time.Unix(1000, 0), s, out) || len(out.Packets) > 0 {
			t.Errorf("%s: %d packets of a still", name, len(out.Packets))
		}
	}
}
