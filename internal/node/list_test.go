package node

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/stream"
)

func TestListHoldsWhatTheGrantMayPlay(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	streams := []stream.Info{
		{Name: "cam-2", Since: since, Subscribers: 3},
		{Name: "stage", Since: since},
		{Name: "cam-1", Since: since},
		{Name: "cam-0"}, // only waited for: not live
	}
	grant := auth.Grant{Actions: []auth.Action{auth.Subscribe}, Streams: []string{"cam-*"}}
	got, err := json.Marshal(list(streams, grant))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"name":"cam-1","publishedSince":"2026-01-02T02:04:05.678Z","subscribers":0},` +
		`{"name":"cam-2","publishedSince":"2026-01-02T02:04:05.678Z","subscribers":3}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := list(streams, auth.Anyone()); len(got) != 3 {
		t.Errorf("anyone sees %d", len(got))
	}
	if got := list(streams, auth.Grant{Actions: []auth.Action{auth.Publish}, Streams: []string{"*"}}); len(got) != 0 || got == nil {
		t.Errorf("a publisher sees %v", got)
	}
}

func TestListIsBounded(t *testing.T) {
	streams := make([]stream.Info, maxListed+1)
	for i := range streams {
		streams[i] = stream.Info{Name: "s", Since: time.Unix(1, 0)}
	}
	if got := len(list(streams, auth.Anyone())); got != maxListed {
		t.Errorf("%d listed", got)
	}
}
