package forwarder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// leave marks a packet as sent at an age, and returns the payload and the extension values that leave
// for it.
func (s *tapStream) leave(p *Packet, age time.Duration) (payload int, values []ExtensionValue) {
	s.mark(p, age)
	q, more := s.as(p)
	if more != nil {
		values = more.values
	}
	return len(q.Payload), values
}

// TestHowPacketsLeave: as they are, but for the age of what is old, for stubs, and for what tells which
// layers travel.
func TestHowPacketsLeave(t *testing.T) {
	name := ExtensionValue{codec.RID, []byte("q")}
	needs2 := codec.Layering{Needed: 2}
	for what, c := range map[string]struct {
		p       Packet
		age     time.Duration
		travels uint32
		rid     string
		payload int
		values  []ExtensionValue
	}{
		"fresh":                     {Packet{Payload: make([]byte, 100)}, linkFresh, 0, "", 100, nil},
		"of an encoding with a RID": {Packet{Payload: make([]byte, 100)}, 0, 0, "q", 100, []ExtensionValue{name}},
		"old":                       {Packet{Payload: make([]byte, 100)}, linkFresh + time.Millisecond, 0, "q", 100, []ExtensionValue{{codec.Age, []byte{0, 21}}, name}},
		"as old as can be told":     {Packet{Payload: make([]byte, 100)}, time.Hour, 0, "", 100, []ExtensionValue{{codec.Age, []byte{0xfd, 0xe8}}}},
		"narrow":                    {Packet{Layering: codec.Layering{Needed: 1}, Payload: make([]byte, 100)}, 0, 1, "q", 100, []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 1, 0, 0}}, name}},
		"narrower than it came":     {Packet{Layering: needs2, Travels: 6, Payload: make([]byte, 100)}, 0, 3, "", 100, []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 2, 0, 0}}}},
		"a stub":                    {Packet{Layering: needs2, Payload: make([]byte, 300)}, 0, 1, "", stubBytes, []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 1, 1, 44}}}},
		"a stub already":            {Packet{Layering: needs2, Travels: 1, Left: 300, Payload: make([]byte, stubBytes)}, 0, 1, "", stubBytes, []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 1, 1, 44}}}},
		"a short stub":              {Packet{Layering: needs2, Travels: 1, Left: 300, Payload: make([]byte, 9)}, 0, 1, "", 9, []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 1, 1, 44}}}},
		"a long stub":               {Packet{Layering: needs2, Travels: 1, Left: 300, Payload: make([]byte, 99)}, 0, 1, "", stubBytes, []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 1, 1, 44}}}},
	} {
		e := newEncoding()
		e.rid = c.rid
		s := newTapStream(e)
		s.travels = c.travels
		c.p.Seq = 1 << 20
		size := len(c.p.Payload)
		payload, values := s.leave(&c.p, c.age)
		if payload != c.payload || !cmp.Equal(values, c.values) {
			t.Errorf("%s: %d bytes with %v, want %d with %v", what, payload, values, c.payload, c.values)
		}
		if len(c.p.Payload) != size {
			t.Errorf("%s: the packet was changed", what)
		}
		if _, more := s.as(&c.p); more != nil && len(more.values) == 0 {
			t.Errorf("%s: nothing is added, as an extension", what)
		}
	}
}

// TestHowNumbersLeftIsRemembered: the first time counts, of the last numbers that did not leave as they
// are. How one left whose place another one has taken is forgotten.
func TestHowNumbersLeftIsRemembered(t *testing.T) {
	s := newTapStream(newEncoding())
	p := func(seq uint64) *Packet { return &Packet{Seq: seq} }
	want := func(when string, seq uint64, old, known bool) {
		t.Helper()
		r, ok := s.record(seq)
		if ok != known || r.old != old {
			t.Errorf("%s: old %v, known %v, want %v, %v", when, r.old, ok, old, known)
		}
	}
	const old = time.Second
	s.mark(p(10000), 0)
	want("before there are records", 10000, false, true)
	s.mark(p(10002), old)
	s.mark(p(10001), old)
	s.mark(p(10003), 0)
	want("before", 10000, false, true)
	want("old", 10002, true, true)
	want("old and late", 10001, true, true)
	want("fresh", 10003, false, true)
	if s.highest != 10003 || s.lowest != 10000 {
		t.Errorf("the numbers are from %d to %d", s.lowest, s.highest)
	}
	s.move(0)
	s.mark(p(10002), 0)
	s.mark(p(10003), old)
	want("again, fresh no more", 10003, false, true)
	want("again", 10002, true, true)
	s.mark(p(10002+linkSent), 0)
	want("where one that left as it is came round", 10002, true, true)
	want("that one", 10002+linkSent, false, true)
	s.mark(p(10002+2*linkSent), old)
	want("where another one came round", 10002, false, false)
	want("the other one", 10002+2*linkSent, true, true)
	want("one that comes later", 10003+2*linkSent, false, true)
}

// TestWhatWasNotSentByThisLinkLeavesAsItCame: what the link before sent may be asked for again.
func TestWhatWasNotSentByThisLinkLeavesAsItCame(t *testing.T) {
	s := newTapStream(newEncoding())
	p := &Packet{Seq: 1000, Travels: 5, Left: 300, Payload: make([]byte, stubBytes)}
	q, more := s.as(p)
	want := []ExtensionValue{{codec.Travels, []byte{0, 0, 0, 5, 1, 44}}}
	if q != p || more == nil || !cmp.Equal(more.values, want) {
		t.Errorf("%+v with %+v", q, more)
	}
}
