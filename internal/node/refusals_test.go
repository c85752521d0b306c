package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/webhook"
)

// counter returns a counter that knows the stream "live", its log and what it told.
func counter() (*refusalCounter, *bytes.Buffer, *[]webhook.Event) {
	var log bytes.Buffer
	var events []webhook.Event
	known := func(name string) bool { return name == "live" }
	return newRefusalCounter(slog.New(slog.NewTextHandler(&log, nil)), known, func(e webhook.Event) { events = append(events, e) }), &log, &events
}

func refusalOf(address int, stream string) signaling.Refusal {
	return signaling.Refusal{
		At: time.Unix(1, 0), Code: "token-invalid", Status: 401, Stream: stream, Action: "play",
		Address: netip.AddrFrom4([4]byte{10, 0, byte(address >> 8), byte(address)}),
	}
}

// TestRefusalsAreCounted: an attacker with more addresses than are kept apart fills
// neither memory nor log, and the numbers still add up.
func TestRefusalsAreCounted(t *testing.T) {
	c, log, events := counter()
	const addresses = 3 * maxRefusalGroups
	for range 2 {
		for n := range addresses {
			c.add(refusalOf(n, "live"))
		}
	}
	c.add(refusalOf(7, "live"))
	if len(c.groups) != maxRefusalGroups {
		t.Errorf("%d groups are kept", len(c.groups))
	}
	c.flush(time.Unix(11, 0))
	c.flush(time.Unix(21, 0)) // nothing new
	if len(*events) != 1 || (*events)[0].Type != webhook.AuthRefused {
		t.Fatalf("told %+v", *events)
	}
	told := (*events)[0].Details.(webhook.Refused) //nolint:forcetypeassert // a test
	if told.Total != 2*addresses+1 || len(told.Groups) != maxToldGroups || told.Others != told.Total-2*maxToldGroups-1 ||
		time.Time(told.From).Unix() != 1 || time.Time(told.To).Unix() != 11 {
		t.Errorf("%d in %d groups, %d others", told.Total, len(told.Groups), told.Others)
	}
	if g := told.Groups[0]; g.Count != 3 || g.Address != "10.0.0.7" || g.Stream != "live" {
		t.Errorf("%+v", g)
	}
	if n := strings.Count(log.String(), "\n"); n != maxToldGroups+1 || !strings.Contains(log.String(), fmt.Sprintf("code=others count=%d", told.Others)) {
		t.Errorf("%d lines", n)
	}
}

// TestRefusalsAreCountedOnce also while they are told of: with the race detector this test
// finds a counter that is told of and counted in at the same time.
func TestRefusalsAreCountedOnce(t *testing.T) {
	c, _, events := counter()
	var counting sync.WaitGroup
	for range 4 {
		counting.Go(func() {
			for n := range 500 {
				c.add(refusalOf(n%5, "live"))
			}
		})
	}
	for range 100 {
		c.flush(time.Now())
	}
	counting.Wait()
	c.flush(time.Now())
	sum := 0
	for _, e := range *events {
		sum += e.Details.(webhook.Refused).Total //nolint:forcetypeassert // a test
	}
	if sum != 2000 {
		t.Errorf("told of %d", sum)
	}
}

// TestUnknownStreamsAreNotNamed: a name may be a key in the wrong place.
func TestUnknownStreamsAreNotNamed(t *testing.T) {
	c, log, events := counter()
	c.add(refusalOf(1, "canary"))
	c.flush(time.Now())
	if shown := fmt.Sprintf("%s%+v", log, *events); strings.Contains(shown, "canary") || !strings.Contains(shown, "token-invalid") {
		t.Error(shown)
	}
}
