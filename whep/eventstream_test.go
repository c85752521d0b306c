package whep

import (
	"regexp"
	"strings"
	"testing"
)

// TestE73_ResumeBehindALostWrite: events that were written may have arrived though the
// write failed. Who says that it has them does not get them again; who says that it has what
// nobody was given is not believed.
func TestE73_ResumeBehindALostWrite(t *testing.T) {
	for id, want := range map[string]string{
		"": "1 2 3", "1": "2 3", "2": "3",
		"3": "1 2 3", "99": "1 2 3", "x": "1 2 3", // 3 was not given to anybody
		"2-replaced": "3",
	} {
		e := &eventStream{wants: allKinds}
		first, second := &reader{wake: make(chan struct{}, 1)}, &reader{wake: make(chan struct{}, 1)}
		attach(t, e, first, "")
		e.push(active, []byte("{}"))
		e.push(inactive, []byte("{}"))
		if got, _ := given(e, first); got != "1 2" {
			t.Fatalf("at first %q", got)
		}
		e.detach(first) // its write failed
		e.push(active, []byte("{}"))
		attach(t, e, second, id)
		got, n := given(e, second)
		if got != want {
			t.Errorf("behind %q: %q, want %q", id, got, want)
		}
		e.written(second, n)
		e.push(inactive, []byte("{}"))
		if got, _ := given(e, second); got != "4" || second.has != 3 {
			t.Errorf("behind %q: then %q behind %d", id, got, second.has)
		}
		e.detach(second)
		attach(t, e, first, "4")
		if got, _ := given(e, first); got != "" {
			t.Errorf("behind all: %q", got)
		}
	}
}

func attach(t *testing.T, e *eventStream, r *reader, id string) {
	t.Helper()
	if reads, err := e.attach(r, positionOf(id)); err != nil || !reads {
		t.Fatalf("attach %q: %v, %v", id, reads, err)
	}
}

var idLine = regexp.MustCompile(`(?m)^id: (.*)$`)

// given returns the ids of the events that r must send now, and how many they are.
func given(e *eventStream, r *reader) (ids string, n int) {
	text, n, _ := e.next(r, nil)
	var all []string
	for _, m := range idLine.FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	return strings.Join(all, " "), n
}
