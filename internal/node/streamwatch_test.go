package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/internal/webhook"
)

// TestStreamWatch tells of changes alone, and begins anew with each publisher.
func TestStreamWatch(t *testing.T) {
	var got []string
	start := time.Unix(1000, 0)
	w := newStreamWatch(30*time.Second, func(name string) string { return "of-" + name }, func(e webhook.Event) {
		got = append(got, fmt.Sprintf("%s %s %s %v", e.Type, e.Stream, e.Session, e.Details))
	})
	at := func(second, publication, subscribers int, codes ...string) stream.Info {
		i := stream.Info{Name: "a", Since: start, Publication: uint64(publication), Subscribers: subscribers}
		for _, c := range codes {
			i.Diagnosis = append(i.Diagnosis, forwarder.Finding{Code: c, Text: c + " text"})
		}
		w.look(start.Add(time.Duration(second)*time.Second), []stream.Info{i})
		return i
	}
	want := func(want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		got = nil
	}
	at(0, 1, 0)
	at(29, 1, 0)
	want()
	at(30, 1, 0)
	want("stream.idle a of-a {30}")
	at(99, 1, 0, "x")
	want("diagnosis.found a of-a {x x text}")
	at(100, 1, 2, "x", "y")
	want("stream.watched a of-a {2}", "diagnosis.found a of-a {y y text}")
	at(101, 1, 0, "y")
	want("diagnosis.cleared a of-a {x }")
	at(131, 1, 0, "y")
	at(132, 1, 1, "y")
	want("stream.idle a of-a {30}", "stream.watched a of-a {1}")
	at(133, 2, 0, "y") // another publisher: its findings are its own
	want("diagnosis.found a of-a {y y text}")
	at(134, 0, 0)
	at(500, 3, 0) // its time alone begins with it
	at(529, 3, 0)
	want()
	elsewhere := at(530, 3, 0)
	want("stream.idle a of-a {30}")
	elsewhere.Links = 1 // its subscribers are at another node
	w.look(start.Add(531*time.Second), []stream.Info{elsewhere})
	want("stream.watched a of-a {0}")
	relayed := stream.Info{Name: "b", Since: start, Publication: 9, Relayed: true, Diagnosis: []forwarder.Finding{{Code: "x"}}}
	w.look(start.Add(532*time.Second), []stream.Info{elsewhere, relayed})
	w.look(start.Add(582*time.Second), []stream.Info{elsewhere, relayed})
	want()
	at(585, 3, 0)
	silent := at(615, 3, 0)
	want("stream.idle a of-a {30}")
	silent.Publication, silent.Since = 4, time.Time{} // sends nothing: not idle
	w.look(start.Add(650*time.Second), []stream.Info{silent})
	w.look(start.Add(700*time.Second), []stream.Info{silent})
	want()
	w.look(start.Add(701*time.Second), nil)
	if len(w.known) != 0 {
		t.Error("a stream that is gone is kept")
	}
}
