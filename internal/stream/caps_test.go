package stream

import "testing"

// A cap is shared out among those there are, and the least counts.
func TestCapsAreSharedOut(t *testing.T) {
	r := NewRegistry(Config{Caps: Caps{Session: 900, Stream: 2000, Node: 3600}})
	defer r.Close()
	subscribe := func(name string) *Subscription {
		s, err := r.Subscribe(name, &nullSink{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := subscribe("a")
	want := func(cap int64) {
		t.Helper()
		if got := a.cap(); got != cap {
			t.Errorf("cap %d, want %d", got, cap)
		}
	}
	want(900) // one's own
	others := []*Subscription{subscribe("a"), subscribe("a")}
	want(666) // a third of the stream's
	for range 3 {
		others = append(others, subscribe("b"))
	}
	want(600) // a sixth of the node's
	for _, s := range others {
		s.Close()
	}
	want(900)
}

// TestLimitOfOneSubscriber: it bounds that one only, with caps and without.
func TestLimitOfOneSubscriber(t *testing.T) {
	for _, caps := range []Caps{{}, {Session: 900}} {
		r := NewRegistry(Config{Caps: caps})
		defer r.Close()
		a, err := r.Subscribe("a", &nullSink{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.Subscribe("a", &nullSink{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for limit, want := range map[int64]int64{0: caps.Session, 500: 500, 5000: lesser(5000, caps.Session)} {
			a.Limit(limit)
			if a.cap() != want || a.capped() != (want > 0) || b.cap() != caps.Session || b.capped() != (caps.Session > 0) {
				t.Errorf("limit %d with %+v: %d, %d", limit, caps, a.cap(), b.cap())
			}
		}
	}
}
