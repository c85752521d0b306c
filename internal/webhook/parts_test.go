package webhook

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSecretsAreWrittenAsTheStandardSays(t *testing.T) {
	coded := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, good := range map[string]bool{
		"whsec_" + coded(24): true,
		"whsec_" + coded(64): true,
		"whsec_" + coded(23): false,
		"whsec_" + coded(65): false,
		coded(32):            false,
		"whsec_canary!":      false,
		"canary":             false,
		"":                   false,
	} {
		b, err := ParseSecret(text)
		if (err == nil) != good || good && len(b) < 24 {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Error(err)
		}
	}
}

func TestNamesOfEvents(t *testing.T) {
	for name, want := range map[string]int{
		"all": len(Types()), "publish": 2, "subscriber": 2, "stream": 2, "diagnosis": 2, "auth": 1, "publish.ended": 1, "": 0, "publish.": 0, "x": 0,
	} {
		if got := Select(name); len(got) != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	if u := Usual(); len(u) != len(Types())-2 || slices.Contains(u, SubscriberJoined) {
		t.Errorf("%q", u)
	}
}

func event(stream string) *delivery {
	return &delivery{event: &Event{Type: PublishStarted, Stream: stream}}
}

// TestQueueKeepsAStreamsOrder: the first of each stream is next, when its time has come.
func TestQueueKeepsAStreamsOrder(t *testing.T) {
	now := time.Unix(1000, 0)
	var q queue
	a1, a2, b1, none := event("a"), event("a"), event("b"), event("")
	for _, d := range []*delivery{a1, a2, b1, none} {
		q.push(d)
	}
	want := func(d *delivery, at time.Time) {
		t.Helper()
		if got, when := q.next(now); got != d || !when.Equal(at) {
			t.Errorf("%v at %v", got, when)
		}
	}
	want(a1, time.Time{})
	a1.sending = true
	want(b1, time.Time{})
	b1.after = now.Add(time.Second)
	want(none, time.Time{})
	q.remove(none)
	want(nil, b1.after)
	now = b1.after
	want(b1, time.Time{})
	q.remove(a1)
	want(a2, time.Time{})
	a2.after = now.Add(time.Second)
	q.remove(b1)
	want(nil, a2.after)
	q.remove(a2)
	want(nil, time.Time{})
}

// TestFullOfWhatIsUnderWay: then the new one is what is dropped.
func TestFullOfWhatIsUnderWay(t *testing.T) {
	var q queue
	for n := range maxQueued {
		d := event(fmt.Sprint(n))
		d.sending = true
		if q.push(d) != nil {
			t.Fatal("dropped below the bound")
		}
	}
	if d := event("x"); q.push(d) != d || len(q.list) != maxQueued {
		t.Error("not dropped")
	}
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		tried  int
		chance float64
		want   time.Duration
	}{
		{1, 0, time.Second / 2},
		{1, 1, time.Second},
		{2, 1, 2 * time.Second},
		{6, 0.5, 24 * time.Second},
		{7, 1, time.Minute},
		{100, 0, time.Minute / 2},
	} {
		if got := backoff(test.tried, firstRetry, longestRetry, test.chance); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
