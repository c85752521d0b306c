package main

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay/relaytest"
)

// mostPerJoin bounds what a subscriber may cost Redis.
const mostPerJoin = 5

// operations are what Redis was asked about one stream.
type operations struct{ claims, renewals, lookups, watches, others int }

func (o operations) sum() int { return o.claims + o.renewals + o.lookups + o.watches + o.others }

// about counts the commands about a stream. Scripts are told apart by how many arguments
// they have, see relay's scripts.
func about(stream string, all []relaytest.Command) (o operations) {
	for _, c := range all {
		switch {
		case !c.About("{" + stream + "}"):
		case c.Name() == "subscribe", c.Name() == "unsubscribe":
			o.watches++
		case c.Name() != "evalsha":
			o.others++
		case len(c) == 8:
			o.lookups++
		case len(c) == 11:
			o.renewals++
		case len(c) == 13:
			o.claims++
		default:
			o.others++
		}
	}
	return o
}

// TestRedisOperations counts what real nodes ask of a real Redis: of a publisher, of the first and the second
// subscriber of a node, and while media flows. OPERATIONS is for how many seconds that is looked at.
func TestRedisOperations(t *testing.T) {
	redis := relaytest.Redis(t)
	a, b := startNode(t, redis, "--node-id=a"), startNode(t, redis, "--node-id=b")
	a.mustPublish("warm") // Redis knows the scripts
	b.watch("warm").goesOn("another stream")
	seen := redis.Monitor()

	a.mustPublish("cam")
	if o := about("cam", seen.Commands()); o.claims != 1 || o.sum()-o.renewals != 1 {
		t.Errorf("a publisher: %+v", o)
	}
	b.watch("cam").goesOn("a subscriber")
	o := after(seen, "cam", func(o operations) bool { return o.lookups == 2 })
	if n := o.sum() - o.renewals; o.lookups != 2 || o.watches != 1 || n > mostPerJoin {
		t.Errorf("the first subscriber of a node: %+v", o)
	}
	b.watch("cam").goesOn("a subscriber")
	if o := about("cam", seen.Commands()); o.sum() != o.renewals {
		t.Errorf("the second one: %+v", o)
	}
	a.watch("cam").goesOn("a subscriber")
	o = after(seen, "cam", func(o operations) bool { return o.watches == 1 })
	if n := o.sum() - o.renewals; o.watches != 1 || n > 1 {
		t.Errorf("the first one where the publisher is: %+v", o)
	}
	for range 6 {
		b.watch("cam")
		a.watch("cam")
	}
	wantRenewalsOnly(t, seen)
}

// after counts until enough has come, at most five seconds.
func after(seen *relaytest.Monitor, stream string, enough func(operations) bool) (o operations) {
	var all []relaytest.Command
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && !enough(o); time.Sleep(10 * time.Millisecond) {
		all = append(all, seen.Commands()...)
		o = about(stream, all)
	}
	return o
}

// wantRenewalsOnly lets media flow: thousands of packets, and a renewal for each second.
func wantRenewalsOnly(t *testing.T, seen *relaytest.Monitor) {
	t.Helper()
	seconds, err := strconv.Atoi(os.Getenv("OPERATIONS"))
	if err != nil {
		seconds = 4
	}
	seen.Commands()
	time.Sleep(time.Duration(seconds) * time.Second)
	all := seen.Commands()
	o := about("cam", all)
	if o.sum() != o.renewals || o.renewals > seconds+1 {
		t.Errorf("while media flows for %d s: %+v", seconds, o)
	}
	// Two nodes: each announces itself, reads the list of nodes and what was revoked; two streams.
	if most := (2*(1+2+1) + 2) * (seconds + 1); len(all) > most {
		t.Errorf("%d commands in %d s, want at most %d", len(all), seconds, most)
	}
	t.Logf("%d s of media to 15 subscribers: %d commands, of them %d for the stream", seconds, len(all), o.sum())
}
